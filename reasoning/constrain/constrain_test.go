package constrain

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// openText opens the graph of a Turtle document.
func openText(t testing.TB, turtle string) *Graph {
	t.Helper()
	st := mem.New()
	if _, err := st.Load(context.Background(), rdf.Read(context.Background(), strings.NewReader(turtle), rdf.ReadOptions{Format: rdf.Turtle, BlankPrefix: "b"})); err != nil {
		t.Fatal(err)
	}
	return openStore(t, st)
}

func openStore(t testing.TB, st kg.Store) *Graph {
	t.Helper()
	snap, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	g, err := Open(context.Background(), snap, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// openShared opens a graph of the shared question data, such as "metaqa".
func openShared(t testing.TB, name string) *Graph {
	t.Helper()
	path := filepath.Join(shared.Dir(t), "data", "kgqa", name)
	if !strings.HasSuffix(name, ".gz") {
		path = filepath.Join(path, "kg.nt.gz")
	}
	r, f, err := rdf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	st := mem.New()
	begin := time.Now()
	if _, err := st.Load(context.Background(), rdf.Read(context.Background(), r, rdf.ReadOptions{Format: f})); err != nil {
		t.Fatal(err)
	}
	loaded := time.Now()
	g := openStore(t, st)
	t.Logf("%s: load %v, view %v: %d nodes, %d edges, %d relations, %d classes, %d names", name, loaded.Sub(begin).Round(time.Millisecond), time.Since(loaded).Round(time.Millisecond), g.Nodes(), g.Edges(), len(g.Relations()), len(g.Classes()), g.NameCount())
	return g
}

const smallTown = `
@prefix : <http://example.com/k/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:t a :Train ; rdfs:label "Fast One" ; :topSpeed 300 ; :operatedBy :op ; :first "1999-05-01"^^xsd:date .
:u a :Train ; rdfs:label "Slow One" ; :topSpeed 90.5 ; :operatedBy :op, :oq ; :first "1970-01-02"^^xsd:date .
:v a :Train ; rdfs:label "Slow One" ; :topSpeed 90.5 ; :sameOwner :t .
:op rdfs:label "Op (company)" ; :pageCount 7 ; :runs :t, :u .
:oq rdfs:label "Oq" .
:paris rdfs:label "Paris" ; a :City ; :twin :rome .
:rome rdfs:label "Rome" ; :twin :paris , :t .
`

func TestEvalSmall(t *testing.T) {
	g := openText(t, smallTown)
	for text, want := range map[string]string{
		"{train}":                                              "Fast One, Slow One, Slow One",
		"{train} max top speed":                                "Fast One",
		"{train} min top speed":                                "Slow One, Slow One",
		"{train} min top speed > operated by":                  "Op (company), Oq",
		"[slow one] > operated by":                             "Op (company), Oq",
		"[op] < operated by":                                   "Fast One, Slow One",
		"[op company] < operated by":                           "Fast One, Slow One",
		"[op] < operated by > operated by":                     "Oq", // the anchor leaves its own answer
		"[paris] > twin > twin":                                "Fast One",
		"{train} where top speed > 90.5":                       "Fast One",
		"{train} where first = 1970":                           "Slow One",
		"{train} max first":                                    "Fast One",
		"{train} ! > operated by":                              "Slow One",
		"{train} ! > operated by [oq]":                         "Fast One, Slow One",
		"{train} | > operated by [oq]":                         "Slow One",
		"{train} | > operated by > runs [slow one]":            "Fast One, Slow One",
		"{train} count":                                        "3",
		"{train} sum top speed":                                "481",
		"[op] > runs avg top speed":                            "195.25",
		"[op] > runs = [fast one]":                             "true",
		"[op] > runs = [oq]":                                   "false",
		"[op] > runs : city count":                             "0",
		"[300] < top speed":                                    "Fast One",
		"[op] > page_count":                                    "7",
		"[rome] < twin > twin : train":                         "",
		"{train} max #2 top speed":                             "Fast One, Slow One, Slow One",
		"{train} max @2 top speed":                             "Slow One, Slow One",
		"{train} max @3 top speed":                             "",
		"{train} # max > operated by":                          "Slow One",
		"{train} # min > operated by":                          "Fast One",
		"{train} # = 0 > operated by":                          "Slow One",
		"{train} # >= 1 > operated by":                         "Fast One, Slow One",
		"{city} # max < twin {city}":                           "",
		"[op] # max > runs {train}":                            "Op (company)",
		"{train} @ > operated by > runs":                       "Fast One, Slow One",
		"[paris] ~ [rome] > twin":                              "Fast One, Paris, Rome",
		"[oq] < operated by ~ > same owner [fast one]":         "Slow One, Slow One",
		"[paris] >> twin":                                      "Fast One, Paris, Rome",
		"{train} where top speed >= 90.5 count":                "3",
		"{train} where first > 1999-04":                        "Fast One",
		"{train} where first <= 1999-05-01":                    "Fast One, Slow One",
		"{train} where first = 1999-05":                        "Fast One",
		"{train} where first < 1970-01-02":                     "",
		"{train} where top speed > [slow one]":                 "Fast One",
		"[fast one] where top speed > [slow one] = [fast one]": "true",
		"[fast one] - top speed [slow one]":                    "209.5",
		"{train} , > operated by":                              "Fast One|Op (company); Slow One|; Slow One|Op (company); Slow One|Oq",
		"{train} ; > operated by count":                        "Op (company)|2; Oq|1",
		"{train} ; > operated by max top speed":                "Op (company)|300; Oq|90.5",
		"[fast one] ( top speed / top speed )":                 "Fast One|1",
	} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := g.Eval(context.Background(), p)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := show(g, r); got != want {
			t.Errorf("%s = %q, want %q", text, got, want)
		}
		if _, err := g.SPARQL(p); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, what := range map[string]string{"[nobody] > runs": "name", "{x}": "class", "[op] > x": "relation", "[op] max x": "relation", "[op] > runs = [zz]": "name"} {
		p, _ := Parse(text)
		_, err := g.Eval(context.Background(), p)
		var u *UnknownError
		if !errors.As(err, &u) || u.Kind != what {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestReading(t *testing.T) {
	g := openText(t, smallTown)
	for text, want := range map[string]string{
		"[op] < operated by":                    "what is operated by “Op (company)”",
		"[fast one] > operated by":              "what “Fast One” is operated by",
		"{train} | > operated by [op] count":    "the number of: every train, only those that are operated by “Op (company)”",
		"{train} max #2 top speed":              "those with the 2 highest values of top speed among (every train)",
		"{train} # max > operated by":           "the one with the most values of operated by among (every train)",
		"{train} # >= 2 < runs : city":          "every train, only those with at least 2 things that have them as runs that is a city",
		"{train} @ > operated by < runs":        "every train, only those whose operated by is also their runs",
		"[fast one] ~ [slow one] max top speed": "the one with the highest top speed among (“Fast One” or “Slow One”)",
		"[fast one] - top speed [slow one]":     "by how much the top speed of “Fast One” exceeds that of “Slow One”",
		"{train} where top speed > [slow one]":  "every train, only with top speed over that of “Slow One”",
		"{train} , > operated by":               "every train, and with each what it is operated by",
		"{train} ; > operated by avg top speed": "for each of what these is operated by, the average top speed of: every train",
		"{train} ( top speed - top speed )":     "the top speed minus the top speed of: every train",
		"[paris] >> twin":                       "the twin of “Paris”, over any number of steps of that kind",
	} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Reading(p); got != want {
			t.Errorf("%s reads %q, want %q", text, got, want)
		}
	}
}

func show(g *Graph, r Result) string {
	switch r.Kind {
	case Count, Sum, Avg, Diff:
		return fmt.Sprint(r.Number)
	case Show, Group, Calc:
		var rows []string
		for _, row := range r.Rows {
			var cs []string
			for _, c := range row {
				switch c.Kind {
				case NodeCell:
					cs = append(cs, g.Label(c.Node))
				case NumberCell:
					cs = append(cs, fmt.Sprint(c.Number))
				default:
					cs = append(cs, "")
				}
			}
			rows = append(rows, strings.Join(cs, "|"))
		}
		slices.Sort(rows)
		return strings.Join(rows, "; ")
	case Ask:
		return fmt.Sprint(r.Bool)
	}
	var out []string
	for _, n := range r.Nodes {
		out = append(out, g.Label(n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestSuperclasses: an instance of a class is one of its superclasses.
func TestSuperclasses(t *testing.T) {
	g := openText(t, `
@prefix : <http://example.com/k/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:Pump rdfs:subClassOf :Hardware . :Hardware rdfs:subClassOf :Product . :Service rdfs:subClassOf :Product . :Product rdfs:subClassOf :Hardware .
:a a :Pump ; rdfs:label "A" ; :price 3 . :b a :Hardware ; rdfs:label "B" ; :price 4 . :c a :Service ; rdfs:label "C" ; :price 5 . :d rdfs:label "D" ; :near :a .
`)
	for text, want := range map[string]string{
		"{pump}": "A", "{product}": "A, B, C", "{service}": "C", "[d] > near : product": "A", "{product} max price": "C", "{product} count": "3", "{product} avg price": "4",
	} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := g.Eval(context.Background(), p)
		if err != nil || show(g, r) != want {
			t.Errorf("%s = %q, want %q (%v)", text, show(g, r), want, err)
		}
		if got, query := runSPARQL(t, g, p); show(g, got) != want {
			t.Errorf("%s: %s gives %q", text, query, show(g, got))
		}
	}
}

func TestOddLabels(t *testing.T) {
	g := openText(t, `
@prefix : <http://example.com/k/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:a rdfs:label "[x] {y}\n\"z\"" ; :r :b .
:b rdfs:label "?!" ; :r :c .
:c rdfs:label "😀" ; :r :d .
:d rdfs:label "שלום עולם" ; :r :e .
:e rdfs:label "" ; :r :f .
:f rdfs:label "12" ; :r _:g .
_:g rdfs:label "blank" ; :r "`+strings.Repeat("long ", 60)+`" .
`)
	for n := range Node(g.Nodes()) {
		name, ok := g.Name(n)
		if tag := g.ID(n).Tag(); tag == kg.TagBlank || len(g.Label(n)) > maxNameBytes {
			if ok {
				t.Errorf("%q can be named", g.Label(n))
			}
			continue
		}
		if !ok {
			t.Errorf("%q cannot be named", g.Label(n))
			continue
		}
		if !slices.Contains(g.Lookup(name), n) {
			t.Errorf("%q is not found under its name %q", g.Label(n), name)
		}
		text := Pipeline{Start: Anchor{Name: name}, Ops: []Op{{Kind: Edge, Step: Step{Rel: "r"}}}}.String()
		p, err := Parse(text)
		if err != nil || p.Start.Name != name {
			t.Errorf("%q: %v", text, err)
		}
	}
	if len(g.Lookup("blank")) != 0 {
		t.Error("a blank node can be named")
	}
}

// TestEdgesMatchScan compares the adjacency with plain scans of the snapshot.
func TestEdgesMatchScan(t *testing.T) {
	for _, name := range []string{"geoquery", "worldcup2014"} {
		g := openShared(t, name)
		ctx := context.Background()
		rng := rand.New(rand.NewPCG(1, 2))
		for range 400 {
			n := Node(rng.IntN(g.Nodes()))
			for rd := range RD(2 * len(g.Relations())) {
				var want Set
				for _, p := range g.Relations()[rd/2].Preds {
					pat := kg.Pattern{S: g.ID(n), P: p}
					if rd&1 == 1 {
						pat = kg.Pattern{O: g.ID(n), P: p}
					}
					c := g.Snapshot().Scan(ctx, pat, kg.BestOrder(pat))
					for c.Next() {
						q := c.Quad()
						other := q.O
						if rd&1 == 1 {
							other = q.S
						}
						m, ok := g.Number(other)
						if !ok {
							t.Fatalf("%v is no node", other)
						}
						want = append(want, m)
					}
					c.Close()
				}
				slices.Sort(want)
				want = slices.Compact(want)
				if got := g.Image(Set{n}, rd); !slices.Equal(got, want) {
					t.Fatalf("%s: %v over %v: %v, scan says %v", name, n, g.StepOf(rd), got, want)
				}
				if slices.Contains(g.RDsOf(n), rd) != (len(want) > 0) {
					t.Fatalf("%s: relations of %v and %v disagree", name, n, g.StepOf(rd))
				}
			}
		}
	}
}

// TestImageLarge compares the bitmap path of Image with a map.
func TestImageLarge(t *testing.T) {
	g := openShared(t, "geoquery")
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var s Set
		for n := range Node(g.Nodes()) {
			if rng.IntN(3) == 0 {
				s = append(s, n)
			}
		}
		rd := RD(rng.IntN(2 * len(g.Relations())))
		seen := map[Node]bool{}
		for _, n := range s {
			for m := range g.Neighbours(n, rd) {
				seen[m] = true
			}
		}
		got := g.Image(s, rd)
		if len(got) != len(seen) || !slices.IsSorted(got) {
			t.Fatalf("%d nodes, want %d", len(got), len(seen))
		}
		for _, n := range got {
			if !seen[n] {
				t.Fatal("a node too many")
			}
		}
	}
}

func TestOpenSharedGraphs(t *testing.T) {
	for _, name := range []string{"metaqa", "simplequestions-wikidata", "lcquad1"} {
		g := openShared(t, name)
		if g.Nodes() == 0 || len(g.Relations()) == 0 {
			t.Errorf("%s is empty", name)
		}
		for _, r := range g.Relations()[:min(9, len(g.Relations()))] {
			if r.Name == "" || r.Edges == 0 {
				t.Errorf("%s: relation %+v", name, r)
			}
		}
	}
}
