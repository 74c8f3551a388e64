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
