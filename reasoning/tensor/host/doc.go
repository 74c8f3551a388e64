// Package host is the tensor.Backend of the processor: the forward pass of
// decoders over the kernels of package cpu.
//
// Read Forward in decoder.go: it is the whole network, top to bottom.
package host
