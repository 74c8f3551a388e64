// Package infertest is a small world for tests of inferred answers, with a link
// predictor that was trained on it.
package infertest

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd/companion"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/embed/train"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/reasoning/infer"
)

// NS begins every IRI of the world.
const NS = "http://example.com/"

// IRI is a name of the world.
func IRI(name string) kg.Term { return kg.NewIRI(NS + name) }

// Quad is a statement of the world's kind.
func Quad(s, p, o string) kg.TermQuad { return kg.TermQuad{S: IRI(s), P: IRI(p), O: IRI(o)} }

// World is a graph in which everybody (p0 to p89) has the nationality of the
// country of the city they live in, and speaks its language. Not stated are the
// nationality of every eighth, from p0, and the language of every seventh.
func World() []kg.TermQuad {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []kg.TermQuad
	label := func(name, text string) {
		out = append(out, kg.TermQuad{S: IRI(name), P: kg.NewIRI(kg.RDFSLabel), O: kg.NewString(text)})
	}
	for c := range 4 {
		country := fmt.Sprint("country", c)
		label(country, []string{"Arland", "Borland", "Cirland", "Dorland"}[c])
		label(fmt.Sprint("language", c), []string{"Arlish", "Borlish", "Cirlish", "Dorlish"}[c])
		out = append(out, Quad(country, "language", fmt.Sprint("language", c)))
		for k := range 3 {
			out = append(out, Quad(fmt.Sprint("city", 3*c+k), "in", country))
		}
	}
	for i := range 90 {
		person, city := fmt.Sprint("p", i), rng.IntN(12)
		out = append(out, Quad(person, "livesIn", fmt.Sprint("city", city)))
		if i%8 != 0 {
			out = append(out, Quad(person, "nationality", fmt.Sprint("country", city/3)))
		}
		if i%7 != 0 {
			out = append(out, Quad(person, "speaks", fmt.Sprint("language", city/3)))
		}
		label(person, Name(i))
		out = append(out, kg.TermQuad{S: IRI(person), P: IRI("age"), O: kg.NewTyped(fmt.Sprint(20+i%50), kg.XSD+"integer")})
	}
	return out
}

// Name is the label of a person.
func Name(i int) string {
	first := []string{"Anka", "Bero", "Cilla", "Dorin", "Edda", "Falk", "Gitta", "Henno", "Ilse", "Jorin"}
	last := []string{"Aldermark", "Brandvig", "Carstock", "Dunhof", "Eikeland", "Fjellby", "Grothe", "Halvard", "Isberg"}
	return first[i%10] + " " + last[i/10]
}

// City returns where a person of the world lives, and the country of it.
func City(person string) (name, country string) {
	for _, q := range World() {
		if q.S == IRI(person) && q.P == IRI("livesIn") {
			name = strings.TrimPrefix(q.O.Value, NS)
		}
	}
	var n int
	fmt.Sscanf(name, "city%d", &n)
	return name, fmt.Sprint("country", n/3)
}

// Sequence hands out quads.
func Sequence(list []kg.TermQuad) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		for _, q := range list {
			if !yield(q, nil) {
				return
			}
		}
	}
}

type result struct {
	table     *embed.Table
	companion *companion.Companion
}

var trained = sync.OnceValues(func() (result, error) {
	ctx := context.Background()
	st := mem.New()
	if _, err := st.Load(ctx, Sequence(World())); err != nil {
		return result{}, err
	}
	s, err := st.Snapshot()
	if err != nil {
		return result{}, err
	}
	defer s.Close()
	l, err := dataset.FromSnapshot(ctx, s, dataset.SnapshotOptions{Valid: 0.08, Test: 0.08, Seed: 3})
	if err != nil {
		return result{}, err
	}
	cfg := train.Config{Spec: embed.Spec{Model: "complex", Dim: 24}, N3: 0.03, Batch: 64, Epochs: 60, Patience: -1, ValidEvery: 20, Seed: 1}
	cfg.EnsureDefaults()
	r, err := train.Run(ctx, l.Graph, cfg)
	if err != nil {
		return result{}, err
	}
	o := companion.Options{PerType: 40}
	o.Adapt.Steps, o.Adapt.Batch = 30, 16
	c, err := companion.Train(ctx, r.Table, l.Graph, o)
	return result{r.Table, c}, err
})

// Open returns a store with the world, and its model. Every call returns others.
func Open(t testing.TB) (*infer.Model, *mem.Store) {
	t.Helper()
	r, err := trained()
	if err != nil {
		t.Fatal(err)
	}
	st := mem.New()
	if _, err := st.Load(t.Context(), Sequence(World())); err != nil {
		t.Fatal(err)
	}
	return infer.New(r.table, r.companion, "test.ckpt"), st
}

// Save writes the model's checkpoint with its companion.
func Save(t testing.TB, path string) {
	t.Helper()
	r, err := trained()
	if err != nil {
		t.Fatal(err)
	}
	if err := embed.Save(path, r.table, embed.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.companion.Save(companion.Path(path)); err != nil {
		t.Fatal(err)
	}
}

// Plain returns the model without a companion: it knows no probabilities.
func Plain(t testing.TB) *infer.Model {
	t.Helper()
	r, err := trained()
	if err != nil {
		t.Fatal(err)
	}
	return infer.New(r.table, nil, "plain.ckpt")
}
