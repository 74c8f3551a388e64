//go:build gpu && linux && cgo

package cuda

import (
	"embed"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/quaestor-kg/quaestor/internal/cudashim"
)

//go:embed ptx/*.ptx
var ptx embed.FS

// Device is a GPU with the kernels loaded. A CUDA context belongs to an OS
// thread: one goroutine, locked to its thread, makes all calls, and whole passes
// are handed to it, because handing over costs more than a launch.
type Device struct {
	name          string
	driver        int
	major, minor  int
	multiproc     int
	ctx           cu.CUContext
	stream        cu.Stream
	functions     map[string]cu.Function
	work          chan func()
	closeOnce     sync.Once
	closed        chan struct{}
	launches      map[string]int64
	launchesMutex sync.Mutex
}

// Open makes a context on GPU number i and loads the kernels.
func Open(i int) (*Device, error) {
	n, err := cu.NumDevices()
	if err != nil || n <= i {
		why := cudashim.Err()
		if why == nil {
			why = err
		}
		return nil, fmt.Errorf("%w: %d found: %v", ErrNoDevice, n, why)
	}
	d := &Device{work: make(chan func()), functions: map[string]cu.Function{}, closed: make(chan struct{}), launches: map[string]int64{}}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for {
			select {
			case f := <-d.work:
				f()
			case <-d.closed:
				return
			}
		}
	}()
	if err := d.Do(func() error { return d.open(i) }); err != nil {
		d.Close()
		return nil, fmt.Errorf("cuda: device %d: %w", i, err)
	}
	return d, nil
}

func (d *Device) open(i int) error {
	dev, err := cu.GetDevice(i)
	if err != nil {
		return err
	}
	if d.name, err = dev.Name(); err != nil {
		return err
	}
	d.driver = cu.Version()
	attributes := []struct {
		of   cu.DeviceAttribute
		into *int
	}{{cu.ComputeCapabilityMajor, &d.major}, {cu.ComputeCapabilityMinor, &d.minor}, {cu.MultiprocessorCount, &d.multiproc}}
	for _, a := range attributes {
		if *a.into, err = dev.Attribute(a.of); err != nil {
			return err
		}
	}
	if d.major < 8 {
		return fmt.Errorf("%s has compute capability %d.%d, the kernels need 8.0 (Ampere) or newer", d.name, d.major, d.minor)
	}
	if d.ctx, err = dev.MakeContext(cu.SchedAuto); err != nil {
		return err
	}
	if d.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return err
	}
	entries, err := ptx.ReadDir("ptx")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := ptx.ReadFile("ptx/" + e.Name())
		if err != nil {
			return err
		}
		mod, err := cu.LoadData(string(text))
		if err != nil {
			return fmt.Errorf("load %s: %w", e.Name(), err)
		}
		for line := range strings.Lines(string(text)) {
			_, rest, ok := strings.Cut(line, ".entry ")
			if !ok {
				continue
			}
			name, _, _ := strings.Cut(rest, "(")
			if d.functions[name], err = mod.Function(name); err != nil {
				return fmt.Errorf("%s: kernel %s: %w", e.Name(), name, err)
			}
		}
	}
	return nil
}

// Do runs f on the device's thread. Everything below but Do and Close must be
// called from within such an f.
func (d *Device) Do(f func() error) error {
	done := make(chan error, 1)
	select {
	case d.work <- func() { done <- f() }:
		return <-done
	case <-d.closed:
		return errors.New("cuda: the device is closed")
	}
}

// Name returns the card's name.
func (d *Device) Name() string { return d.name }

// Driver returns the CUDA version that the driver supports, 1000*major + 10*minor.
func (d *Device) Driver() int { return d.driver }

// Capability returns the card's compute capability and its multiprocessors.
func (d *Device) Capability() (major, minor, multiprocessors int) {
	return d.major, d.minor, d.multiproc
}

// Memory returns the free and the whole memory in bytes.
func (d *Device) Memory() (free, total int64, err error) {
	err = d.Do(func() (err error) { free, total, err = cu.MemInfo(); return })
	return
}

// Launches returns how often each kernel was launched, not counting repetitions
// of a graph.
func (d *Device) Launches() map[string]int64 {
	d.launchesMutex.Lock()
	defer d.launchesMutex.Unlock()
	out := make(map[string]int64, len(d.launches))
	for k, v := range d.launches {
		out[k] = v
	}
	return out
}

// Close destroys the context and all that was allocated in it.
func (d *Device) Close() (err error) {
	d.closeOnce.Do(func() {
		err = d.Do(func() error {
			if d.name == "" {
				return nil
			}
			return d.ctx.Destroy()
		})
		close(d.closed)
	})
	return err
}

// Buffer is device memory.
type Buffer struct {
	p cu.DevicePtr
	n int64
}

// Bytes returns its size.
func (b Buffer) Bytes() int64 { return b.n }

// At returns the part of it from a byte offset on.
func (b Buffer) At(offset int64) Buffer { return Buffer{b.p + cu.DevicePtr(offset), b.n - offset} }

// Alloc takes n bytes of device memory; their contents are undefined.
func (d *Device) Alloc(n int64) (Buffer, error) {
	p, err := cu.MemAlloc(max(n, 1))
	if err != nil {
		free, total, _ := cu.MemInfo()
		return Buffer{}, fmt.Errorf("cuda: %s: %d bytes wanted, %d of %d free: %w", d.name, n, free, total, outOfMemory(err))
	}
	return Buffer{p, n}, nil
}

// outOfMemory makes the driver's error one that errors.Is knows.
func outOfMemory(err error) error {
	if strings.Contains(strings.ToLower(err.Error()), "memory") {
		return errors.Join(cudashim.ErrOutOfMemory, err)
	}
	return err
}

// Free gives device memory back; the zero Buffer is allowed.
func (d *Device) Free(bufs ...Buffer) (err error) {
	for _, b := range bufs {
		if b.p != 0 {
			err = errors.Join(err, cu.MemFree(b.p))
		}
	}
	return err
}

// Zero sets all bytes of a buffer to zero.
func (d *Device) Zero(b Buffer) error { return cu.MemsetD8(b.p, 0, b.n) }

// copy copies n bytes within the device.
func (d *Device) copy(to, from Buffer, n int64) error { return cu.MemcpyDtoD(to.p, from.p, n) }

// copyAsync queues a copy of n bytes within the device.
func (d *Device) copyAsync(to, from Buffer, n int64) error {
	return cu.MemcpyDtoDAsync(to.p, from.p, n, d.stream)
}

// Upload allocates a buffer for a slice and copies it there.
func Upload[T any](d *Device, v []T) (Buffer, error) {
	b, err := d.Alloc(size(v))
	if err != nil {
		return b, err
	}
	return b, Write(d, b, v)
}

// Write copies a slice to the beginning of a buffer.
func Write[T any](d *Device, b Buffer, v []T) error {
	if len(v) == 0 {
		return nil
	}
	if size(v) > b.n {
		return fmt.Errorf("cuda: %d bytes do not fit a buffer of %d", size(v), b.n)
	}
	return cu.MemcpyHtoD(b.p, unsafe.Pointer(unsafe.SliceData(v)), size(v))
}

// Read waits for all launches and copies the beginning of a buffer to a slice.
func Read[T any](d *Device, b Buffer, v []T) error {
	if len(v) == 0 {
		return nil
	}
	if size(v) > b.n {
		return fmt.Errorf("cuda: %d bytes wanted of a buffer of %d", size(v), b.n)
	}
	if err := d.stream.Synchronize(); err != nil {
		return err
	}
	return cu.MemcpyDtoH(unsafe.Pointer(unsafe.SliceData(v)), b.p, size(v))
}

func size[T any](v []T) int64 {
	var z T
	return int64(len(v)) * int64(unsafe.Sizeof(z))
}

// Launch queues a kernel. gorgonia.org/cu reads eight bytes at each parameter,
// so every argument is widened to a uint64: Buffer, int, int32, int64 and
// float32 are what the kernels take; an int is passed as an int32, which C calls
// int, an int64 as long.
func (d *Device) Launch(kernel string, grid, block [3]int, args ...any) error {
	fn, ok := d.functions[kernel]
	if !ok {
		return fmt.Errorf("cuda: there is no kernel %s", kernel)
	}
	words := make([]uint64, len(args))
	ptrs := make([]unsafe.Pointer, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case Buffer:
			words[i] = uint64(v.p)
		case int:
			if int(int32(v)) != v {
				return fmt.Errorf("cuda: %s: argument %d: %d does not fit 32 bits", kernel, i, v)
			}
			words[i] = uint64(uint32(int32(v)))
		case int32:
			words[i] = uint64(uint32(v))
		case int64:
			words[i] = uint64(v)
		case bool:
			if v {
				words[i] = 1
			}
		case float32:
			*(*float32)(unsafe.Pointer(&words[i])) = v
		default:
			return fmt.Errorf("cuda: %s: argument %d is a %T", kernel, i, a)
		}
		ptrs[i] = unsafe.Pointer(&words[i])
	}
	d.launchesMutex.Lock()
	d.launches[kernel]++
	d.launchesMutex.Unlock()
	if err := fn.Launch(grid[0], grid[1], grid[2], block[0], block[1], block[2], 0, d.stream, ptrs); err != nil {
		return fmt.Errorf("cuda: %s, grid %v, block %v: %w", kernel, grid, block, err)
	}
	return nil
}

// Wait returns when everything launched has run, with its error if it failed.
func (d *Device) Wait() error { return d.stream.Synchronize() }

// Capture records the launches of f as a graph; none of them runs.
func (d *Device) Capture(f func() error) (cudashim.Graph, error) {
	return cudashim.Capture(d.stream, f)
}

// Replay runs a graph.
func (d *Device) Replay(g cudashim.Graph) error { return g.Launch(d.stream) }

// Time returns the milliseconds that the launches of f take on the device.
func (d *Device) Time(f func() error) (ms float64, err error) {
	from, err := cu.MakeEvent(cu.DefaultEvent)
	if err != nil {
		return 0, err
	}
	to, err := cu.MakeEvent(cu.DefaultEvent)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cu.DestroyEvent(&from), cu.DestroyEvent(&to)) }()
	if err := from.Record(d.stream); err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	if err := to.Record(d.stream); err != nil {
		return 0, err
	}
	if err := to.Synchronize(); err != nil {
		return 0, err
	}
	return from.Elapsed(to)
}

// Registers returns what the driver's compiler gave a kernel: registers of a
// thread, bytes of local memory (spills), bytes of shared memory of a block.
func (d *Device) Registers(kernel string) (registers, local, shared int, err error) {
	fn, ok := d.functions[kernel]
	if !ok {
		return 0, 0, 0, fmt.Errorf("cuda: there is no kernel %s", kernel)
	}
	if registers, err = cudashim.Attribute(fn, cudashim.Registers); err != nil {
		return
	}
	if local, err = cudashim.Attribute(fn, cudashim.LocalBytes); err != nil {
		return
	}
	shared, err = cudashim.Attribute(fn, cudashim.SharedBytes)
	return
}
