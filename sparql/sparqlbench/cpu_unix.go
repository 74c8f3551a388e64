//go:build unix

package sparqlbench

import (
	"syscall"
	"time"
)

// cpuTime is the time on the processor of all threads so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
