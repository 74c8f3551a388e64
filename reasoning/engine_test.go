package reasoning

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

const films = `
@prefix : <http://example.com/k/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:Tamsin rdfs:label "Tamsin Roe" ; :directed :Film1 , :Film2 . :Film1 a :Film ; rdfs:label "Low Tide" ; :year 2011 .
:Film2 a :Film ; rdfs:label "Salt Road" ; :year 2015 ; :starring :Ivo . :Ivo rdfs:label "Ivo Stern" .
:a1 rdfs:label "Jordan Avery" ; :office :cfo ; :of :Brightwater ; :studiedAt "Leiden" .
:a2 rdfs:label "Jordan Avery" ; :office :cfo ; :of :Stonegate ; :studiedAt "Osaka" .
:w1 rdfs:label "Avery" ; a :City ; :in "Texas" .
:Brightwater rdfs:label "Brightwater plc" . :Stonegate rdfs:label "Stonegate AG" .
`

func snapshotOf(t testing.TB, turtle string) kg.Snapshot {
	t.Helper()
	st := mem.New()
	if _, err := st.Load(context.Background(), rdf.Read(context.Background(), strings.NewReader(turtle), rdf.ReadOptions{Format: rdf.Turtle})); err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func ask(t testing.TB, e *Engine, s kg.Snapshot, q string) (*Answer, []Event) {
	t.Helper()
	var events []Event
	a, err := e.Answer(context.Background(), s, Question{Text: q}, func(ev Event) { events = append(events, ev) })
	if err != nil {
		t.Fatalf("%q: %v", q, err)
	}
	return a, events
}

func labels(a *Answer) string {
	var out []string
	for _, v := range a.Answers {
		if v.Label != "" {
			out = append(out, v.Label)
		} else {
			out = append(out, v.Value)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestAnswersWithoutModel: linking and ranking alone.
func TestAnswersWithoutModel(t *testing.T) {
	s := snapshotOf(t, films)
	e := New(Options{})
	for q, want := range map[string]string{
		"Which films were directed by Tamsin Roe?":          "Low Tide, Salt Road",
		"Who directed Salt Road and Low Tide?":              "Tamsin Roe",
		"How many films were directed by Tamsin Roe?":       "2",
		"Which film did Tamsin Roe direct after year 2012?": "Salt Road",
		"Is Ivo Stern starring in Salt Road?":               "true",
		"Where did Jordan Avery of Brightwater plc study?":  "Leiden",
		"What is the year of Low Tide?":                     "2011",
		"where did jordan avery study":                      "Leiden, Osaka",
	} {
		a, _ := ask(t, e, s, q)
		if got := labels(a); a.Status != "answered" || got != want {
			t.Errorf("%q: %s %q, want %q\n%s\n%s", q, a.Status, got, want, a.SPARQL, a.Reason)
		}
		if len(a.Evidence) == 0 {
			t.Errorf("%q: no evidence", q)
		}
	}
	a, _ := ask(t, e, s, "Who produced Blorptown Rising?")
	if a.Status != "refused" || a.Refusal.Code != "unknown-entity" || !strings.Contains(a.Reason, "Blorptown Rising") {
		t.Errorf("%+v", a)
	}
	a, _ = ask(t, e, s, "Who directed Salt Roed?")
	if a.Status != "refused" || len(a.Refusal.Needs) == 0 || a.Refusal.Needs[0].Label != "Salt Road" {
		t.Errorf("nearest name is missing: %+v", a.Refusal)
	}
}

// TestEvents: the order and the wire form of console.md 8.
func TestEvents(t *testing.T) {
	s := snapshotOf(t, films)
	e := New(Options{})
	_, events := ask(t, e, s, "Which films were directed by Tamsin Roe?")
	var names []string
	for _, ev := range events {
		n := ev.Name
		if st, ok := ev.Data.(Stage); ok {
			n += " " + st.Stage + " " + st.State
		}
		if len(names) == 0 || names[len(names)-1] != n {
			names = append(names, n)
		}
		if _, err := json.Marshal(ev); err != nil {
			t.Error(err)
		}
	}
	want := "open, stage link start, mention, stage link end, stage write start, token, reading, query, stage write end, stage run start, stage run end, rows, stage infer skip, stage evidence start, evidence, path, stage evidence end, stage verify start, verdict, stage verify end, answer, end"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("events:\n%s\nwant\n%s", got, want)
	}
	text := ""
	for _, ev := range events {
		if tk, ok := ev.Data.(Token); ok {
			for _, p := range tk.Pieces {
				text += p.T
			}
		}
		if q, ok := ev.Data.(Query); ok && q.SPARQL != text {
			t.Errorf("tokens spell %q, query is %q", text, q.SPARQL)
		}
		if sn, ok := ev.Data.(Sentence); ok {
			for _, seg := range sn.Segments {
				if seg.Val == nil && strings.ContainsAny(seg.Text, "0123456789") {
					t.Errorf("a figure that no row holds: %q", seg.Text)
				}
			}
		}
	}
}

func TestBadQuestions(t *testing.T) {
	s := snapshotOf(t, films)
	e := New(Options{})
	for _, q := range []string{"", "   ", "?!", strings.Repeat("who ", 30_000)} {
		_, err := e.Answer(context.Background(), s, Question{Text: q}, nil)
		if !errors.Is(err, ErrQuestion) {
			t.Errorf("%.20q: %v", q, err)
		}
	}
	for _, q := range []string{"谁导演了大红灯笼", "\x00\xff who", "Кто режиссёр фильма «Солярис»?", "من أخرج الفيلم؟", "Is", "2011", "[1] = > < {film} ] count"} {
		if _, err := e.Answer(context.Background(), s, Question{Text: q}, nil); err != nil {
			t.Errorf("%q: %v", q, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Answer(ctx, s, Question{Text: "Who directed Salt Road?"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestLiveGraph: a new fact is answerable at once, a deleted one is not.
func TestLiveGraph(t *testing.T) {
	st := mem.New()
	ctx := context.Background()
	e := New(Options{})
	film, label, by, who := kg.NewIRI("http://e/f"), kg.NewIRI(kg.RDFSLabel), kg.NewIRI("http://e/directedBy"), kg.NewIRI("http://e/w")
	set := func(change func(tx kg.Tx, q kg.Quad) error) {
		t.Helper()
		err := st.Update(ctx, func(tx kg.Tx) error {
			for _, x := range []kg.TermQuad{{S: film, P: label, O: kg.NewString("Grey Harbour")}, {S: who, P: label, O: kg.NewString("Una Vale")}, {S: film, P: by, O: who}} {
				var q kg.Quad
				q.G = kg.DefaultGraph
				for _, p := range []struct {
					t kg.Term
					d *kg.ID
				}{{x.S, &q.S}, {x.P, &q.P}, {x.O, &q.O}} {
					id, err := tx.Intern(p.t)
					if err != nil {
						return err
					}
					*p.d = id
				}
				if err := change(tx, q); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	status := func() string {
		t.Helper()
		s, err := st.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		a, _ := ask(t, e, s, "Who directed Grey Harbour?")
		return a.Status + " " + labels(a)
	}
	if got := status(); got != "refused " {
		t.Errorf("empty graph: %q", got)
	}
	set(func(tx kg.Tx, q kg.Quad) error { _, err := tx.Insert(q); return err })
	if got := status(); got != "answered Una Vale" {
		t.Errorf("with the fact: %q", got)
	}
	set(func(tx kg.Tx, q kg.Quad) error { _, err := tx.Delete(q); return err })
	if got := status(); got != "refused " {
		t.Errorf("after deletion: %q", got)
	}
}
