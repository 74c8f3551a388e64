package kernel

import "math"

func abs(x float32) float32            { return float32(math.Abs(float64(x))) }
func sqrt(x float32) float32           { return float32(math.Sqrt(float64(x))) }
func float32bits(x float32) uint32     { return math.Float32bits(x) }
func float32frombits(b uint32) float32 { return math.Float32frombits(b) }
