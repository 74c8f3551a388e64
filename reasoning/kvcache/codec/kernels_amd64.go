package codec

//go:noescape
func blockHalf3AVX512(k int, q *float32, ldq int, keys *uint16, s *float32, lds int)

//go:noescape
func blockHalf1AVX512(k int, q *float32, ldq int, keys *uint16, s *float32, lds int)

//go:noescape
func blockHalf1AVX2(k int, q *float32, ldq int, keys *uint16, s *float32, lds int)

//go:noescape
func blockSingle3AVX512(k int, q *float32, ldq int, keys *float32, s *float32, lds int)

//go:noescape
func blockSingle1AVX512(k int, q *float32, ldq int, keys *float32, s *float32, lds int)

//go:noescape
func blockSingle1AVX2(k int, q *float32, ldq int, keys *float32, s *float32, lds int)

//go:noescape
func keys2x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values2x3AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)

//go:noescape
func keys2x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values2x6AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)

//go:noescape
func keys2x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values2x3AVX2(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)

//go:noescape
func keys4x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values4x3AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)

//go:noescape
func keys4x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values4x6AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)

//go:noescape
func keys4x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values4x3AVX2(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)

//go:noescape
func keys8x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values8x3AVX512(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int)

//go:noescape
func keys8x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values8x6AVX512(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int)

//go:noescape
func keys8x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)

//go:noescape
func values8x3AVX2(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int)

//go:noescape
func hadamardAVX2(n int, x *float32, scale float32)

//go:noescape
func prefetch(lines int, p *byte)
