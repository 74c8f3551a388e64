package decode

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// resident returns the bytes of the process that are in memory, 0 if unknown.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// Available returns the bytes of memory that the process may still take without
// driving others out: what the system has, or what its control group leaves. 0
// if unknown.
func Available() int64 {
	free := int64(0)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		if _, rest, ok := bytes.Cut(b, []byte("MemAvailable:")); ok {
			if f := strings.Fields(string(rest[:min(64, len(rest))])); len(f) > 0 {
				kib, _ := strconv.ParseInt(f[0], 10, 64)
				free = kib << 10
			}
		}
	}
	number := func(name string) (int64, bool) {
		b, err := os.ReadFile("/sys/fs/cgroup/" + name)
		if err != nil {
			return 0, false
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		return n, err == nil // "max" is no number
	}
	if limit, ok := number("memory.max"); ok {
		if used, ok := number("memory.current"); ok && (free == 0 || limit-used < free) {
			free = max(0, limit-used)
		}
	}
	return free
}
