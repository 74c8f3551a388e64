//go:build !unix

package store

import "time"

var started = time.Now()

// cpuSeconds is wall time where processor time cannot be asked.
func cpuSeconds() float64 { return time.Since(started).Seconds() }
