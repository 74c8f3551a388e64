//go:build gpu

package cudashim

// #include "shim.h"
// #define CALL(name, type, ...) do { static fn_t slot_; fn_t call_ = cudashim_sym(&slot_, name); return call_ ? ((type)call_)(__VA_ARGS__) : 100; } while (0)
// static int fnSetAttr(W f, int a, int v) { CALL("cuFuncSetAttribute", int (*)(W, int, int), f, a, v); }
// static int fnGetAttr(int *v, int a, W f) { CALL("cuFuncGetAttribute", int (*)(int *, int, W), v, a, f); }
// static int hostAlloc(void **p, size_t n, unsigned fl) { CALL("cuMemHostAlloc", int (*)(void **, size_t, unsigned), p, n, fl); }
// static int memAllocAsync(unsigned long long *p, size_t n, W st) { CALL("cuMemAllocAsync", int (*)(unsigned long long *, size_t, W), p, n, st); }
// static int memFreeAsync(unsigned long long p, W st) { CALL("cuMemFreeAsync", int (*)(unsigned long long, W), p, st); }
// static int beginCapture(W st, int mode) { CALL("cuStreamBeginCapture_v2", int (*)(W, int), st, mode); }
// static int endCapture(W st, W *g) { CALL("cuStreamEndCapture", int (*)(W, W *), st, g); }
// static int graphInstantiate(W *x, W g) { CALL("cuGraphInstantiateWithFlags", int (*)(W *, W, unsigned long long), x, g, 0); }
// static int graphLaunch(W x, W st) { CALL("cuGraphLaunch", int (*)(W, W), x, st); }
// static int graphExecDestroy(W x) { CALL("cuGraphExecDestroy", int (*)(W), x); }
// static int graphDestroy(W g) { CALL("cuGraphDestroy", int (*)(W), g); }
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Calls that gorgonia.org/cu v0.9.6 does not wrap, or wraps without what they
// need.

// ErrOutOfMemory is wrapped by the error of a call that found too little device
// memory (CUDA_ERROR_OUT_OF_MEMORY).
var ErrOutOfMemory = errors.New("out of device memory")

// Attributes of a function (CUfunction_attribute).
const (
	SharedBytes      = 1 // static shared memory of a block
	LocalBytes       = 3 // local memory of a thread: spilled registers
	Registers        = 4 // of a thread
	maxDynamicShared = 8
)

// AllowShared lets launches of f use up to n bytes of dynamic shared memory
// (more than 48 KiB needs it).
func AllowShared(f cu.Function, n int) error {
	return code(C.fnSetAttr(handle(&f), maxDynamicShared, C.int(n)))
}

// Attribute returns one of the attributes above.
func Attribute(f cu.Function, attribute int) (int, error) {
	var v C.int
	err := code(C.fnGetAttr(&v, C.int(attribute), handle(&f)))
	return int(v), err
}

// HostAlloc returns n bytes of page-locked host memory, for asynchronous copies;
// cu.MemFreeHost frees them.
func HostAlloc(n int) (p unsafe.Pointer, err error) {
	err = code(C.hostAlloc(&p, C.size_t(n), 0))
	return
}

// MemAllocAsync allocates device memory in the order of a stream.
func MemAllocAsync(n int64, s cu.Stream) (cu.DevicePtr, error) {
	var p C.ulonglong
	err := code(C.memAllocAsync(&p, C.size_t(n), handle(&s)))
	return cu.DevicePtr(p), err
}

// MemFreeAsync frees what MemAllocAsync gave, in the order of a stream.
func MemFreeAsync(p cu.DevicePtr, s cu.Stream) error {
	return code(C.memFreeAsync(C.ulonglong(p), handle(&s)))
}

// Graph is a captured sequence of launches, ready to be repeated.
type Graph struct{ exec C.W }

// Capture records what f launches on the stream, which must not be the default
// one, and makes a graph of it.
func Capture(s cu.Stream, f func() error) (Graph, error) {
	const threadLocal = 1 // other threads may go on with calls that a capture forbids
	if err := code(C.beginCapture(handle(&s), threadLocal)); err != nil {
		return Graph{}, err
	}
	ferr := f()
	var g C.W
	err := code(C.endCapture(handle(&s), &g))
	if err = errors.Join(ferr, err); err != nil {
		return Graph{}, err
	}
	var x Graph
	err = code(C.graphInstantiate(&x.exec, g))
	return x, errors.Join(err, code(C.graphDestroy(g)))
}

// Launch repeats the recorded launches on a stream.
func (g Graph) Launch(s cu.Stream) error { return code(C.graphLaunch(g.exec, handle(&s))) }

// Destroy frees the graph.
func (g Graph) Destroy() error { return code(C.graphExecDestroy(g.exec)) }

// handle returns the driver's handle within a cu.Function or cu.Stream, both of
// which are structs of nothing else.
func handle[T cu.Function | cu.Stream](v *T) C.W { return *(*C.W)(unsafe.Pointer(v)) }

func code(r C.int) error {
	switch r {
	case 0:
		return nil
	case 2:
		return fmt.Errorf("CUDA error 2: %w", ErrOutOfMemory)
	}
	return fmt.Errorf("CUDA error %d", int(r))
}
