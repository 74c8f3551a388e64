// Package cpu holds the arithmetic of transformers for the processor: matrix
// products, norms, softmax, attention over cached keys, and products with
// quantised weights.
//
// Every kernel exists twice: in plain Go (files named ..._ref.go), which says
// what is computed and runs everywhere, and in assembly for AVX2+FMA and for
// AVX-512, chosen at run time. Tests compare them on random shapes. All
// matrices are row-major float32; a "leading dimension" is the distance
// between rows in floats.
//
// Results do not depend on the number of threads: work is split over output
// elements, never over the summed axis.
package cpu
