package train

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

// Throughput is how fast steps are taken.
type Throughput struct {
	Statements int64 // directed
	Scored     int64 // queries that were scored: fewer, where statements share one
	Wall, CPU  time.Duration
	Flop       float64 // of the three products, what had to be computed
}

// Measure trains from scratch for about the given time and reports the speed
// of its steps; the first step is left out. cpu returns the processor time of
// the process so far.
func Measure(ctx context.Context, g *dataset.Graph, cfg Config, d time.Duration, cpu func() time.Duration) (Throughput, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return Throughput{}, err
	}
	t, err := embed.NewTable(cfg.Spec, g.Vocabulary())
	if err != nil {
		return Throughput{}, err
	}
	tr := &trainer{cfg: cfg, g: g, t: t, best: t, items: group(g, min(cfg.Group, cfg.Batch))}
	if tr.s, err = newStepper(cfg, t); err != nil {
		return Throughput{}, err
	}
	tr.initialise()
	tr.s.opt.setRate(cfg.Rate)
	var out Throughput
	var begin time.Time
	var spent time.Duration
	for epoch := uint64(0); ; epoch++ {
		order := rand.New(rand.NewPCG(cfg.Seed, epoch)).Perm(len(tr.items))
		for at := 0; at < len(order); {
			if err := ctx.Err(); err != nil {
				return out, err
			}
			batch, n := tr.take(order[at:])
			if _, err := tr.s.step(batch); err != nil {
				return out, err
			}
			at += len(batch)
			if begin.IsZero() {
				begin, spent = time.Now(), cpu()
				continue
			}
			out.Statements += int64(n)
			out.Scored += int64(len(batch))
			if out.Wall = time.Since(begin); out.Wall >= d {
				out.CPU = cpu() - spent
				per := 6 * float64(t.Entities()) * float64(t.Rank())
				out.Flop = per * float64(out.Scored)
				return out, nil
			}
		}
	}
}
