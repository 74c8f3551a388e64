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
