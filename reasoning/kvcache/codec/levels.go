package codec

import "math"

// rmsClip is the half width of the grid of b bits that has the least error on
// normal numbers, in standard deviations (QuEST, arXiv 2502.05003).
var rmsClip = [9]float64{1: 0.79788, 2: 1.49353, 3: 2.05107, 4: 2.51393, 5: 2.91609, 6: 3.27660, 7: 3.60105, 8: 3.88494}

// lloyd are the positive halves of the Lloyd-Max levels of normal numbers, as
// TurboQuant (arXiv 2504.19874) uses them.
var lloyd = [5][]float64{
	1: {0.797885},
	2: {0.452780, 1.510418},
	3: {0.245094, 0.756005, 1.343909, 2.151946},
	4: {0.128395, 0.388048, 0.656759, 0.942340, 1.256231, 1.618046, 2.069017, 2.732590},
}

// levels returns the levels of a kind at b bits, ascending.
func levels(k Kind, b int) []float32 {
	n := 1 << b
	out := make([]float32, n)
	for c := range out {
		switch k {
		case MinMax:
			out[c] = float32(c)
		case MidRise:
			out[c] = float32(c) + 0.5
		case RMS:
			out[c] = float32(2*c - (n - 1))
		case Symmetric:
			out[c] = float32(c - n/2)
		case Lloyd:
			half := lloyd[b]
			if c < n/2 {
				out[c] = -float32(half[n/2-1-c])
			} else {
				out[c] = float32(half[c-n/2])
			}
		}
	}
	return out
}

// roundEven is math.RoundToEven for numbers that are small: the reference
// quantisers round half to even.
func roundEven(x float32) float32 { return float32(math.RoundToEven(float64(x))) }
