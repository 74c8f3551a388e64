package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Quantize stores src as t: the floats and the formats that a model of ours is
// saved in. Q8_0 takes blocks of 32 with d = max |x| / 127.
func Quantize(t Type, src []float32) ([]byte, error) {
	block, size := t.Block()
	if block == 0 || len(src)%block != 0 {
		return nil, fmt.Errorf("cannot store %d values as %v", len(src), t)
	}
	dst := make([]byte, len(src)/block*size)
	le := binary.LittleEndian
	for out := dst; len(src) > 0; src, out = src[block:], out[size:] {
		switch t {
		case F32:
			le.PutUint32(out, math.Float32bits(src[0]))
		case F16:
			le.PutUint16(out, FloatToHalf(src[0]))
		case BF16:
			le.PutUint16(out, FloatToBFloat(src[0]))
		case Q8_0:
			var top float32
			for _, x := range src[:32] {
				top = max(top, float32(math.Abs(float64(x))))
			}
			h := FloatToHalf(top / 127)
			if h >= 0x7c00 {
				return nil, fmt.Errorf("cannot store %g as Q8_0: not finite or above 8 million", top)
			}
			le.PutUint16(out, h)
			d := HalfToFloat(h)
			for i, x := range src[:32] {
				if d != 0 {
					out[2+i] = byte(int8(max(-127, min(127, math.RoundToEven(float64(x/d))))))
				}
			}
		default:
			return nil, fmt.Errorf("writing %v is not supported: use F32, F16, BF16 or Q8_0", t)
		}
	}
	return dst, nil
}
