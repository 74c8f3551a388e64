//go:build !linux

package decode

func resident() int64 { return 0 }

// Available returns the bytes of memory that the process may still take; here
// that is unknown, 0.
func Available() int64 { return 0 }
