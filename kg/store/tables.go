package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"

	"github.com/quaestor-kg/quaestor/kg/store/internal/guard"
)

// checkTables looks at the tables that badger's manifest names before badger
// does: it trusts their footers and reads them in goroutines of its own, where
// a damaged byte ends the process. The index and the last block of each table,
// which badger reads when it opens, are always checked; after an unclean stop
// all blocks are.
func checkTables(dir string, all bool) error {
	name := filepath.Join(guard.DB(dir), badger.ManifestFilename)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a new store
	}
	if err != nil {
		return err
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, 0, badger.DefaultOptions(guard.DB(dir)).WithLogger(nil))
	if err != nil {
		return corrupt("%s: %v", name, err)
	}
	for id := range m.Tables {
		name := filepath.Join(guard.DB(dir), fmt.Sprintf("%06d.sst", id))
		if err := checkTable(name, all); err != nil {
			return corrupt("%s: %v", name, err)
		}
	}
	return nil
}

// trailer takes a checksum and its length off the end of b:
//
//	data | checksum (protobuf) | its length (4, big-endian)
func trailer(b []byte) (data []byte, sum *pb.Checksum, err error) {
	if len(b) < 4 {
		return nil, nil, errors.New("too short")
	}
	n := int(binary.BigEndian.Uint32(b[len(b)-4:]))
	b = b[:len(b)-4]
	if n > len(b) {
		return nil, nil, fmt.Errorf("checksum of %d bytes in %d", n, len(b))
	}
	sum = &pb.Checksum{}
	if err := proto.Unmarshal(b[len(b)-n:], sum); err != nil {
		return nil, nil, err
	}
	if sum.Algo != pb.Checksum_CRC32C && sum.Algo != pb.Checksum_XXHash64 {
		return nil, nil, fmt.Errorf("checksum of kind %d", sum.Algo)
	}
	return b[:len(b)-n], sum, nil
}

func checkTable(name string, all bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// The footer: index | its length (4) | checksum of the index | its length (4).
	const footer = 256
	foot := make([]byte, min(info.Size(), footer))
	if _, err := f.ReadAt(foot, info.Size()-int64(len(foot))); err != nil {
		return err
	}
	rest, sum, err := trailer(foot)
	if err != nil || len(rest) < 4 {
		return fmt.Errorf("footer: %v", err)
	}
	size := int64(binary.BigEndian.Uint32(rest[len(rest)-4:]))
	start := info.Size() - int64(len(foot)-len(rest)) - 4 - size
	if start < 0 {
		return fmt.Errorf("footer: index of %d bytes in a file of %d", size, info.Size())
	}
	index := make([]byte, size)
	if _, err := f.ReadAt(index, start); err != nil {
		return err
	}
	if err := y.VerifyChecksum(index, sum); err != nil {
		return fmt.Errorf("index: %v", err)
	}
	// The checksum vouches for the structure.
	t := fb.GetRootAsTableIndex(index, 0)
	n := t.OffsetsLength()
	if n == 0 {
		return errors.New("index: no blocks")
	}
	first := n - 1
	if all {
		first = 0
	}
	var at fb.BlockOffset
	for i := first; i < n; i++ {
		if !t.Offsets(&at, i) || int64(at.Offset())+int64(at.Len()) > start {
			return fmt.Errorf("block %d lies outside", i)
		}
		b := make([]byte, at.Len())
		if _, err := f.ReadAt(b, int64(at.Offset())); err != nil {
			return err
		}
		data, sum, err := trailer(b)
		if err == nil {
			err = y.VerifyChecksum(data, sum)
		}
		if err != nil {
			return fmt.Errorf("block %d at %d: %v", i, at.Offset(), err)
		}
	}
	return nil
}
