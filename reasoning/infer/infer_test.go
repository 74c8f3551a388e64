package infer_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/reasoning/infer"
	"github.com/quaestor-kg/quaestor/reasoning/infer/infertest"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

func iri(name string) kg.Term { return infertest.IRI(name) }

func snapshot(t testing.TB, st *mem.Store) kg.Snapshot {
	t.Helper()
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

const prefix = "PREFIX : <" + infertest.NS + "> PREFIX rdfs: <" + kg.RDFS + "> "

func TestOneLink(t *testing.T) {
	m, st := infertest.Open(t)
	s := snapshot(t, st)
	right := 0
	for _, i := range []int{0, 8, 16, 24, 32, 40, 48, 56, 64, 72} { // their nationality is not stated
		person := fmt.Sprint("p", i)
		_, country := infertest.City(person)
		r, err := m.Query(t.Context(), s, prefix+"SELECT ?c WHERE { :"+person+" :nationality ?c }", infer.Options{Min: 0.01})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Stated) != 0 || len(r.Rows) == 0 || !r.Calibrated {
			t.Fatalf("%s: %d stated, %d inferred", person, len(r.Stated), len(r.Rows))
		}
		best := r.Rows[0]
		if best.Terms[0] == iri(country) {
			right++
		}
		l := best.Links[0]
		if len(best.Links) != 1 || l.Stated || l.S != iri(person) || l.P != iri("nationality") || l.O != best.Terms[0] || l.Probability != best.Probability {
			t.Errorf("%s: links %+v", person, best.Links)
		}
		for i, row := range r.Rows {
			if row.Probability <= 0 || row.Probability >= 1 || i > 0 && row.Probability > r.Rows[i-1].Probability {
				t.Errorf("%s: row %d has %v", person, i, row.Probability)
			}
		}
	}
	if right < 8 {
		t.Errorf("%d of 10 nationalities are right", right)
	}
	// What is stated is not inferred again.
	_, country := infertest.City("p1")
	r, err := m.Query(t.Context(), s, prefix+"SELECT ?c { :p1 :nationality ?c }", infer.Options{Min: 1e-6})
	if err != nil || len(r.Stated) != 1 || r.Stated[0][0] != iri(country) {
		t.Fatalf("%v %v", r.Stated, err)
	}
	for _, row := range r.Rows {
		if row.Terms[0] == iri(country) {
			t.Error("the stated answer is among the inferred")
		}
	}
}

// Every shape: joins, two hops, filters, unions, negation, labels, paths.
func TestShapes(t *testing.T) {
	m, st := infertest.Open(t)
	s := snapshot(t, st)
	home, country := infertest.City("p0")
	language := strings.Replace(country, "country", "language", 1)
	for name, c := range map[string]struct{ query, first string }{
		"two hops":         {"SELECT ?l { :p0 :nationality ?c . ?c :language ?l }", language},
		"sequence path":    {"SELECT ?l { :p0 :nationality/:language ?l }", language},
		"inverse":          {"SELECT ?c { ?c ^:nationality :p0 . :" + home + " :in ?c }", country},
		"intersection":     {"SELECT ?c { :p0 :nationality ?c . :" + home + " :in ?c }", country},
		"filter":           {"SELECT ?c { :p0 :nationality ?c FILTER(?c != :country9) }", country},
		"filter out":       {"SELECT ?c { :p0 :nationality ?c FILTER(?c != :" + country + ") }", "!" + country},
		"not in":           {"SELECT ?c { :p0 :nationality ?c FILTER(?c NOT IN (:country0, :country1, :country2)) }", "country3"},
		"values":           {"SELECT ?c { VALUES ?c { :country1 } :p0 :nationality ?c }", "country1"},
		"union":            {"SELECT ?c { { :p0 :nationality ?c } UNION { :" + home + " :in ?c } }", ""},
		"minus":            {"SELECT ?c { :p0 :nationality ?c MINUS { :p1 :livesIn/:in ?c } }", ""},
		"not exists":       {"SELECT ?c { :p0 :nationality ?c FILTER NOT EXISTS { :" + home + " :in ?c } }", "!" + country},
		"alternatives":     {"SELECT ?x { :p0 :nationality|:speaks ?x }", ""},
		"label":            {"SELECT ?p ?name { ?p :nationality :" + country + " ; rdfs:label ?name ; :livesIn :" + home + " FILTER(?p = :p0) }", "p0"},
		"optional label":   {"SELECT ?p ?name { ?p :nationality :" + country + " ; :livesIn :" + home + " FILTER(?p = :p0) OPTIONAL { ?p rdfs:label ?name } }", "p0"},
		"value and filter": {"SELECT ?p { ?p :nationality :" + country + " ; :age ?a FILTER(?a = 20) ?p :livesIn :" + home + " }", "p0"},
		"star":             {"SELECT * { :p0 :nationality ?c }", country},
	} {
		r, err := m.Query(t.Context(), s, prefix+c.query, infer.Options{Min: 0.001})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.first == "" {
			continue
		}
		if len(r.Rows) == 0 {
			t.Errorf("%s: nothing inferred (%d stated)", name, len(r.Stated))
			continue
		}
		got := r.Rows[0].Terms[0].Value
		if want, not := strings.CutPrefix(c.first, "!"); not {
			if got == infertest.NS+want {
				t.Errorf("%s: the first answer is %s", name, got)
			}
		} else if got != infertest.NS+want {
			t.Errorf("%s: the first answer is %s, want %s", name, got, want)
		}
		if strings.Contains(name, "label") && r.Rows[0].Terms[1] != kg.NewString(infertest.Name(0)) {
			t.Errorf("%s: the label is %v", name, r.Rows[0].Terms[1])
		}
	}
}

// The links of a row multiply to its probability, and stated ones are certain
// and really there.
func TestWitnesses(t *testing.T) {
	m, st := infertest.Open(t)
	s := snapshot(t, st)
	r, err := m.Query(t.Context(), s, prefix+"SELECT ?l ?c { :p0 :nationality ?c . ?c :language ?l }", infer.Options{Min: 0.001})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		product := 1.0
		for _, l := range row.Links {
			product *= l.Probability
			if l.Stated != has(t, s, l.S, l.P, l.O) || l.Stated != (l.Probability == 1) {
				t.Errorf("link %v: stated %v", l, l.Stated)
			}
		}
		if math.Abs(product-row.Probability) > 1e-4 || len(row.Links) != 2 {
			t.Errorf("links of %v give %v, the row says %v", row.Terms, product, row.Probability)
		}
		if row.Links[0].O != row.Terms[1] || row.Links[1].O != row.Terms[0] {
			t.Errorf("row %v, links %v", row.Terms, row.Links)
		}
	}
}

func has(t *testing.T, s kg.Snapshot, terms ...kg.Term) bool {
	t.Helper()
	var ids [3]kg.ID
	for i, x := range terms {
		id, ok, err := s.Lookup(x)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return false
		}
		ids[i] = id
	}
	c := s.Scan(t.Context(), kg.Pattern{S: ids[0], P: ids[1], O: ids[2]}, kg.SPO)
	defer c.Close()
	return c.Next()
}

// A deleted statement stops supporting at once: as a step it is no longer
// certain, and by itself it does not come back as an inference.
func TestDeletedStatement(t *testing.T) {
	m, st := infertest.Open(t)
	_, country := infertest.City("p1")
	language := strings.Replace(country, "country", "language", 1)
	query := prefix + "SELECT ?l { :p1 :nationality ?c . ?c :language ?l FILTER(?l = :" + language + ") }"
	before := snapshot(t, st)
	r, err := m.Query(t.Context(), before, query, infer.Options{Min: 1e-9})
	if err != nil || len(r.Stated) != 1 {
		t.Fatalf("%v %v", r, err)
	}
	engine := sparql.New(sparql.Options{})
	if _, err := engine.Update(t.Context(), st, prefix+"DELETE DATA { :"+country+" :language :"+language+" }", "", sparql.Limits{}); err != nil {
		t.Fatal(err)
	}
	after := snapshot(t, st)
	if r, err = m.Query(t.Context(), after, query, infer.Options{Min: 1e-9}); err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		for _, l := range row.Links {
			if l.S == iri(country) && l.P == iri("language") && l.O == iri(language) {
				t.Errorf("the withdrawn statement supports %+v", row)
			}
		}
	}
	one := prefix + "SELECT ?l { :" + country + " :language ?l }"
	if r, err = m.Query(t.Context(), after, one, infer.Options{Min: 1e-9}); err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		if row.Terms[0] == iri(language) {
			t.Errorf("the withdrawn statement is inferred: %+v", row)
		}
	}
	// The older snapshot still states it.
	if r, err = m.Query(t.Context(), before, one, infer.Options{}); err != nil || len(r.Stated) != 1 {
		t.Errorf("older snapshot: %v %v", r, err)
	}
}

// Entities that came after training are known by what is stated about them.
func TestNewEntity(t *testing.T) {
	m, st := infertest.Open(t)
	_, country := infertest.City("p1")
	home, _ := infertest.City("p1")
	if _, err := st.Load(t.Context(), infertest.Sequence([]kg.TermQuad{
		infertest.Quad("newcomer", "livesIn", home),
		infertest.Quad("newcomer", "speaks", strings.Replace(country, "country", "language", 1)),
		{S: iri("stranger"), P: kg.NewIRI(kg.RDFSLabel), O: kg.NewString("Stranger")},
	})); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, st)
	r, err := m.Query(t.Context(), s, prefix+"SELECT ?c { :newcomer :nationality ?c }", infer.Options{Min: 1e-6})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) == 0 || r.Rows[0].Terms[0] != iri(country) {
		t.Errorf("nationality of a new person: %+v, want %s", r.Rows, country)
	}
	// It is found as an answer, too.
	r, err = m.Query(t.Context(), s, prefix+"SELECT ?p { ?p :nationality :"+country+" ; :livesIn :"+home+" }", infer.Options{Min: 1e-6, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, row := range r.Rows {
		found = found || row.Terms[0] == iri("newcomer")
	}
	if !found {
		t.Errorf("the new person is not among %d answers", len(r.Rows))
	}
	if _, err := m.Query(t.Context(), s, prefix+"SELECT ?c { :stranger :nationality ?c }", infer.Options{}); err == nil || !strings.Contains(err.Error(), "nothing that it could be known by") {
		t.Errorf("somebody of whom no link is stated: %v", err)
	}
}

func TestAsk(t *testing.T) {
	m, st := infertest.Open(t)
	s := snapshot(t, st)
	_, country := infertest.City("p0")
	r, err := m.Query(t.Context(), s, prefix+"ASK { :p0 :nationality :"+country+" }", infer.Options{Min: 1e-6})
	if err != nil || r.Boolean || len(r.Rows) != 1 || len(r.Rows[0].Links) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	_, other := infertest.City("p1")
	if r, err = m.Query(t.Context(), s, prefix+"ASK { :p1 :nationality :"+other+" }", infer.Options{}); err != nil || !r.Boolean || len(r.Rows) != 0 {
		t.Errorf("stated: %+v %v", r, err)
	}
}

func TestQueriesThatCannotBe(t *testing.T) {
	m, st := infertest.Open(t)
	s := snapshot(t, st)
	for name, c := range map[string]struct{ query, want string }{
		"cycle":             {"SELECT ?x { ?x :livesIn ?y . ?y :in ?z . ?x :nationality ?z . :p0 :nationality ?z }", "cycle"},
		"two links":         {"SELECT ?x { ?x :livesIn ?y . ?x :in ?y . ?y :in :country1 }", "cycle"},
		"itself":            {"SELECT ?x { ?x :livesIn ?x }", "itself"},
		"unbound predicate": {"SELECT ?x { :p0 ?p ?x }", "?p is not bound"},
		"unknown entity":    {"SELECT ?x { :nobody :nationality ?x }", "does not mention <http://example.com/nobody>"},
		"unknown relation":  {"SELECT ?x { :p0 :employer ?x }", "no relation <http://example.com/employer>"},
		"no anchor":         {"SELECT ?x { ?x :nationality ?y }", "can be anything"},
		"apart":             {"SELECT ?x { :p0 :nationality ?x . :p1 :nationality ?z }", "not connected"},
		"values only":       {"SELECT ?a { :p0 :age ?a }", "no projected variable"},
		"negated only":      {"SELECT ?x { ?y :in ?x MINUS { :p0 :nationality ?x } }", "can be anything"},
		"count":             {"SELECT (COUNT(*) AS ?n) { :p0 :nationality ?x }", "counted"},
		"order":             {"SELECT ?x { :p0 :nationality ?x } ORDER BY ?x", "ORDER BY"},
		"expression":        {"SELECT (STR(?x) AS ?y) { :p0 :nationality ?x }", "plain variables"},
		"construct":         {"CONSTRUCT { ?x a :T } WHERE { :p0 :nationality ?x }", "SELECT and ASK"},
		"star path":         {"SELECT ?x { :p0 :nationality* ?x }", "fixed number"},
		"bind":              {"SELECT ?x { :p0 :nationality ?x BIND(1 AS ?z) }", "BIND"},
		"two in a filter":   {"SELECT ?x { :p0 :nationality ?x . ?y :in ?x . :p0 :livesIn ?y FILTER(?x != ?y) }", "may look at one"},
		"from":              {"SELECT ?x FROM <http://x/> { :p0 :nationality ?x }", "FROM"},
		"optional link":     {"SELECT ?x { :p0 :nationality ?x OPTIONAL { ?x :language ?l } }", "OPTIONAL may only"},
		"union of two":      {"SELECT ?x { ?x :in ?y . { :p0 :nationality ?y . :p1 :livesIn ?x } UNION { :p0 :livesIn ?x } }", "share one variable"},
		"many links":        {"SELECT ?x { :p0 :nationality" + strings.Repeat("/:language", 70) + " ?x }", "more than 64"},
	} {
		_, err := m.Query(t.Context(), s, prefix+c.query, infer.Options{})
		var shape *infer.ShapeError
		if !errors.As(err, &shape) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	var bad *syntax.Error
	if _, err := m.Query(t.Context(), s, "SELECT", infer.Options{}); !errors.As(err, &bad) {
		t.Errorf("syntax: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Query(ctx, s, prefix+"SELECT ?c { :p0 :nationality ?c }", infer.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestModelsThatDoNotFit(t *testing.T) {
	m, _ := infertest.Open(t)
	other := mem.New()
	if _, err := other.Load(t.Context(), infertest.Sequence([]kg.TermQuad{infertest.Quad("a", "b", "c")})); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, other)
	var g *embed.GraphError
	if _, err := m.Query(t.Context(), s, prefix+"SELECT ?x { :a :b ?x }", infer.Options{}); !errors.As(err, &g) {
		t.Errorf("another graph: %v", err)
	}
	if _, err := infer.Open(t.TempDir() + "/none.ckpt"); !errors.Is(err, infer.ErrNoModel) || !strings.Contains(err.Error(), "train link") {
		t.Errorf("no checkpoint: %v", err)
	}
	// Without its companion a model has no probabilities, but still ranks.
	plain := infertest.Plain(t)
	_, st := infertest.Open(t)
	r, err := plain.Query(t.Context(), snapshot(t, st), prefix+"SELECT ?c { :p0 :nationality ?c }", infer.Options{})
	if err != nil || r.Calibrated || len(r.Rows) == 0 || plain.Info().Calibrated || plain.Meaning(0.5) != "" {
		t.Errorf("uncalibrated: %+v %v", r, err)
	}
	empty := mem.New()
	if _, err := m.Query(t.Context(), snapshot(t, empty), prefix+"SELECT ?x { :a :b ?x }", infer.Options{}); !errors.As(err, &g) {
		t.Errorf("empty graph: %v", err)
	}
}

func TestLikely(t *testing.T) {
	m, st := infertest.Open(t)
	s := snapshot(t, st)
	_, country := infertest.City("p8")
	l, err := m.Entity(t.Context(), s, iri("p8"), infer.Options{Min: 0.01, Limit: 20})
	if err != nil {
		t.Fatal(err)
	}
	if !l.Calibrated || l.New || len(l.Predictions) == 0 {
		t.Fatalf("%+v", l)
	}
	found := false
	for i, p := range l.Predictions {
		if p.Stated || has(t, s, p.S, p.P, p.O) {
			t.Errorf("%v is stated", p.Link)
		}
		if i > 0 && p.Probability > l.Predictions[i-1].Probability {
			t.Errorf("%v is out of order", p.Link)
		}
		for _, r := range p.Reasons {
			for _, link := range r.Links {
				if !link.Stated || !has(t, s, link.S, link.P, link.O) {
					t.Errorf("reason %v of %v is not stated", link, p.Link)
				}
			}
			if r.Kind == "alike" && (r.Links[0].P != p.P || r.Like <= 0) {
				t.Errorf("reason %+v of %v", r, p.Link)
			}
			if r.Kind == "path" && len(r.Links) != 2 {
				t.Errorf("path %+v", r)
			}
		}
		if p.S == iri("p8") && p.P == iri("nationality") && p.O == iri(country) {
			found = true
			if len(p.Reasons) < 2 {
				t.Errorf("reasons %+v", p.Reasons)
			}
		}
	}
	if !found {
		t.Errorf("the missing nationality is not likely: %+v", l.Predictions)
	}
	if _, err := m.Entity(t.Context(), s, iri("nobody"), infer.Options{}); err == nil {
		t.Error("an unknown entity has likely links")
	}
	hits, err := m.Similar(t.Context(), s, iri("p8"), 5, func(id kg.ID) bool {
		x, err := s.Term(id)
		return err == nil && strings.HasPrefix(x.Value, infertest.NS+"p")
	})
	if err != nil || len(hits) != 5 {
		t.Fatalf("%v %v", hits, err)
	}
	for i, h := range hits {
		if x, _ := s.Term(h.ID); x == iri("p8") || !strings.HasPrefix(x.Value, infertest.NS+"p") || i > 0 && h.Score > hits[i-1].Score {
			t.Errorf("hit %v %v", x, h.Score)
		}
	}
}
