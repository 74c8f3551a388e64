package codec

import (
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// BlockTokens is the number of positions of a block of exact keys.
const BlockTokens = 16

// level is which kernels run; only tests change it.
var level = cpu.Current()

// BlockScores sets s[i*lds+t], for t < BlockTokens, to the product of query i,
// q [m][dim], with key t of a block, keys [dim][BlockTokens] in 16 or 32 bits.
func BlockScores[T cpu.Half | float32](m, dim int, q []float32, keys []T, s []float32, lds int) {
	if m == 0 {
		return
	}
	if dim == 0 || lds < BlockTokens || len(q) < m*dim || len(keys) < dim*BlockTokens || len(s) < (m-1)*lds+BlockTokens {
		panic("codec.BlockScores: slice too short")
	}
	if level == cpu.Portable || dim%4 != 0 {
		blockScoresRef(m, dim, q, keys, s, lds)
		return
	}
	i := 0
	switch keys := any(keys).(type) {
	case []cpu.Half:
		for ; level >= cpu.AVX512 && i+3 <= m; i += 3 {
			blockHalf3AVX512(dim, &q[i*dim], dim, &keys[0], &s[i*lds], lds)
		}
		for ; i < m; i++ {
			if level >= cpu.AVX512 {
				blockHalf1AVX512(dim, &q[i*dim], dim, &keys[0], &s[i*lds], lds)
			} else {
				blockHalf1AVX2(dim, &q[i*dim], dim, &keys[0], &s[i*lds], lds)
			}
		}
	case []float32:
		for ; level >= cpu.AVX512 && i+3 <= m; i += 3 {
			blockSingle3AVX512(dim, &q[i*dim], dim, &keys[0], &s[i*lds], lds)
		}
		for ; i < m; i++ {
			if level >= cpu.AVX512 {
				blockSingle1AVX512(dim, &q[i*dim], dim, &keys[0], &s[i*lds], lds)
			} else {
				blockSingle1AVX2(dim, &q[i*dim], dim, &keys[0], &s[i*lds], lds)
			}
		}
	}
}

// blockScoresRef is BlockScores in its plainest form.
func blockScoresRef[T cpu.Half | float32](m, dim int, q []float32, keys []T, s []float32, lds int) {
	half, isHalf := any(keys).([]cpu.Half)
	single, _ := any(keys).([]float32)
	for i := range m {
		row := s[i*lds : i*lds+BlockTokens]
		clear(row)
		for c := range dim {
			x := q[i*dim+c]
			for t := range row {
				if isHalf {
					row[t] += x * tensor.HalfToFloat(half[c*BlockTokens+t])
				} else {
					row[t] += x * single[c*BlockTokens+t]
				}
			}
		}
	}
}
