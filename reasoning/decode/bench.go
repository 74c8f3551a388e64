package decode

import (
	"context"
	"time"
)

// Timing is one measurement of speed.
type Timing struct {
	Name    string // prefill512, decode@64, decode@1024, beam5@64
	Threads int
	Tokens  int           // tokens read or written
	Wall    time.Duration // per token, best of the runs
	CPU     time.Duration // per token, of the same run; 0 where not known
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
// several lengths, each the best of runs. The text is made of arbitrary tokens:
// speed does not depend on them.
func Bench(ctx context.Context, m *Model, runs int) ([]Timing, error) {
	ids := make([]int32, min(4096, m.Config.Context-64))
	for i := range ids {
		ids[i] = int32(3 + i*7919%max(1, m.Config.Vocab-3))
	}
	var all []Timing
	measure := func(name string, tokens int, f func() error) error {
		best := Timing{Name: name, Threads: m.Threads(), Tokens: tokens}
		for range max(1, runs) {
			wall, cpu := time.Now(), CPUTime()
			if err := f(); err != nil {
				return err
			}
			w, c := time.Since(wall)/time.Duration(tokens), (CPUTime()-cpu)/time.Duration(tokens)
			if best.Wall == 0 || c < best.CPU || c == best.CPU && w < best.Wall {
				best.Wall, best.CPU = w, c
			}
		}
		best.Peer = time.Duration(peers[name] * float64(time.Millisecond))
		all = append(all, best)
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
	}{{"decode@64", 64, 1}, {"decode@1024", 1024, 1}, {"decode@4096", 4096, 1}, {"beam5@64", 64, 5}, {"beam5@1024", 1024, 5}} {
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
			return nil
		})
		b.Release()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
