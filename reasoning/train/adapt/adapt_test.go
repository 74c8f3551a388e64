package adapt

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/train"
	"github.com/quaestor-kg/quaestor/reasoning/train/corpus"
	"github.com/quaestor-kg/quaestor/reasoning/train/datagen"
)

// plant is a graph of names that no lexicon holds.
func plant(t *testing.T) kg.Snapshot {
	t.Helper()
	var b strings.Builder
	b.WriteString("@prefix : <http://example.com/k/> .\n@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n")
	for i := range 40 {
		name := string(rune('A'+i%26)) + strings.Repeat("o", 1+i/26) + "rt"
		b.WriteString(":v" + name + " a :Valve ; rdfs:label \"Valve " + name + "\" ; :feedsInto :v" + string(rune('A'+(i+3)%26)) + "ort ; :torqueRating " + string(rune('1'+i%9)) + "0 ; :sealedBy :s" + string(rune('a'+i%5)) + " .\n")
	}
	for i := range 5 {
		b.WriteString(":s" + string(rune('a'+i)) + " a :Gasket ; rdfs:label \"Gasket " + string(rune('A'+i)) + "x\" ; :shoreHardness " + string(rune('4'+i)) + "5 .\n")
	}
	st := mem.New()
	ctx := context.Background()
	if _, err := st.Load(ctx, rdf.Read(ctx, strings.NewReader(b.String()), rdf.ReadOptions{Format: rdf.Turtle})); err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// tiny trains a small decoder for some steps: something to go on from.
func tiny(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	rows := filepath.Join(dir, "rows.jsonl.gz")
	if _, err := datagen.Generate(context.Background(), datagen.Config{Out: rows, Seed: 2, Invented: 300, None: 0.1}); err != nil {
		t.Fatal(err)
	}
	c := train.Config{Data: []string{rows}, Dir: dir, MaxSteps: 20, Pieces: 500, HeldRows: 50}
	c.Model.Dim, c.Model.Layers, c.Model.Heads, c.Model.FFN = 32, 2, 2, 64
	c.Optim.LR = 3e-3
	res, err := train.Decoder(context.Background(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(res.Model)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecoderAdapts(t *testing.T) {
	s, base := plant(t), tiny(t)
	dir := t.TempDir()
	given := []qa.Question{
		{Text: "which valves are sealed by Gasket Ax", SPARQL: "SELECT ?x WHERE { ?x <http://example.com/k/sealedBy> <http://example.com/k/sa> }"},
		{Text: "is there life on Mars", SPARQL: "SELECT ?x WHERE { ?x <http://example.com/k/nothing> 1 }"},
	}
	rep, err := Decoder(context.Background(), s, Config{Base: base, Dir: dir, Rows: 300, Steps: 60, Rate: 3e-3, Seed: 1, Pairs: given}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Pairs != 1 || rep.Skipped != 1 || rep.Rows < 250 {
		t.Errorf("%+v", rep)
	}
	if rep.Own.After.Loss >= rep.Own.Before.Loss {
		t.Errorf("the loss on held questions went from %.3f to %.3f", rep.Own.Before.Loss, rep.Own.After.Loss)
	}
	_, err = os.Stat(filepath.Join(dir, "decoder.gguf"))
	if rep.Kept != (err == nil) || rep.Kept != (rep.Model != "") || rep.Kept == (rep.Reason != "") {
		t.Errorf("kept %v (%s), file: %v", rep.Kept, rep.Reason, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "base.gguf")); err != nil || !bytes.Equal(b, base) {
		t.Error("the base was changed")
	}
	names := 0
	for r, err := range corpus.Read(filepath.Join(dir, "own.jsonl.gz")) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.Gold, "feeds into") || strings.Contains(r.Gold, "torque rating") || strings.Contains(r.Gold, "sealed by") {
			names++
		}
	}
	if names < 100 {
		t.Errorf("only %d rows use the names of the graph", names)
	}
}

func TestNothingToAdaptTo(t *testing.T) {
	st := mem.New()
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Decoder(context.Background(), s, Config{Base: []byte("x"), Dir: t.TempDir()}, nil); err == nil || !strings.Contains(err.Error(), "no relation") {
		t.Error(err)
	}
	if _, err := Decoder(context.Background(), s, Config{Dir: t.TempDir()}, nil); err == nil {
		t.Error("no base, no error")
	}
}
