package cpu

import "math"

// The plain forms of the vector operations: what vector.go promises.

func sqrt(x float64) float64 { return math.Sqrt(x) }
func log(x float64) float64  { return math.Log(x) }

func dotRef(x, y []float32) float32 {
	var sum float64
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return float32(sum)
}

func axpyRef(alpha float32, x, y []float32) {
	for i, v := range x {
		y[i] += alpha * v
	}
}

func scaleRef(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

func mulRef(dst, x, w []float32, scale float32) {
	for i := range dst {
		dst[i] = x[i] * scale * w[i]
	}
}

func maxRef(x []float32) float32 {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	return top
}

func expSumRef(x []float32, shift float32) float32 {
	var sum float64
	for i, v := range x {
		e := math.Exp(max(-87, float64(v-shift)))
		x[i] = float32(e)
		sum += e
	}
	return float32(sum)
}

func swigluRef(dst, gate, up []float32) {
	for i := range dst {
		g := float64(gate[i])
		dst[i] = float32(g/(1+math.Exp(-g))) * up[i]
	}
}

func geluRef(x []float32) {
	for i, v := range x {
		x[i] = float32(0.5 * float64(v) * (1 + math.Erf(float64(v)/math.Sqrt2)))
	}
}
