// Package kernel is the arithmetic of link prediction: the score of a batch of
// queries against every entity, its loss, and the gradients of both, in one
// fused pass; and the updates of optimisers.
//
// Every kernel exists twice: in plain Go, which says what is computed and runs
// everywhere, and in assembly for AVX2+FMA and for AVX-512, chosen at run time.
// The two assembly levels give the same bits, because every element of a result
// is one chain of fused multiply-adds in one fixed order. No result depends on
// the number of threads.
package kernel
