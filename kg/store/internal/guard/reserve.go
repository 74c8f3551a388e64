package guard

import "os"

// reserve fills a file with zeros that take disk space, which a sparse file
// would not.
func reserve(f *os.File, bytes int64) error {
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < bytes; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), bytes-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}
