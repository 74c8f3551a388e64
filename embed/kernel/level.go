package kernel

import "os"

// Level names a family of kernels.
type Level int

// The levels, from the one that runs everywhere to the fastest.
const (
	Portable Level = iota // plain Go
	AVX2                  // AVX2 and FMA
	AVX512                // AVX-512 F and DQ
)

func (l Level) String() string { return [...]string{"portable", "avx2", "avx512"}[l] }

// level is set once, before main; only tests change it.
var level = choose()

// choose lowers the detected level to the one that QUAESTOR_CPU names; it never
// raises it.
func choose() Level {
	best := detect()
	for l := Portable; l <= best; l++ {
		if os.Getenv("QUAESTOR_CPU") == l.String() {
			return l
		}
	}
	return best
}

// Current says which kernels run on this machine.
func Current() Level { return level }
