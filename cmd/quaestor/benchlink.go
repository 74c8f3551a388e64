package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/kernel"
	"github.com/quaestor-kg/quaestor/embed/train"
)

type benchLinkFlags struct {
	data       string
	peer       string
	dim, batch int
	seconds    float64
}

func (a *app) benchLinkCommand() *cobra.Command {
	var fl benchLinkFlags
	c := &cobra.Command{
		Use:   "link",
		Short: "Measures training and prediction of links",
		Long: `Trains ComplEx for some seconds, each statement scored by itself (as peers do) and with the statements of a query
sharing its scores, and predicts the best ten tails of single queries. The name of a row holds the rate per CPU second and,
for training, the share of the arithmetic limit that was reached. --peer runs a PyTorch loop on the same data beside it.`,
		Example: examples(
			"quaestor bench link --data ../shared/data/kge/FB15k-237 --threads 1",
			"quaestor bench link --data ../shared/data/kge/FB15k-237 --peer ../shared/bench/kge/peer_torch.py",
			"quaestor bench link --data ../shared/data/kge/WN18RR --dim 50 --batch 500 --seconds 30",
		),
		Args: exactArgs(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.benchLink(c, fl) },
	}
	c.Flags().StringVar(&fl.data, "data", "", "folder with train, valid and test")
	c.Flags().StringVar(&fl.peer, "peer", "", "Python script of a peer to run on the same data")
	c.Flags().IntVar(&fl.dim, "dim", 100, "rank")
	c.Flags().IntVar(&fl.batch, "batch", 1000, "directed statements of a step")
	c.Flags().Float64Var(&fl.seconds, "seconds", 10, "time of each measurement")
	return c
}

func (a *app) benchLink(c *cobra.Command, fl benchLinkFlags) error {
	ctx := c.Context()
	if fl.data == "" {
		return usageError{fmt.Errorf("name the data with --data")}
	}
	g, err := dataset.Open(fl.data, dataset.Options{})
	if err != nil {
		return inputError{err}
	}
	d := time.Duration(fl.seconds * float64(time.Second))
	limit := kernel.Peak(time.Second, processCPU)
	cfg := train.Config{Spec: embed.Spec{Model: "complex", Dim: fl.dim}, Batch: fl.batch, N3: 0.05, Group: 1, Threads: a.cfg.num("threads")}
	peer, peerName := 0.0, "no peer was run"
	if fl.peer != "" {
		if peer, err = runPeer(ctx, g, fl); err != nil {
			return err
		}
		peerName = fmt.Sprintf("peer %.0f/cpu-s", peer)
	}
	rows := []benchRow{{name: fmt.Sprintf("limit %s %.1f GFLOP/cpu-s", kernel.Current(), limit/1e9), n: 1, wall: time.Second, baseline: "-"}}
	for _, group := range []int{1, 16} {
		cfg.Group = group
		m, err := train.Measure(ctx, g, cfg, d, processCPU)
		if err != nil {
			return err
		}
		rate := float64(m.Statements) / m.CPU.Seconds()
		r := benchRow{
			name: fmt.Sprintf("train/complex-%d/batch-%d/group-%d %.0f/cpu-s %.0f%% of the limit", fl.dim, fl.batch, group, rate, 100*m.Flop/m.CPU.Seconds()/limit),
			n:    m.Statements, wall: m.Wall, cpu: m.CPU, baseline: peerName,
		}
		if peer > 0 {
			r.ratio = rate / peer
		}
		rows = append(rows, r)
	}
	top, err := benchTopK(ctx, g, cfg.Spec, d/4)
	if err != nil {
		return err
	}
	return a.report(c, "link.tsv", append(rows, top...))
}

// benchTopK predicts the best ten tails of single queries, against one product
// after another in plain Go.
func benchTopK(ctx context.Context, g *dataset.Graph, s embed.Spec, d time.Duration) ([]benchRow, error) {
	t, err := embed.NewTable(s, g.Vocabulary())
	if err != nil {
		return nil, err
	}
	q, row := make([]float32, t.Rank()), make([]float32, t.Entities())
	measure := func(name string, score func()) (benchRow, error) {
		r := benchRow{name: fmt.Sprintf("top-10 of %d/%s", t.Entities(), name), baseline: "-"}
		begin, spent := time.Now(), processCPU()
		for r.wall < d {
			if err := ctx.Err(); err != nil {
				return r, err
			}
			x := g.Train[int(r.n)%len(g.Train)]
			t.Query(x.H, x.R, q)
			score()
			embed.TopK(row, 10, nil)
			r.n++
			r.wall = time.Since(begin)
		}
		r.cpu = processCPU() - spent
		r.name += fmt.Sprintf(" %.3f cpu-ms each", r.cpu.Seconds()*1000/float64(r.n))
		return r, nil
	}
	slow, err := measure("plain", func() {
		for e := range row {
			row[e] = kernel.Dot(q, t.Rows().Row(e))
		}
	})
	if err != nil {
		return nil, err
	}
	fast, err := measure("kernel", func() { t.ScoreAll(q, row) })
	if err != nil {
		return nil, err
	}
	fast.baseline = "plain Go"
	fast.ratio = (slow.cpu.Seconds() / float64(slow.n)) / (fast.cpu.Seconds() / float64(fast.n))
	return []benchRow{slow, fast}, nil
}

var peerRate = regexp.MustCompile(`([0-9.]+)(?: per CPU second|/s CPU)`)

// runPeer runs the peer's script and returns its directed statements per CPU
// second.
func runPeer(ctx context.Context, g *dataset.Graph, fl benchLinkFlags) (float64, error) {
	dir := fl.data
	if !strings.HasSuffix(strings.TrimRight(dir, "/"), "openke") {
		dir += "/openke"
	}
	cmd := exec.CommandContext(ctx, "python3", fl.peer, dir, "--rank", strconv.Itoa(fl.dim), "--batch", strconv.Itoa(fl.batch), "--seconds", strconv.FormatFloat(fl.seconds, 'f', 0, 64))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, inputError{fmt.Errorf("peer on %s: %w\n%s", g.Name, err, out)}
	}
	m := peerRate.FindSubmatch(out)
	if m == nil {
		return 0, inputError{fmt.Errorf("peer on %s named no rate per CPU second:\n%s", g.Name, out)}
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
