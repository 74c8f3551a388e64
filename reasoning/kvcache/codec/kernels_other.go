//go:build !amd64

package codec

// There is no assembly for this processor; level is Portable and nothing here
// is called.

func blockHalf3AVX512(k int, q *float32, ldq int, keys *uint16, s *float32, lds int) {
	panic("no assembly")
}

func blockHalf1AVX512(k int, q *float32, ldq int, keys *uint16, s *float32, lds int) {
	panic("no assembly")
}

func blockHalf1AVX2(k int, q *float32, ldq int, keys *uint16, s *float32, lds int) {
	panic("no assembly")
}

func blockSingle3AVX512(k int, q *float32, ldq int, keys *float32, s *float32, lds int) {
	panic("no assembly")
}

func blockSingle1AVX512(k int, q *float32, ldq int, keys *float32, s *float32, lds int) {
	panic("no assembly")
}

func blockSingle1AVX2(k int, q *float32, ldq int, keys *float32, s *float32, lds int) {
	panic("no assembly")
}

func keys2x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values2x3AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func keys2x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values2x6AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func keys2x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values2x3AVX2(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func keys4x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values4x3AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func keys4x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values4x6AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func keys4x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values4x3AVX2(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func keys8x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values8x3AVX512(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func keys8x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values8x6AVX512(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func keys8x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool) {
	panic("no assembly")
}

func values8x3AVX2(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int) {
	panic("no assembly")
}

func hadamardAVX2(n int, x *float32, scale float32) { panic("no assembly") }

func prefetch(lines int, p *byte) { panic("no assembly") }
