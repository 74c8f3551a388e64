package datagen

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// edge is a relation of one schema under the name it has there.
type edge struct {
	*relation
	name    string // folded, as in pipelines
	dom     []int  // classes of the schema
	rng     []int
	persons bool // objects are persons
}

// value is an attribute of one schema.
type value struct {
	*attribute
	name string
	cls  []int
}

// world is one invented graph with the words to ask about it.
type world struct {
	g       *constrain.Graph
	source  string
	classes []class // of the schema
	clsIdx  []int   // class number of the graph, -1 if it has none
	edges   []edge
	values  []value
	edgeOf  map[string]int // relation name -> edge
	valueOf map[string]int
}

const inventedNS = "http://invented.example/"

// schema draws classes, relations and attributes that fit together.
func (lx *lexicon) schema(r *rand.Rand) *world {
	w := &world{edgeOf: map[string]int{}, valueOf: map[string]int{}, source: "invented"}
	index := map[int]int{} // lexicon class -> schema class
	add := func(c int) int {
		i, ok := index[c]
		if !ok {
			i = len(w.classes)
			index[c] = i
			w.classes = append(w.classes, lx.classes[c])
		}
		return i
	}
	// choose takes a class a word allows, one the schema has if there is one.
	choose := func(words []string, fresh bool) int {
		var have, all []int
		for _, word := range words {
			for _, c := range lx.pick(word) {
				all = append(all, c)
				if _, ok := index[c]; ok {
					have = append(have, c)
				}
			}
		}
		if len(have) > 0 && (!fresh || r.IntN(4) > 0) {
			return have[r.IntN(len(have))]
		}
		return all[r.IntN(len(all))]
	}
	taken := map[string]bool{}
	name := func(names []string) (string, bool) {
		n := constrain.SchemaName(names[min(r.IntN(len(names)), r.IntN(len(names)))])
		if taken[n] {
			return "", false
		}
		taken[n] = true
		return n, true
	}
	want := 5 + r.IntN(8)
	for tries := 0; len(w.edges) < want && tries < 400; tries++ {
		rel := &lx.relations[r.IntN(len(lx.relations))]
		known := len(w.edges) == 0
		for _, side := range [][]string{rel.subjects, rel.objects} {
			for _, word := range side {
				for _, c := range lx.pick(word) {
					if _, ok := index[c]; ok {
						known = true
					}
				}
			}
		}
		if !known || slices.ContainsFunc(w.edges, func(e edge) bool { return e.relation == rel }) {
			continue
		}
		n, ok := name(rel.names)
		if !ok {
			continue
		}
		e := edge{relation: rel, name: n}
		full := len(w.classes) >= 8
		e.dom = []int{add(choose(rel.subjects, !full))}
		e.rng = []int{add(choose(rel.objects, !full))}
		if r.IntN(10) < 4 { // two kinds of subjects, so that a class says something
			if d := add(choose(rel.subjects, true)); d != e.dom[0] {
				e.dom = append(e.dom, d)
			}
		}
		if r.IntN(10) == 0 {
			if d := add(choose(rel.objects, true)); d != e.rng[0] {
				e.rng = append(e.rng, d)
			}
		}
		e.persons = w.classes[e.rng[0]].kind == "person"
		w.edgeOf[n] = len(w.edges)
		w.edges = append(w.edges, e)
	}
	for tries := 0; len(w.values) < 5 && tries < 200; tries++ {
		a := &lx.attributes[r.IntN(len(lx.attributes))]
		v := value{attribute: a}
		for _, word := range a.subjects {
			for _, c := range lx.pick(word) {
				if i, ok := index[c]; ok && !slices.Contains(v.cls, i) {
					v.cls = append(v.cls, i)
				}
			}
		}
		if len(v.cls) == 0 || slices.ContainsFunc(w.values, func(x value) bool { return x.attribute == a }) {
			continue
		}
		n, ok := name(a.names)
		if !ok {
			continue
		}
		v.name = n
		w.valueOf[n] = len(w.values)
		w.values = append(w.values, v)
	}
	return w
}

// fill gives the schema nodes and edges and opens the graph.
func (w *world) fill(ctx context.Context, r *rand.Rand) error {
	var nodes [][]kg.Term
	taken := map[string]bool{}
	var quads []kg.TermQuad
	add := func(s kg.Term, p string, o kg.Term) { quads = append(quads, kg.TermQuad{S: s, P: kg.NewIRI(p), O: o}) }
	super := r.IntN(3) == 0 // some graphs say "person" beside the narrower class
	for c, cl := range w.classes {
		n := 6 + r.IntN(12)
		if r.IntN(4) == 0 {
			n += r.IntN(20)
		}
		var of []kg.Term
		for range n {
			t := kg.NewIRI(fmt.Sprintf("%se/%d-%d", inventedNS, c, len(of)))
			label := inventName(r, taken)
			of = append(of, t)
			add(t, kg.RDFSLabel, kg.NewString(label))
			add(t, kg.RDFType, kg.NewIRI(inventedNS+"c/"+strings.ReplaceAll(cl.one, " ", "_")))
			if super && cl.kind == "person" {
				add(t, kg.RDFType, kg.NewIRI(inventedNS+"c/person"))
			}
		}
		nodes = append(nodes, of)
	}
	iri := func(name string) string { return inventedNS + "r/" + strings.ReplaceAll(name, " ", "_") }
	for i, e := range w.edges {
		// Another relation of the same two classes sometimes says the same, so that
		// "whose director is also their writer" has answers.
		twin := ""
		for _, f := range w.edges[:i] {
			if f.dom[0] == e.dom[0] && f.rng[0] == e.rng[0] {
				twin = f.name
			}
		}
		most := 1
		if r.IntN(2) == 0 {
			most = 2 + r.IntN(2)
		}
		for _, d := range e.dom {
			for _, s := range nodes[d] {
				if r.Float64() < 0.1 {
					continue
				}
				for range 1 + r.IntN(most) {
					of := nodes[e.rng[r.IntN(len(e.rng))]]
					// Squaring prefers the first, so that some are popular.
					x := r.Float64()
					o := of[int(x*x*float64(len(of)))]
					if o != s {
						add(s, iri(e.name), o)
						if twin != "" && r.IntN(4) == 0 {
							add(s, iri(twin), o)
						}
					}
				}
			}
		}
	}
	for _, v := range w.values {
		kind := r.IntN(3)
		for _, c := range v.cls {
			for _, s := range nodes[c] {
				if r.Float64() < 0.1 {
					continue
				}
				add(s, iri(v.name), v.draw(r, kind))
			}
		}
	}
	st := mem.New()
	if _, err := st.Load(ctx, yieldAll(quads)); err != nil {
		return err
	}
	snap, err := st.Snapshot()
	if err != nil {
		return err
	}
	if w.g, err = constrain.Open(ctx, snap, constrain.Options{}); err != nil {
		return err
	}
	w.clsIdx = make([]int, len(w.classes))
	for i, c := range w.classes {
		w.clsIdx[i] = -1
		if k, ok := w.g.Class(constrain.SchemaName(c.one)); ok {
			w.clsIdx[i] = k
		}
	}
	return nil
}

func yieldAll(quads []kg.TermQuad) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		for _, q := range quads {
			if !yield(q, nil) {
				return
			}
		}
	}
}

// draw makes one value: a number on a log scale, or a date in one of three
// forms.
func (a *attribute) draw(r *rand.Rand, kind int) kg.Term {
	if !a.date {
		x := math.Exp(math.Log(a.lo+1) + r.Float64()*(math.Log(a.hi+1)-math.Log(a.lo+1)))
		n := int64(x)
		if n > 100 && r.IntN(3) == 0 {
			n -= n % 10
		}
		return kg.NewTyped(strconv.FormatInt(n, 10), kg.XSD+"integer")
	}
	year := int(a.lo) + r.IntN(int(a.hi-a.lo))
	switch kind {
	case 0:
		return kg.NewTyped(fmt.Sprintf("%04d-%02d-%02d", year, 1+r.IntN(12), 1+r.IntN(28)), kg.XSD+"date")
	case 1:
		return kg.NewTyped(fmt.Sprintf("%04d", year), kg.XSD+"gYear")
	}
	return kg.NewTyped(strconv.Itoa(year), kg.XSD+"integer")
}

var syllables = strings.Fields("ba be bo ca ce co da de do el fa fi ga go ha he il in jo ka ke ko la le li lo lu ma me mi mo na ne ni no or pa pe po ra re ri ro sa se si so ta te ti to ur va ve vi wa we za zo")

// inventName makes a name of one to three words that no other node has.
func inventName(r *rand.Rand, taken map[string]bool) string {
	for {
		var words []string
		for range 1 + r.IntN(2) + r.IntN(2) {
			var b strings.Builder
			for range 2 + r.IntN(2) {
				b.WriteString(syllables[r.IntN(len(syllables))])
			}
			s := b.String()
			words = append(words, strings.ToUpper(s[:1])+s[1:])
		}
		n := strings.Join(words, " ")
		if !taken[n] {
			taken[n] = true
			return n
		}
	}
}
