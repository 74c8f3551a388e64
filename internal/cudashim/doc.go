// Package cudashim lets a program that imports gorgonia.org/cu link with no
// CUDA install and start with no NVIDIA driver: it defines the driver's
// functions itself and loads libcuda.so.1 (or $CUDA_DRIVER_LIB) when they are
// first called. Import it, for its side effect, beside gorgonia.org/cu. It has
// code in builds with the tag gpu only.
package cudashim
