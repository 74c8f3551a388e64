package datagen

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/train/corpus"
)

// OwnConfig says what questions to make about one graph.
type OwnConfig struct {
	Rows   int
	Seed   uint64
	Out    string
	Rename float64 // see Config
	None   float64 // see Config
	Log    io.Writer
}

// Own writes rows about a graph that nobody described: its classes and
// relations are asked about under their own names, in general phrases and,
// where the lexicon knows a relation of that name, in its phrases. So a decoder
// can be adapted to a graph without any labelled question.
func Own(ctx context.Context, view *constrain.Graph, c OwnConfig) (Report, error) {
	start := time.Now()
	g := &generator{
		Config: Config{Rename: c.Rename, None: c.None, Log: c.Log}, ctx: ctx, words: strings.Fields(renameWords),
		rep: Report{Source: map[string]int{}, Shape: map[string]int{}, Steps: map[int]int{}},
	}
	if g.Log == nil {
		g.Log = io.Discard
	}
	w, err := describe(view)
	if err != nil {
		return g.rep, err
	}
	if len(w.edges)+len(w.values) == 0 {
		return g.rep, fmt.Errorf("datagen: the graph has no relation that can be asked about")
	}
	if g.out, err = corpus.Create(c.Out); err != nil {
		return g.rep, err
	}
	r := rand.New(rand.NewPCG(c.Seed, 77))
	if _, err := g.askWorld(w, c.Rows, r, nil); err != nil {
		g.out.Abort()
		return g.rep, err
	}
	if g.rep.Rows == 0 {
		g.out.Abort()
		return g.rep, fmt.Errorf("datagen: no question could be made about the graph: its things have no names, or no relations")
	}
	g.rep.Seconds = time.Since(start).Seconds()
	return g.rep, g.out.Close()
}

// Bounds of what is described of a graph: the largest classes and the relations
// with most edges.
const (
	ownClasses   = 200
	ownRelations = 1500
	ownSample    = 400 // subjects and objects looked at for the classes of a relation
)

// describe makes the words to ask about a graph.
func describe(view *constrain.Graph) (*world, error) {
	lx, err := theLexicon()
	if err != nil {
		return nil, err
	}
	w := &world{g: view, source: "own", edgeOf: map[string]int{}, valueOf: map[string]int{}}
	at := map[uint32]int{} // class of the graph -> of the world
	order := make([]int, len(view.Classes()))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(len(view.Classes()[b].Instances), len(view.Classes()[a].Instances))
	})
	for _, i := range order[:min(ownClasses, len(order))] {
		name := view.Classes()[i].Name
		if len(view.Classes()[i].Instances) < 2 || strings.Contains(name, "_") {
			continue
		}
		at[uint32(i)] = len(w.classes)
		w.classes = append(w.classes, class{one: name, many: plural(name)})
		w.clsIdx = append(w.clsIdx, i)
	}
	known := map[string]*relation{}
	for i := range lx.relations {
		for _, n := range lx.relations[i].names {
			if s := constrain.SchemaName(n); known[s] == nil {
				known[s] = &lx.relations[i]
			}
		}
	}
	attributes := map[string]*attribute{}
	for i := range lx.attributes {
		for _, n := range lx.attributes[i].names {
			if s := constrain.SchemaName(n); attributes[s] == nil {
				attributes[s] = &lx.attributes[i]
			}
		}
	}
	ends := relationEnds(view)
	rels := make([]int, len(view.Relations()))
	for i := range rels {
		rels[i] = i
	}
	slices.SortStableFunc(rels, func(a, b int) int { return cmp.Compare(view.Relations()[b].Edges, view.Relations()[a].Edges) })
	for _, i := range rels[:min(ownRelations, len(rels))] {
		rel := &view.Relations()[i]
		if strings.Contains(rel.Name, "_") || rel.Edges == 0 {
			continue
		}
		if rel.Kind != constrain.NoValue {
			a := attributes[rel.Name]
			if a == nil || a.date != (rel.Kind == constrain.DateValue) {
				a = &attribute{names: []string{rel.Name}, date: rel.Kind == constrain.DateValue}
			}
			w.valueOf[rel.Name] = len(w.values)
			w.values = append(w.values, value{attribute: a, name: rel.Name})
			continue
		}
		r := known[rel.Name]
		if r == nil {
			r = plainRelation(rel.Name)
		}
		e := edge{relation: r, name: rel.Name, persons: slices.Contains(r.objects, "person")}
		e.dom, e.rng = classesOf(view, ends[2*i], at), classesOf(view, ends[2*i+1], at)
		w.edgeOf[rel.Name] = len(w.edges)
		w.edges = append(w.edges, e)
	}
	return w, nil
}

// plainRelation speaks of a relation by its name alone.
func plainRelation(name string) *relation {
	fill := func(list []string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = strings.ReplaceAll(s, "~", name)
		}
		return out
	}
	return &relation{names: []string{name}, fwd: []string{name + " of @", name + " that @ has"}, fwdQ: fill(plainFwdQ), phrase: fill(plainPhrase), inv: fill(plainInv)}
}

// relationEnds samples the subjects (even) and objects (odd) of each relation.
func relationEnds(view *constrain.Graph) [][]constrain.Node {
	out := make([][]constrain.Node, 2*len(view.Relations()))
	for n := range constrain.Node(view.Nodes()) {
		for _, rd := range view.RDsOf(n) {
			if len(out[rd]) < ownSample {
				out[rd] = append(out[rd], n)
			}
		}
	}
	return out
}

// classesOf returns the classes that at least a fifth of some nodes have, the
// commonest first.
func classesOf(view *constrain.Graph, nodes []constrain.Node, at map[uint32]int) []int {
	count := map[int]int{}
	for _, n := range nodes {
		for _, c := range view.ClassesOf(n) {
			if i, ok := at[c]; ok {
				count[i]++
			}
		}
	}
	var out []int
	for i, n := range count {
		if n*5 >= len(nodes) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	return out[:min(3, len(out))]
}

// plural of an English noun; the last word of several.
func plural(s string) string {
	switch {
	case strings.HasSuffix(s, "person"):
		return strings.TrimSuffix(s, "person") + "people"
	case strings.HasSuffix(s, "man"):
		return strings.TrimSuffix(s, "man") + "men"
	case strings.HasSuffix(s, "series"), strings.HasSuffix(s, "species"):
		return s
	case len(s) > 1 && strings.HasSuffix(s, "y") && !strings.ContainsRune("aeiou", rune(s[len(s)-2])):
		return s[:len(s)-1] + "ies"
	case strings.HasSuffix(s, "s"), strings.HasSuffix(s, "x"), strings.HasSuffix(s, "ch"), strings.HasSuffix(s, "sh"):
		return s + "es"
	}
	return s + "s"
}
