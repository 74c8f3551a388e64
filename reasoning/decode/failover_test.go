package decode

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/host"
)

// fragile is a backend that computes right until its device breaks.
type fragile struct {
	tensor.Backend
	pool   *cpu.Pool
	passes int // until it breaks
	closed bool
}

func (f *fragile) Name() string { return "fragile" }

func (f *fragile) Close() error {
	f.closed = true
	f.pool.Close()
	return nil
}

func (f *fragile) Decoder(spec *tensor.Llama) (tensor.Decoder, error) {
	d, err := f.Backend.Decoder(spec)
	return &fragileDecoder{d, f}, err
}

type fragileDecoder struct {
	tensor.Decoder
	f *fragile
}

func (d *fragileDecoder) Forward(p *tensor.Pass) {
	if d.f.passes--; d.f.passes < 0 {
		panic(&tensor.DeviceError{Backend: "fragile", Err: errors.New("the device fell off the bus")})
	}
	d.Decoder.Forward(p)
}

// TestFailover breaks a device in the middle of a text: the pass fails with an
// error that names it, and on the processor the same text gives what it always
// gave.
func TestFailover(t *testing.T) {
	var device *fragile
	tensor.Register("fragile", func() (tensor.Backend, error) {
		pool := cpu.NewPool(1)
		device = &fragile{Backend: host.New(pool), pool: pool, passes: 1}
		return device, nil
	})
	model := filepath.Join(shared.Dir(t), "models", "tiny-llama-random")
	want, err := Load(model, Options{Threads: 1, NoTokens: true})
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	m, err := Load(model, Options{Threads: 1, NoTokens: true, Backend: "fragile"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ids := []int32{1, 5, 9, 17}
	read := func(m *Model) ([]float32, error) {
		b := m.Start()
		err := tensor.Guard(func() error {
			if err := m.Prefill(context.Background(), b, ids); err != nil {
				return err
			}
			return m.Step([]*Branch{b}, []int32{3})
		})
		if err != nil {
			return nil, err
		}
		defer b.Release()
		return append([]float32(nil), b.Logits()...), nil
	}
	_, err = read(m)
	var lost *tensor.DeviceError
	if !errors.As(err, &lost) || lost.Backend != "fragile" {
		t.Fatalf("a broken device: %v", err)
	}
	if err := m.Failover(); err != nil {
		t.Fatal(err)
	}
	if !device.closed {
		t.Error("the device was not given back")
	}
	got, err := read(m)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := read(want)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ref {
		if got[i] != ref[i] {
			t.Fatalf("logit %d is %g, want %g", i, got[i], ref[i])
		}
	}
	if err := m.Failover(); err == nil {
		t.Error("the processor failed over to itself")
	}
}
