package qa

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/decoder"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/encode"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
)

// TestStudy prints what each score alone and their mix reach: the table of
// docs/asking.md. It runs for minutes, so only when QUAESTOR_STUDY gives the
// number of questions.
func TestStudy(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("QUAESTOR_STUDY"))
	if n == 0 {
		t.Skip("skipped: set QUAESTOR_STUDY to the number of questions a set")
	}
	dir := shared.Dir(t)
	ctx := context.Background()
	enc, err := encode.Open(filepath.Join(dir, "models", "minilm", "all-minilm-l6-v2-q8_0-emb-q5_1.gguf"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	var m *decode.Model
	if path := os.Getenv("QUAESTOR_MODEL"); path != "" {
		m, err = decode.Load(path, decode.Options{Threads: 1})
	} else {
		b, err2 := decoder.Bytes()
		if err2 != nil {
			t.Fatal(err2)
		}
		m, err = decode.FromBytes(decoder.Name, b, decode.Options{Threads: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	dec := reasoning.NewModel("study", m)
	sets := strings.Fields(os.Getenv("QUAESTOR_SETS"))
	if len(sets) == 0 {
		sets = []string{"metaqa/1hop.test", "metaqa/2hop.test", "metaqa/3hop.test", "simplequestions-wikidata/test", "lcquad1/test", "geoquery/test"}
	}
	var v *reasoning.View
	last := ""
	byGraph := map[string][]rank.Group{}
	for _, set := range sets {
		graph, file, _ := strings.Cut(set, "/")
		if graph != last {
			s, err := LoadGraph(ctx, filepath.Join(dir, "data", "kgqa", graph, "kg.nt.gz"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			begin := time.Now()
			if v, err = reasoning.NewView(ctx, s, constrain.Options{}, enc); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: view %v", graph, time.Since(begin))
			last = graph
		}
		qs, err := ReadQuestions(filepath.Join(dir, "data", "kgqa", graph, file+".jsonl.gz"))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		groups, err := Groups(ctx, v, dec, Sample(qs, n, 7), draft.Options{})
		if err != nil {
			t.Fatal(err)
		}
		byGraph[graph] = append(byGraph[graph], groups...)
		ceiling := 0
		for _, g := range groups {
			for _, r := range g.Right {
				if r == 1 {
					ceiling++
					break
				}
			}
		}
		f := func(w rank.Weights) float64 { return 100 * rank.Expected(w, groups) }
		t.Logf("%-30s n %d ceiling %d | d %.1f cos %.1f floor %.1f | q %.1f p %.1f p/tok %.1f | q+p/tok %.1f mix %.1f | %.3f s",
			set, len(groups), ceiling, f(rank.Weights{D: 1}), f(rank.Weights{Cos: 1}), f(rank.Floor), f(rank.Weights{SumQ: 1}), f(rank.Weights{SumP: 1}), f(rank.Weights{PerToken: 1}),
			f(rank.Weights{SumQ: 1, PerToken: 1}), f(rank.Default), time.Since(begin).Seconds()/float64(len(groups)))
	}
	for graph, groups := range byGraph {
		var others []rank.Group
		for o, gs := range byGraph {
			if o != graph {
				others = append(others, gs...)
			}
		}
		w := rank.Fit(others, 1)
		t.Logf("fitted without %s: %+v -> %.1f", graph, w, 100*rank.Expected(w, groups))
	}
	var all []rank.Group
	for _, gs := range byGraph {
		all = append(all, gs...)
	}
	t.Logf("fitted on all: %+v -> %.1f", rank.Fit(all, 1), 100*rank.Expected(rank.Fit(all, 1), all))
}

// TestStudyAsk is `eval ask` over the sets of TestStudy.
func TestStudyAsk(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("QUAESTOR_STUDY"))
	if n == 0 {
		t.Skip("skipped: set QUAESTOR_STUDY to the number of questions a set")
	}
	dir := shared.Dir(t)
	ctx := context.Background()
	enc, err := encode.Open(filepath.Join(dir, "models", "minilm", "all-minilm-l6-v2-q8_0-emb-q5_1.gguf"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	b, err := decoder.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode.FromBytes(decoder.Name, b, decode.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	sets := strings.Fields(os.Getenv("QUAESTOR_SETS"))
	if len(sets) == 0 {
		sets = []string{"metaqa/1hop.test", "metaqa/2hop.test", "metaqa/3hop.test", "simplequestions-wikidata/test", "lcquad1/test", "geoquery/test"}
	}
	for _, set := range sets {
		graph, file, _ := strings.Cut(set, "/")
		s, err := LoadGraph(ctx, filepath.Join(dir, "data", "kgqa", graph, "kg.nt.gz"))
		if err != nil {
			t.Fatal(err)
		}
		qs, err := ReadQuestions(filepath.Join(dir, "data", "kgqa", graph, file+".jsonl.gz"))
		if err != nil {
			t.Fatal(err)
		}
		o := reasoning.Options{Decoder: reasoning.NewModel(decoder.Name, m), Encoder: enc, Cost: 0.25}
		if o.Weights, o.Calibrator, err = decoder.Fitted(); err != nil {
			t.Fatal(err)
		}
		o.Written, _ = strconv.Atoi(os.Getenv("QUAESTOR_WRITTEN"))
		e := reasoning.New(o)
		var out io.Writer
		if p := os.Getenv("QUAESTOR_OUT"); p != "" {
			if out, err = os.OpenFile(p, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Evaluate(ctx, e, s, Sample(qs, n, 7), Options{Out: out})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-30s %+v", set, *r)
		s.Close()
	}
}
