// Package cuda is the backend of decoders on NVIDIA GPUs: kernels as CUDA C++
// sources, compiled to PTX that is committed and embedded, and their host side
// through gorgonia.org/cu. It is part of builds with the tag gpu on Linux with
// cgo; other builds, and machines without a driver, get an error from Open that
// says so. The same host code and kernels run without a GPU on the emulation in
// emu/ (make test-emu).
package cuda

//go:generate go run ./kernels/gen kernels ptx

import "errors"

// ErrNoDevice is wrapped by the error of Open when there is no GPU to use.
var ErrNoDevice = errors.New("no CUDA device")
