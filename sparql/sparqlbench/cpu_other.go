//go:build !unix

package sparqlbench

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
