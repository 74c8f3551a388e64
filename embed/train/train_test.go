package train

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/eval"
	"github.com/quaestor-kg/quaestor/embed/kernel"
)

// family is a small graph with structure: a symmetric relation, its opposite
// pair, and chance.
func family(n int) *dataset.Graph {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "p%d\tparent\tp%d\n", i/2, i)
		fmt.Fprintf(&b, "p%d\tchild\tp%d\n", i, i/2)
		fmt.Fprintf(&b, "p%d\tknows\tp%d\n", i, rng.IntN(n))
	}
	g, err := dataset.ParseText("family", []byte(b.String()))
	if err != nil {
		panic(err)
	}
	rng.Shuffle(len(g.Train), func(i, j int) { g.Train[i], g.Train[j] = g.Train[j], g.Train[i] })
	cut := len(g.Train) / 10
	g.Valid, g.Test, g.Train = g.Train[:cut], g.Train[cut:2*cut], g.Train[2*cut:]
	return g
}

func configs() map[string]Config {
	return map[string]Config{
		"complex":  {Spec: embed.Spec{Model: "complex", Dim: 7}, N3: 0.02, RelationWeight: 0.5, Batch: 20, Group: 3, Init: 0.3},
		"distmult": {Spec: embed.Spec{Model: "distmult", Dim: 9}, N3: 0.02, Optimizer: "adam", Batch: 16, Group: 1, Init: 0.3},
		"nfe1":     {Spec: embed.Spec{Model: "nfe1", Dim: 6, Gamma: 2}, Batch: 24, Group: 2, Init: 0.3},
		"nfe2":     {Spec: embed.Spec{Model: "nfe2", Dim: 5, Gamma: 2}, Loss: "softmax", Batch: 24, Group: 2, Init: 0.3},
		"nfe3":     {Spec: embed.Spec{Model: "nfe3", Dim: 5, Gamma: 2}, Optimizer: "adagrad", Rate: 0.02, Batch: 24, Init: 0.3},
		"rotate":   {Spec: embed.Spec{Model: "rotate", Dim: 5, Gamma: 2}, Batch: 24, Init: 0.3},
	}
}

// slowLoss is the loss of a batch with its regularisation, from the
// definitions, in float64.
func slowLoss(cfg Config, m embed.Model[float64], ents, rels [][]float64, qs []query) float64 {
	var sum, statements float64
	softplus := func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	logSum := func(s []float64) float64 {
		var z float64
		for _, x := range s {
			z += math.Exp(x)
		}
		return math.Log(z)
	}
	dot := func(a, b []float64) (s float64) {
		for i := range a {
			s += a[i] * b[i]
		}
		return s
	}
	q, row := make([]float64, m.Rank()), make([]float64, m.Rank())
	for _, x := range qs {
		for _, t := range x.tails {
			statements++
			m.Query(ents[x.h], rels[x.r], q)
			scores := make([]float64, len(ents))
			for e := range ents {
				m.Row(ents[e], row)
				scores[e] = dot(q, row)
			}
			if cfg.Loss == "softmax" {
				sum += logSum(scores) - scores[t]
			} else {
				for _, s := range scores {
					sum += softplus(s)
				}
				sum -= scores[t]
			}
			if cfg.N3 > 0 {
				n3 := m.(embed.Regularised[float64])
				sum += cfg.N3 * (n3.N3(ents[x.h], 0, nil) + n3.N3(rels[x.r], 0, nil) + n3.N3(ents[t], 0, nil))
			}
			if cfg.RelationWeight > 0 {
				v := make([]float64, m.RelationWidth())
				m.(embed.RelationPredictor[float64]).RelationQuery(ents[x.h], ents[t], v)
				byRelation := make([]float64, len(rels))
				for r := range rels {
					byRelation[r] = dot(v, rels[r])
				}
				sum += cfg.RelationWeight * (logSum(byRelation) - byRelation[x.r])
			}
		}
	}
	return sum / statements
}

func widen(m kernel.Rows) [][]float64 {
	out := make([][]float64, m.N)
	for i := range out {
		for _, x := range m.Row(i) {
			out[i] = append(out[i], float64(x))
		}
	}
	return out
}

// catcher keeps the gradients instead of applying them.
type catcher struct {
	optimizer
	ents, rels [][]float32
}

func (c *catcher) begin() {}
func (c *catcher) entity(e int, g []float32) {
	c.ents[e] = append([]float32(nil), g...)
}

func (c *catcher) relation(r int, g []float32, _ bool) {
	c.rels[r] = append([]float32(nil), g...)
}

// TestStepAgainstFiniteDifferences: the gradient of a whole step, fused,
// grouped and scattered, is the gradient of the loss as it is defined.
func TestStepAgainstFiniteDifferences(t *testing.T) {
	g := family(40)
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			cfg.EnsureDefaults()
			table, err := embed.NewTable(cfg.Spec, g.Vocabulary())
			if err != nil {
				t.Fatal(err)
			}
			tr := &trainer{cfg: cfg, g: g, t: table, items: group(g, cfg.Group)}
			if tr.s, err = newStepper(cfg, table); err != nil {
				t.Fatal(err)
			}
			tr.initialise()
			c := &catcher{ents: make([][]float32, table.Entities()), rels: make([][]float32, table.Relations())}
			tr.s.opt = c
			// Two steps, so that what the first leaves behind would show.
			order := rand.New(rand.NewPCG(3, 4)).Perm(len(tr.items))
			first, _ := tr.take(order)
			if _, err := tr.s.step(first); err != nil {
				t.Fatal(err)
			}
			batch, n := tr.take(order[len(first):])
			sum, err := tr.s.step(batch)
			if err != nil {
				t.Fatal(err)
			}
			m, err := embed.NewModel[float64](cfg.Spec)
			if err != nil {
				t.Fatal(err)
			}
			ents, rels := widen(table.Params), widen(table.RelParams)
			plain := cfg
			plain.N3, plain.RelationWeight = 0, 0
			if want := slowLoss(plain, m, ents, rels, batch); math.Abs(sum/float64(n)-want) > 1e-4*(1+want) {
				t.Errorf("loss %v, want %v", sum/float64(n), want)
			}
			rng := rand.New(rand.NewPCG(5, 6))
			for trial := range 120 {
				at, got := ents, c.ents
				if trial%3 == 0 {
					at, got = rels, c.rels
				}
				i := rng.IntN(len(at))
				if trial%3 == 1 { // an entity that the batch touches
					i = int(batch[rng.IntN(len(batch))].h)
				}
				k := rng.IntN(len(at[i]))
				const eps = 1e-5
				x := at[i][k]
				at[i][k] = x + eps
				up := slowLoss(cfg, m, ents, rels, batch)
				at[i][k] = x - eps
				down := slowLoss(cfg, m, ents, rels, batch)
				at[i][k] = x
				if want := (up - down) / (2 * eps); math.Abs(float64(got[i][k])-want) > 2e-4*(1+math.Abs(want)) {
					t.Fatalf("trial %d: derivative %d of row %d is %v, want %v", trial, k, i, got[i][k], want)
				}
			}
		})
	}
}

// TestLearns: every model finds the structure that there is.
func TestLearns(t *testing.T) {
	g := family(60)
	known := g.NewIndex(g.Train, g.Valid, g.Test)
	directed := g.Directed(g.Test)
	base, err := eval.RanksBy(t.Context(), eval.Popularity(g), len(g.Entities), known, directed)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range configs() {
		cfg.Spec.Dim, cfg.Init = 24, 0
		cfg.Epochs, cfg.Patience = 40, -1
		cfg.Rate *= 2
		r, err := Run(t.Context(), g, cfg)
		if err != nil {
			t.Fatal(name, err)
		}
		ranks, err := eval.DirectedRanks(t.Context(), r.Table, known, directed, eval.Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		if got, least := eval.MRR(ranks), 2*eval.MRR(base); got < least {
			t.Errorf("%s: MRR %.3f on held-out statements, want twice the baseline, %.3f", name, got, least)
		}
	}
}

func bytesOf(t *testing.T, table *embed.Table) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := embed.Write(&b, table, embed.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSameBytes: neither the number of threads nor interruptions change a
// training.
func TestSameBytes(t *testing.T) {
	g := family(40)
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			cfg.Epochs, cfg.Seed, cfg.Decay = 4, 7, 0.9
			cfg.Threads = 1
			whole, err := Run(t.Context(), g, cfg)
			if err != nil {
				t.Fatal(err)
			}
			want := bytesOf(t, whole.Table)
			cfg.Threads = 3
			again, err := Run(t.Context(), g, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytesOf(t, again.Table), want) {
				t.Error("three threads end elsewhere than one")
			}
			// Interrupted after every few steps, again and again.
			cfg.Path = filepath.Join(t.TempDir(), "x.ckpt")
			for stop := 0; ; stop++ {
				if stop > 200 {
					t.Fatal("the training does not end")
				}
				ctx, cancel := context.WithCancel(t.Context())
				steps := 0
				runs := &stopAfter{cancel: cancel, left: 3 + stop%5, steps: &steps}
				c := cfg
				c.Resume = stop > 0
				r, err := runInterrupted(ctx, g, c, runs)
				cancel()
				if err == nil {
					if !bytes.Equal(bytesOf(t, r.Table), want) {
						t.Error("an interrupted training ends elsewhere")
					}
					if r.MRR != whole.MRR || r.Loss != whole.Loss || r.Epochs != whole.Epochs || r.Steps != whole.Steps {
						t.Errorf("resumed: %+v, at once: %+v", r, whole)
					}
					break
				}
				if ctx.Err() == nil {
					t.Fatal(err)
				}
			}
			final, err := embed.Open(cfg.Path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytesOf(t, final), want) {
				t.Error("the file is not the table that was returned")
			}
		})
	}
}

// stopAfter ends a training after some steps.
type stopAfter struct {
	cancel context.CancelFunc
	left   int
	steps  *int
}

func (s *stopAfter) begin() {
	if s.left--; s.left < 0 {
		s.cancel()
	}
}

// interrupting is an optimizer that counts steps.
type interrupting struct {
	optimizer
	s *stopAfter
}

func (i *interrupting) begin() {
	i.optimizer.begin()
	i.s.begin()
}

func runInterrupted(ctx context.Context, g *dataset.Graph, cfg Config, s *stopAfter) (*Result, error) {
	return run(ctx, g, cfg, func(o optimizer) optimizer { return &interrupting{o, s} })
}

func TestResumeRefusesByName(t *testing.T) {
	g := family(20)
	dir := t.TempDir()
	cfg := configs()["complex"]
	cfg.Epochs = 1
	cfg.Path = filepath.Join(dir, "a.ckpt")
	if _, err := Run(t.Context(), g, cfg); err != nil {
		t.Fatal(err)
	}
	expect := func(c Config, g *dataset.Graph, want string) {
		t.Helper()
		if _, err := Run(t.Context(), g, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	c := cfg
	c.Resume = true
	expect(c, g, "nothing to resume")
	c.Path = ""
	expect(c, g, "name the checkpoint")
	c.Path = filepath.Join(dir, "absent.ckpt")
	expect(c, g, "no such file")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c = cfg
	c.Path = filepath.Join(dir, "b.ckpt")
	if _, err := Run(ctx, g, c); err != context.Canceled {
		t.Fatal(err)
	}
	expect(c, g, "--resume")
	c.Resume = true
	other := c
	other.Batch = 7
	expect(other, g, "trained with the settings")
	expect(c, family(21), "another graph")
	b, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(c.Path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(c, g, "checksum")
}

func TestSmallestGraphs(t *testing.T) {
	for text, fail := range map[string]string{
		"":                            "no statements",
		"a\tr\tb\n":                   "",
		"a\tr\ta\n":                   "",
		"a\tr\tb\na\tr\tb\na\tr\tb\n": "",
		"a\tr\tb\nb\tr\ta\nc\ts\tc\n": "",
	} {
		g, err := dataset.ParseText("small", []byte(text))
		if err == nil {
			var r *Result
			if r, err = Run(t.Context(), g, Config{Spec: embed.Spec{Model: "nfe1", Dim: 3}, Epochs: 2}); err == nil && r.Table.Entities() != len(g.Entities) {
				t.Errorf("%q: %+v", text, r)
			}
		}
		if fail == "" && err != nil || fail != "" && (err == nil || !strings.Contains(err.Error(), fail)) {
			t.Errorf("%q: error %v, want %q", text, err, fail)
		}
	}
}

func TestDivergenceIsReported(t *testing.T) {
	g := family(20)
	cfg := Config{Spec: embed.Spec{Model: "nfe1", Dim: 4}, Optimizer: "adagrad", Rate: 100, Init: 1e18, Epochs: 3}
	if _, err := Run(t.Context(), g, cfg); err == nil || !strings.Contains(err.Error(), "diverged") {
		t.Errorf("error %v", err)
	}
}

func TestValidateNamesTheSetting(t *testing.T) {
	for want, c := range map[string]Config{
		"loss":      {Loss: "hinge"},
		"optimizer": {Optimizer: "sgd"},
		"rate":      {Rate: -1},
		"decay":     {Decay: 2},
		"batch":     {Batch: -1},
		"epochs":    {Epochs: -1},
		"group":     {Group: -2},
		"n3":        {Spec: embed.Spec{Model: "nfe1"}, N3: 1},
		"relation":  {Spec: embed.Spec{Model: "nfe1"}, RelationWeight: 1},
		"no model":  {Spec: embed.Spec{Model: "conve"}},
	} {
		if c.Spec.Model == "" {
			c.Spec.Model = "complex"
		}
		if _, err := Run(t.Context(), family(10), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	c := Config{Spec: embed.Spec{Model: "complex", Dim: 4}, Batch: 1000, Memory: 1000}
	if _, err := Run(t.Context(), family(10), c); err == nil || !strings.Contains(err.Error(), "--memory") {
		t.Errorf("error %v", err)
	}
}

func TestProgress(t *testing.T) {
	g := family(30)
	var last Progress
	n := 0
	cfg := configs()["nfe1"]
	cfg.Epochs, cfg.Patience = 3, -1
	cfg.OnProgress = func(p Progress) {
		if p.Done < last.Done || p.Loss <= 0 || p.Total != int64(6*len(g.Train)) {
			t.Errorf("%+v after %+v", p, last)
		}
		if p.Validated {
			n++
		}
		last = p
	}
	if _, err := Run(t.Context(), g, cfg); err != nil {
		t.Fatal(err)
	}
	if n != 3 || last.Done != last.Total || last.MRR <= 0 || last.PerSecond <= 0 || last.ETA != 0 {
		t.Errorf("%d validations, last %+v", n, last)
	}
}

func TestEarlyStopping(t *testing.T) {
	g := family(30)
	cfg := configs()["complex"]
	cfg.Epochs, cfg.Patience, cfg.Rate = 500, 2, 0.5
	r, err := Run(t.Context(), g, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Stopped != "patience" || r.Epochs != r.Best+2 {
		t.Errorf("%+v", r)
	}
}

func TestMeasure(t *testing.T) {
	g := family(30)
	begin := time.Now()
	m, err := Measure(t.Context(), g, configs()["complex"], time.Millisecond, func() time.Duration { return time.Since(begin) })
	if err != nil || m.Statements < m.Scored || m.Scored == 0 || m.Flop <= 0 || m.CPU <= 0 {
		t.Errorf("%+v %v", m, err)
	}
}
