package method

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/decoder"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/recording"
)

// Every named method works on a small decoder: a prompt, the choice of what to
// keep, more text, branches.
func TestEveryMethodDecodes(t *testing.T) {
	b, err := decoder.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode.FromBytes(decoder.Name, b, decode.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := context.Background()
	var specs []*Spec
	for _, x := range Methods {
		s, err := Parse(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, s)
	}
	stats, err := Calibrate(ctx, m, CalibrationText[:6000], specs...)
	if err != nil {
		t.Fatal(err)
	}
	n := min(m.Config.Context-8, 4+64*5)
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(i * 31 % m.Config.Vocab)
	}
	wide := m.Shape().Heads * m.Shape().Dim
	for i, x := range Methods {
		if testing.Short() && i%6 != 4 { // the race detector takes its time
			continue
		}
		s := specs[i]
		o, err := With(m, s, stats)
		if max(s.K.Rank, s.V.Rank) > wide {
			if err == nil || !strings.Contains(err.Error(), "channels") {
				t.Errorf("%s: rank %d of %d channels: %v", x.Name, s.K.Rank, wide, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", x.Name, err)
			continue
		}
		branch := o.Start()
		if err := o.Prefill(ctx, branch, ids[:n-4]); err != nil {
			t.Fatalf("%s: %v", x.Name, err)
		}
		branch.EndPrompt()
		fork := branch.Fork()
		for _, id := range ids[n-4:] {
			if err := o.Step([]*decode.Branch{branch, fork}, []int32{id, id}); err != nil {
				t.Fatalf("%s: %v", x.Name, err)
			}
		}
		for j, l := range branch.Logits() {
			if l-l != 0 || l != fork.Logits()[j] {
				t.Fatalf("%s: logit %d is %v, the fork's %v", x.Name, j, l, fork.Logits()[j])
			}
		}
		if s.Keep > 0 && s.Keep < 1 && n > 300 {
			if kept := branch.Sequence().(kvcache.Compressed).Kept(); kept > float64(n)*(s.Keep+0.5) {
				t.Errorf("%s: %.0f of %d positions are kept", x.Name, kept, n)
			}
		}
		branch.Release()
		fork.Release()
		if err := o.Store().(*kvcache.Paged).Err(); err != nil {
			t.Errorf("%s: %v", x.Name, err)
		}
		if o.CacheBytes() != 0 {
			t.Errorf("%s: %d bytes are left", x.Name, o.CacheBytes())
		}
	}
}

// The statistics come back from their file, and what is in the way of it is no
// failure.
func TestStatisticsAreKept(t *testing.T) {
	b, err := decoder.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode.FromBytes(decoder.Name, b, decode.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, dir := context.Background(), t.TempDir()
	id := func(dir string) string {
		o, err := Open(ctx, m, "cbh4", dir)
		if err != nil {
			t.Fatal(err)
		}
		return o.Store().(*kvcache.Paged).Policy().ID
	}
	want := id("")
	if first, second := id(dir), id(dir); first != want || second != want {
		t.Errorf("policies %q and %q, want %q", first, second, want)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	name := filepath.Join(dir, files[0].Name())
	good := readFile(t, name)
	s, err := decodeStats(good, m)
	if err != nil || !slices.Equal(s.encode(), good) {
		t.Fatalf("statistics change on their way through the file: %v", err)
	}
	for i := range 40 {
		bad := slices.Clone(good)
		bad[i*len(bad)/40] ^= 4
		if _, err := decodeStats(bad, m); err == nil {
			t.Errorf("damage at byte %d is not seen", i*len(bad)/40)
		}
	}
	if err := os.WriteFile(name, good[:len(good)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if id(dir) != want || id(filepath.Join(name, "no folder")) != want {
		t.Error("a damaged file changes the policy")
	}
}

func FuzzDecodeStats(f *testing.F) {
	b, err := decoder.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	m, err := decode.FromBytes(decoder.Name, b, decode.Options{Threads: 1})
	if err != nil {
		f.Fatal(err)
	}
	sh := m.Shape()
	s := &Stats{ID: "x", Shape: sh, Layers: make([]LayerStats, sh.Layers)}
	for l := range s.Layers {
		for _, v := range s.Layers[l].vectors() {
			*v = make([]float32, sh.Heads*sh.Dim)
		}
	}
	f.Add(s.encode())
	f.Add([]byte(statsMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeStats(b, m); err == nil && !slices.Equal(s.encode(), b) {
			t.Error("statistics are written otherwise than they were read")
		}
	})
}

// What a page costs is what the table says, within the masks.
func TestBitsPerElement(t *testing.T) {
	sh := kvcache.Shape{Layers: 1, QueryHeads: 9, Heads: 3, Dim: 64}
	for name, want := range map[string]float64{
		"f32": 32, "f16": 16, "q8_0": 8.5, "q8_0/q4_0": 6.5, "q4_0": 4.5, "cbh4": 4.25, "cbh2": 2.25, "k4v2": 3.25, "kivi2": 3, "kivi4": 5,
		"kvheads96": 8, "rotatekv2": 2.5, "saq": 3, "turbo3": 3.25, "cbhmix@3.5": 3.5,
	} {
		s, err := Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.BitsPerElement(sh); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %g bits an element, want %g", name, got, want)
		}
	}
}

// The recorded keys and values of the model's layers 0, 14 and 29 (goldens):
// what the formulas promise holds on them.
func TestOrderingOnRecordedKeys(t *testing.T) {
	x := goldenVectors(t)
	const n, dim = 2048, 64
	for layer, want := range []string{"0", "14", "29"} {
		k := x[layer][0]
		centre := make([]float32, dim)
		for i, v := range k {
			centre[i%dim] += v / n
		}
		errorOf := func(m *kvcache.Map, c codec.Codec) float64 {
			sh := kvcache.Shape{Layers: 1, QueryHeads: 1, Heads: 1, Dim: dim}
			if m != nil {
				if err := m.Check(sh); err != nil {
					t.Fatal(err)
				}
			}
			r := &recording.Recording{Shape: sh, N: n}
			y, err := r.Stored(kvcache.Form{Map: m, Tiers: []codec.Codec{c}}, k)
			if err != nil {
				t.Fatal(err)
			}
			var e float64
			for i := range k {
				e += float64(y[i]-k[i]) * float64(y[i]-k[i])
			}
			return e
		}
		g := func(bits int) codec.Codec {
			c, err := codec.NewScalar(codec.Format{Kind: codec.RMS, Bits: bits}, codec.Keys)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		plain := errorOf(nil, g(4))
		rotated := errorOf(&kvcache.Map{Heads: 1, Dim: dim, Hadamard: true, Seed: signs}, g(4))
		both := errorOf(&kvcache.Map{Heads: 1, Dim: dim, Hadamard: true, Seed: signs, Centre: centre}, g(4))
		if !(both < rotated && rotated < plain) {
			t.Errorf("layer %s: error %g plain, %g rotated, %g centred and rotated", want, plain, rotated, both)
		}
		last := math.Inf(1)
		for _, bits := range []int{2, 3, 4, 6, 8} {
			e := errorOf(nil, g(bits))
			if e >= last {
				t.Errorf("layer %s: %d bits are worse than fewer", want, bits)
			}
			last = e
		}
		nested, err := codec.NewNested(codec.Format{Bits: 4, Group: 32, Channel: true}, codec.Keys)
		if err != nil {
			t.Fatal(err)
		}
		a2, err := codec.NewScalar(codec.Format{Kind: codec.MinMax, Bits: 2, Group: 32, Channel: true}, codec.Keys)
		if err != nil {
			t.Fatal(err)
		}
		var half float64
		b := make([]byte, nested.Size(64, dim).Total())
		y := make([]float32, 64*dim)
		for from := 0; from < n; from += 64 {
			page := k[from*dim : (from+64)*dim]
			if err := nested.Encode(b, page, 64, dim); err != nil {
				t.Fatal(err)
			}
			nested.Half().Decode(y, b[:nested.Half().Size(64, dim).Total()], 64, dim)
			for i := range y {
				half += float64(y[i]-page[i]) * float64(y[i]-page[i])
			}
		}
		// On keys the end levels of two bits hold extremes that truncation
		// moves, so this is closer than on normal numbers.
		if direct := errorOf(nil, a2); half > 1.1*direct {
			t.Errorf("layer %s: the upper half of nested codes has error %g, two bits have %g", want, half, direct)
		}
	}
}

// goldenVectors reads keys, values and queries of one head of three layers.
func goldenVectors(t *testing.T) [3][3][]float32 {
	t.Helper()
	b := readFile(t, filepath.Join(shared.Dir(t), "models", "goldens", "qkv.f16"))
	var out [3][3][]float32
	const size = 2048 * 64
	f := codec.Float{}
	for l := range out {
		for i := range out[l] {
			out[l][i] = make([]float32, size)
			f.Decode(out[l][i], b[2*size*(3*l+i):2*size*(3*l+i+1)], 2048, 64)
		}
	}
	return out
}

func TestEigen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 24
	x := make([]float32, 3*n*n)
	for i := range x {
		x[i] = float32(r.NormFloat64()) * float32(1+i%n)
	}
	a := covariance(x, n, nil)
	values, v := eigen(slices.Clone(a), n)
	for j := range n {
		for i := range n {
			var av float64
			for k := range n {
				av += a[i*n+k] * v[k*n+j]
			}
			if math.Abs(av-values[j]*v[i*n+j]) > 1e-8*values[0] {
				t.Fatalf("vector %d is no eigenvector: %g, want %g", j, av, values[j]*v[i*n+j])
			}
		}
		if j > 0 && values[j] > values[j-1] {
			t.Fatal("eigenvalues are not in order")
		}
	}
}

func TestKmeans(t *testing.T) {
	var x, w []float64
	r := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		x, w = append(x, float64(r.IntN(4))/2-0.75+r.NormFloat64()/50), append(w, 1)
	}
	for i, l := range kmeans(x, w, 4) {
		if want := float64(i)/2 - 0.75; math.Abs(float64(l)-want) > 0.01 {
			t.Errorf("level %d is %v, want %v", i, l, want)
		}
	}
}

// A model without a tokenizer can use what needs no calibration, and is told so.
func TestWithoutTokenizer(t *testing.T) {
	m, err := decode.Load(filepath.Join(shared.Dir(t), "models", "tiny-llama-random"), decode.Options{Threads: 1, NoTokens: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Tokenizer != nil {
		t.Skip("the tiny model has a tokenizer")
	}
	if _, err := Open(context.Background(), m, "cbh4", ""); err == nil || !strings.Contains(err.Error(), "q8_0") {
		t.Errorf("cbh4: %v", err)
	}
	if _, err := Open(context.Background(), m, "q8_0", ""); err != nil {
		t.Error(err)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
