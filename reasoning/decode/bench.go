package decode

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"time"
)

// Timing is one measurement of speed.
type Timing struct {
	Name    string // prefill512, decode@64, decode@1024, beam5@64
	Threads int
	Tokens  int           // tokens read or written
	Wall    time.Duration // per token, of the run with the median CPU time
	CPU     time.Duration // per token; 0 where not known
	Allocs  float64       // allocations per token of a run, the first one left out
	Bytes   int64         // of the cache at the end
	// Peer is the CPU time per token of llama.cpp v0.4.0 (AVX2 build) on the
	// same model file with one thread and a 16-bit cache, on two shared cores
	// of a Zen 3 EPYC; 0 where it was not measured. Another machine gives other
	// numbers: run both for a claim.
	Peer time.Duration
}

// Rate returns tokens per second of wall time.
func (t Timing) Rate() float64 { return float64(time.Second) / float64(t.Wall) }

// peers are milliseconds of CPU per token of SmolLM2-135M Q4_1, the better of
// two passes.
var peers = map[string]float64{"prefill512": 8.59, "decode@64": 12.74, "decode@1024": 26.55, "decode@4096": 74.08}

// Bench measures reading a prompt of 512 tokens and writing after prompts of
// several lengths, one text alone and five beams over one prompt, each the
// median of runs. The text is made of arbitrary tokens: speed does not depend on
// them.
func Bench(ctx context.Context, m *Model, runs int) ([]Timing, error) {
	ids := make([]int32, min(4096, m.Config.Context-64))
	for i := range ids {
		ids[i] = int32(3 + i*7919%max(1, m.Config.Vocab-3))
	}
	var rows []Timing
	used := int64(0)
	measure := func(name string, tokens int, f func() error) error {
		if err := f(); err != nil { // caches and pools fill
			return err
		}
		all := make([]Timing, max(1, runs))
		for i := range all {
			t := Timing{Name: name, Threads: m.Threads(), Tokens: tokens}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			wall, cpu := time.Now(), CPUTime()
			if err := f(); err != nil {
				return err
			}
			t.Wall, t.CPU = time.Since(wall)/time.Duration(tokens), (CPUTime()-cpu)/time.Duration(tokens)
			runtime.ReadMemStats(&after)
			t.Allocs = float64(after.Mallocs-before.Mallocs) / float64(tokens)
			all[i] = t
		}
		slices.SortFunc(all, func(a, b Timing) int { return cmp.Or(cmp.Compare(a.CPU, b.CPU), cmp.Compare(a.Wall, b.Wall)) })
		best := all[(len(all)-1)/2]
		best.Bytes = used
		best.Peer = time.Duration(peers[name] * float64(time.Millisecond))
		rows = append(rows, best)
		return nil
	}
	if len(ids) >= 512 {
		err := measure("prefill512", 512, func() error {
			b := m.Start()
			defer b.Release()
			if err := m.Prefill(ctx, b, ids[:512]); err != nil {
				return err
			}
			b.Logits()
			used = m.CacheBytes()
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, at := range []struct {
		name  string
		n     int
		beams int
	}{{"decode@64", 64, 1}, {"decode@1024", 1024, 1}, {"decode@2048", 2048, 1}, {"decode@4096", 4096, 1}, {"beam5@64", 64, 5}, {"beam5@2048", 2048, 5}} {
		const steps = 32
		if at.n > len(ids) {
			continue
		}
		b := m.Start()
		if err := m.Prefill(ctx, b, ids[:at.n]); err != nil {
			b.Release()
			return nil, err
		}
		err := measure(at.name, steps, func() error {
			branches, tokens := make([]*Branch, at.beams), make([]int32, at.beams)
			for i := range branches {
				branches[i] = b.Fork()
				defer branches[i].Release()
			}
			for range steps {
				for i, c := range branches {
					tokens[i] = (Greedy(c.Logits()) + int32(i)) % int32(m.Config.Vocab)
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := m.Step(branches, tokens); err != nil {
					return err
				}
			}
			used = m.CacheBytes()
			return nil
		})
		b.Release()
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}
