package kvbench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
)

// Speed is one measurement of time or memory. Times are medians of nine,
// taken in turn with the baseline's; processor time counts, because a busy
// machine stretches the wall's.
type Speed struct {
	Name     string        `json:"name"`
	Method   string        `json:"method"`
	N        int           `json:"n"`
	Wall     time.Duration `json:"wall"`
	CPU      time.Duration `json:"cpu"`
	Bytes    int64         `json:"bytes,omitempty"`
	Allocs   float64       `json:"allocs"`
	Baseline string        `json:"baseline"`
	Ratio    float64       `json:"ratio"` // of processor times: this to the baseline
}

const repeats = 9

// sample is one timed run.
type sample struct{ wall, cpu time.Duration }

func timed(f func() error) (sample, error) {
	cpu, wall := decode.CPUTime(), time.Now()
	err := f()
	return sample{time.Since(wall), decode.CPUTime() - cpu}, err
}

func median(s []sample) sample {
	c := slices.Clone(s)
	slices.SortFunc(c, func(a, b sample) int { return int(a.cpu - b.cpu) })
	return c[len(c)/2]
}

// alternate runs several functions in turn, repeats times each, and returns
// their medians.
func alternate(fs ...func() error) ([]sample, error) {
	all := make([][]sample, len(fs))
	for range repeats {
		for i, f := range fs {
			s, err := timed(f)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], s)
		}
	}
	out := make([]sample, len(fs))
	for i, s := range all {
		out[i] = median(s)
	}
	return out, nil
}

// Attention measures attention alone: one query over n positions of random keys
// and values in every layer, per position and key head, beside the 16-bit
// cache.
func Attention(exact *decode.Model, c Candidate, n int) (Speed, error) {
	sh := exact.Shape()
	var seqs [2]kvcache.Sequence
	stores := [2]kvcache.Store{exact.Store(), c.Model.Store()}
	r := rand.New(rand.NewPCG(1, 9))
	noise := make([]float32, 256*sh.Heads*sh.Dim)
	for i := range noise {
		noise[i] = float32(r.NormFloat64())
	}
	for i, s := range stores {
		seqs[i] = s.New()
		defer seqs[i].Release()
		for seqs[i].Len() < n {
			k := min(256, n-seqs[i].Len())
			if x, ok := seqs[i].(kvcache.Compressed); ok {
				k = min(k, x.Room())
			}
			seqs[i].Extend(k)
			for l := range sh.Layers {
				seqs[i].Put(l, noise[:k*sh.Heads*sh.Dim], noise[:k*sh.Heads*sh.Dim])
			}
		}
	}
	q, out := noise[:sh.QueryHeads*sh.Dim], make([]float32, sh.QueryHeads*sh.Dim)
	step := func(i int) func() error {
		rows := []kvcache.Rows{{Seq: seqs[i], N: 1, First: n}}
		return func() error {
			for l := range sh.Layers {
				stores[i].Attend(l, rows, q, out, nil)
			}
			return nil
		}
	}
	s, err := alternate(step(0), step(1))
	if err != nil {
		return Speed{}, err
	}
	per := time.Duration(n * sh.Layers * sh.Heads)
	x := Speed{Name: fmt.Sprintf("attention@%d per position and head", n), Method: c.Name, N: n, Wall: s[1].wall / per, CPU: s[1].cpu / per, Baseline: "f16", Ratio: float64(s[1].cpu) / float64(s[0].cpu)}
	x.Bytes, _ = seqs[1].Bytes()
	return x, nil
}

// Steps measures whole steps after a prompt of n tokens: one branch, and width
// branches that share it, with the memory that a branch takes beyond the
// prompt, and what a fork and a prefix hit cost.
func Steps(ctx context.Context, c Candidate, n, width int) ([]Speed, error) {
	m := c.Model
	const steps = 16
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(3 + i*7919%max(1, m.Config.Vocab-3))
	}
	prompt := m.Start()
	defer prompt.Release()
	cold, err := timed(func() error {
		if err := m.Prefill(ctx, prompt, ids); err != nil {
			return err
		}
		prompt.Logits()
		return nil
	})
	if err != nil {
		return nil, err
	}
	own, shared := prompt.Bytes()
	promptBytes := own + shared
	run := func(w int) func() error {
		return func() error {
			branches, tokens := make([]*decode.Branch, w), make([]int32, w)
			for i := range branches {
				branches[i] = prompt.Fork()
				defer branches[i].Release()
			}
			for s := range steps {
				for i := range tokens {
					tokens[i] = ids[(s*w+i)%n]
				}
				if err := m.Step(branches, tokens); err != nil {
					return err
				}
			}
			return nil
		}
	}
	t, err := alternate(run(1), run(width))
	if err != nil {
		return nil, err
	}
	one := Speed{Name: fmt.Sprintf("step@%d", n), Method: c.Name, N: steps, Wall: t[0].wall / steps, CPU: t[0].cpu / steps, Baseline: "-"}
	beams := Speed{
		Name: fmt.Sprintf("step@%d, %d branches", n, width), Method: c.Name, N: steps, Wall: t[1].wall / steps, CPU: t[1].cpu / steps,
		Baseline: "one branch", Ratio: float64(t[1].cpu) / float64(t[0].cpu),
	}

	// A branch that goes on: what it allocates, and what it owns after a step
	// and after sixteen.
	b := prompt.Fork()
	branches, token := []*decode.Branch{b}, ids[:1]
	var after [2]int64
	var before, now runtime.MemStats
	for s := range 3 * steps {
		if s == steps { // the first tokens make buffers
			runtime.ReadMemStats(&before)
		}
		if err := m.Step(branches, token); err != nil {
			return nil, err
		}
		switch s {
		case 0:
			after[0], _ = b.Bytes()
		case steps - 1:
			after[1], _ = b.Bytes()
		}
	}
	runtime.ReadMemStats(&now)
	one.Allocs = float64(now.Mallocs-before.Mallocs) / (2 * steps)
	b.Release()
	one.Bytes = promptBytes
	out := []Speed{one, beams}
	for i, s := range []int{1, steps} {
		out = append(out, Speed{Name: fmt.Sprintf("memory of a branch after %d tokens", s), Method: c.Name, N: s, Bytes: after[i], Baseline: "its prompt", Ratio: float64(after[i]) / float64(promptBytes)})
	}

	fork, err := alternate(func() error {
		prompt.Fork().Release()
		return nil
	})
	if err != nil {
		return nil, err
	}
	out = append(out, Speed{Name: "fork", Method: c.Name, N: 1, Wall: fork[0].wall, CPU: fork[0].cpu, Baseline: "-"})

	// The same prompt again, and one that ends otherwise, after the cache has
	// seen it once.
	m.KeepPrefixes(1 << 32)
	defer m.KeepPrefixes(0)
	read := func(text []int32) func() error {
		return func() error {
			b := m.Start()
			defer b.Release()
			if err := m.Prefill(ctx, b, text); err != nil {
				return err
			}
			b.Logits()
			return nil
		}
	}
	if err := read(ids)(); err != nil {
		return nil, err
	}
	other := slices.Clone(ids)
	for i := n - 20; i < n; i++ {
		other[i] = ids[n-1-i]
	}
	again, err := timed(read(ids))
	if err != nil {
		return nil, err
	}
	alike, err := timed(read(other))
	if err != nil {
		return nil, err
	}
	for _, x := range []struct {
		name string
		s    sample
	}{{"first token, prompt known", again}, {"first token, last 20 tokens new", alike}} {
		out = append(out, Speed{Name: x.name, Method: c.Name, N: n, Wall: x.s.wall, CPU: x.s.cpu, Baseline: fmt.Sprintf("cold, %.0f ms", float64(cold.cpu.Microseconds())/1000), Ratio: float64(x.s.cpu) / float64(cold.cpu)})
	}
	return out, nil
}
