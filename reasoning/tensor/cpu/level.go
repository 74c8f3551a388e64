package cpu

import "os"

// Level names a family of kernels.
type Level int

// The levels, from the one that runs everywhere to the fastest.
const (
	Portable Level = iota // plain Go
	AVX2                  // AVX2, FMA and F16C: x86-64-v3
	AVX512                // AVX-512 F, BW, DQ, VL: x86-64-v4
	VNNI                  // AVX512 and its dot products of bytes
)

func (l Level) String() string {
	return [...]string{"portable", "avx2", "avx512", "vnni"}[l]
}

// level is set once, before main; only tests change it.
var level = choose()

// choose lowers the detected level to the one QUAESTOR_CPU names, so that one
// machine can measure all kernels; it never raises it.
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
