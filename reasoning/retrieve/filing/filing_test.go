package filing

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/filingtest"
)

func ask(t *testing.T, st kg.Store, text string) (*reasoning.Answer, []reasoning.Event) {
	t.Helper()
	snap, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var events []reasoning.Event
	a, err := New(retrieve.Options{}).Answer(context.Background(), snap, reasoning.Question{Text: text}, func(e reasoning.Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	return a, events
}

func TestAnswers(t *testing.T) {
	st := filingtest.Open(t, "")
	for _, c := range []struct {
		text, value, label string
		figures            int
	}{
		{"What was Northwind's revenue in fiscal 2023?", "1100000000", "$1,100 million", 1},
		{"What was Northwind's revenue in fiscal 2022?", "1000000000", "$1,000 million", 1},
		{"What was Northwind's revenue in fiscal 2021?", "900000000", "$900 million", 1},
		{"In fiscal 2023, Northwind's inventory equalled what percentage of its net sales?", "23.636363", "23.64 %", 2},
		{"By what percentage did Northwind's revenue change between fiscal 2021 and fiscal 2023?", "22.222222", "22.22 %", 2},
		{"By how much did Acme Robotics' research and development expense increase from 2022 to 2023?", "30000000", "$30 million", 2},
		{"What was Northwind's free cash flow margin in FY2023?", "10", "10.00 %", 3},
		{"How many percentage points did Northwind's operating income as a share of revenue move from fiscal 2022 to fiscal 2023?", "-3", "-3.00 percentage points", 4},
		{"What was Northwind's Frozen Meals revenue in fiscal 2023?", "500000000", "$500 million", 1},
		{"What share of Northwind's fiscal 2023 revenue came from the Frozen Meals segment?", "45.454545", "45.45 %", 2},
		{"What goodwill did the company headquartered in Boise and audited by Ernst & Young report for fiscal 2023?", "300000000", "$300 million", 3},
		{"What was the average of Acme Robotics' revenue from fiscal 2021 to fiscal 2023?", "453333333.3", "$453.333 million", 3},
		{"What was the combined goodwill of Acme Robotics and Zephyr Airlines in fiscal 2023?", "310000000", "$310 million", 2},
		{"What was Northwind's revenue for 2022 as restated?", "990000000", "$990 million", 1},
		{"What was Northwind's revenue for 2022 as first reported?", "1000000000", "$1,000 million", 1},
	} {
		a, _ := ask(t, st, c.text)
		if a.Status != "answered" || len(a.Answers) == 0 {
			t.Errorf("%s: %s %s", c.text, a.Status, a.Reason)
			continue
		}
		got := a.Answers[len(a.Answers)-1]
		if !strings.HasPrefix(got.Value, c.value) || got.Label != c.label {
			t.Errorf("%s: %s (%s), want %s (%s)\n%s", c.text, got.Value, got.Label, c.value, c.label, a.Text)
		}
		if len(a.Figures) != c.figures {
			t.Errorf("%s: rests on %d figures, want the fewest: %d", c.text, len(a.Figures), c.figures)
		}
		for _, f := range a.Figures {
			if f.State != "unchanged" || f.Span == "" || f.Period == "" && f.Unit != "" || f.Company == "" || f.Accession == "" || f.Filing == "" {
				t.Errorf("%s: a figure is not all told: %+v", c.text, f)
			}
		}
	}
}

func TestComparisons(t *testing.T) {
	st := filingtest.Open(t, "")
	for text, want := range map[string]string{
		"Which company reported the higher goodwill for fiscal 2023, Acme Robotics or Northwind, and by how much?":                        "Acme Robotics $225 million",
		"Which had the lower goodwill in fiscal 2023, Zephyr Airlines or Northwind Foods?":                                                "Zephyr Airlines $65 million",
		"Among Northwind, Acme Robotics and Zephyr Airlines, which had the highest operating income as a share of revenue in FY2023?":     "Zephyr Airlines 16.00 %",
		"Which company had the highest revenue in fiscal 2023?":                                                                           "Zephyr Airlines $2,500 million",
		"Which of Northwind, Acme Robotics and Zephyr Airlines had the lowest operating margin in fiscal 2023, and what was that margin?": "Northwind Foods 9.00 %",
	} {
		a, _ := ask(t, st, text)
		if a.Status != "answered" || len(a.Answers) != 2 || a.Answers[0].Label+" "+a.Answers[1].Label != want {
			t.Errorf("%s: %s %v, want %s", text, a.Status, a.Answers, want)
		}
	}
}

func TestPair(t *testing.T) {
	a, _ := ask(t, filingtest.Open(t, ""), `Northwind reported "Revenues" for the year ended 2022-12-31 in two consecutive annual reports. What was the figure as first reported (fiscal 2022 report) and as shown a year later (fiscal 2023 report)?`)
	if a.Status != "answered" || len(a.Answers) != 2 || a.Answers[0].Value != "1000000000" || a.Answers[1].Value != "990000000" {
		t.Fatalf("%s %v %s", a.Status, a.Answers, a.Reason)
	}
	if len(a.Figures) != 2 || a.Figures[0].Filing == a.Figures[1].Filing {
		t.Errorf("both filings are shown: %+v", a.Figures)
	}
}

func TestRestatementIsShown(t *testing.T) {
	a, _ := ask(t, filingtest.Open(t, ""), "What was Northwind's revenue in fiscal 2022?")
	if len(a.Figures) != 1 || len(a.Figures[0].Restated) != 1 || a.Figures[0].Restated[0].Value != "990000000" || !strings.Contains(a.Text, "$990 million") {
		t.Errorf("the later value is shown beside the first: %+v\n%s", a.Figures, a.Text)
	}
}

func TestRefusals(t *testing.T) {
	st := filingtest.Open(t, "")
	for text, code := range map[string]string{
		"What was Contoso's revenue in fiscal 2023?":                                               "unknown-entity",
		"Which company reported the higher goodwill for fiscal 2023, Northwind or Contoso?":        "unknown-entity",
		"What was Northwind's revenue in fiscal 2011?":                                             "no-period",
		"By what percentage did Northwind's goodwill change between fiscal 2009 and 2023?":         "no-period",
		"What were Northwind's proved oil reserves in fiscal 2023?":                                "no-fact",
		"What was Northwind's revenue from the Deep Sea Mining segment in fiscal 2023?":            "no-fact",
		"What was Zephyr Airlines' research and development expense in fiscal 2023?":               "no-fact",
		"What goodwill did the company headquartered in Paris and audited by KPMG report in 2023?": "unknown-entity",
	} {
		a, events := ask(t, st, text)
		if a.Status != "refused" || a.Refusal == nil {
			t.Errorf("%s: %s %s", text, a.Status, a.Text)
			continue
		}
		ok := a.Refusal.Code == code || code == "no-fact" && a.Refusal.Code == "no-relation"
		if !ok || len(a.Refusal.Tried) == 0 || !strings.Contains(a.Reason, "10-K FY") {
			t.Errorf("%s: %s %q tried %v, want %s and what was searched", text, a.Refusal.Code, a.Reason, a.Refusal.Tried, code)
		}
		if len(a.Answers)+len(a.Figures) > 0 {
			t.Errorf("%s: a refusal gives no values", text)
		}
		if last := events[len(events)-1]; last.Name != "end" || last.Data.(reasoning.End).Outcome != "refused" {
			t.Errorf("%s: the last event is %v", text, last)
		}
	}
}

func TestChangedBytes(t *testing.T) {
	a, _ := ask(t, filingtest.Open(t, "101-2023"), "What was Northwind's revenue in fiscal 2023?")
	if a.Status != "answered" || a.Figures[0].State != "changed" || a.Spans[0].State != "changed" {
		t.Errorf("a span that does not read as it did is marked: %+v", a.Figures)
	}
}

func TestText(t *testing.T) {
	a, events := ask(t, filingtest.Open(t, ""), "Why could a fire at the cold storage warehouse harm Northwind?")
	if a.Status != "answered" || len(a.Answers) == 0 || !strings.Contains(a.Answers[0].Value, "single cold storage warehouse") {
		t.Fatalf("%s %s", a.Status, a.Text)
	}
	var spans []reasoning.Span
	for _, e := range events {
		if ev, ok := e.Data.(reasoning.Evidence); ok {
			spans = ev.Spans
		}
	}
	if len(spans) == 0 || spans[0].State != "unchanged" || spans[0].Page != 3 || spans[0].End <= spans[0].Start {
		t.Errorf("the passage has a verified span: %+v", spans)
	}
}

var inText = regexp.MustCompile(`[0-9]+`)

// TestEvents holds every answer to the console's rules: numbers come from
// rows or derived values, references have citations, statements have spans.
func TestEvents(t *testing.T) {
	st := filingtest.Open(t, "")
	for _, text := range []string{
		"In fiscal 2023, Northwind's inventory equalled what percentage of its net sales?",
		"Among Northwind, Acme Robotics and Zephyr Airlines, which had the highest operating income as a share of revenue in FY2023?",
		"What was Northwind's free cash flow margin in FY2023?", "What was Northwind's revenue in fiscal 2022?",
		"By how much did Acme Robotics' research and development expense increase from 2022 to 2023?",
	} {
		_, events := ask(t, st, text)
		names := ""
		rows, spans, statements := 0, map[string]bool{}, map[string]bool{}
		var order []string
		for _, e := range events {
			order = append(order, e.Name)
			if _, err := json.Marshal(e); err != nil {
				t.Fatal(err)
			}
			switch d := e.Data.(type) {
			case reasoning.Rows:
				rows = len(d.Rows)
				if len(d.Kinds) != rows {
					t.Errorf("%d kinds for %d rows", len(d.Kinds), rows)
				}
			case reasoning.Evidence:
				for _, s := range d.Spans {
					spans[s.ID] = true
				}
				for _, s := range d.Statements {
					statements[s.ID] = true
					for _, id := range s.Spans {
						if !spans[id] {
							t.Errorf("statement %s cites span %s, which is not there", s.ID, id)
						}
					}
				}
			case reasoning.Sentence:
				derived := map[string]bool{}
				for _, x := range d.Derived {
					derived[x.ID] = true
					if len(x.Operands) == 0 || strings.ContainsAny(x.Formula, "cf") && regexp.MustCompile(`[cf][0-9]`).MatchString(x.Formula) {
						t.Errorf("%s: formula %q over %v", text, x.Formula, x.Operands)
					}
				}
				for _, s := range d.Segments {
					for _, n := range inText.FindAllString(s.Text, -1) {
						if !strings.Contains(text, n) {
							t.Errorf("%s: %q holds the number %s", text, s.Text, n)
						}
					}
					if s.Val != nil && (s.Val.Row >= rows || s.Val.Derived != "" && !derived[s.Val.Derived]) {
						t.Errorf("%s: segment %+v refers to nothing", text, *s.Val)
					}
				}
				for _, c := range d.Citations {
					if !statements[c.Statement] || !spans[c.Span] {
						t.Errorf("%s: citation %+v refers to nothing", text, c)
					}
				}
			}
		}
		names = strings.Join(order, " ")
		for _, want := range []string{"open", "mention", "reading", "query", "rows", "evidence", "path", "verdict", "answer", "end"} {
			if !strings.Contains(names, want) {
				t.Errorf("%s: no %s event in %s", text, want, names)
			}
		}
	}
}

// graphOnly stands for the engine over the rest of the graph.
type graphOnly struct{ asked int }

func (g *graphOnly) Answer(context.Context, kg.Snapshot, reasoning.Question, func(reasoning.Event)) (*reasoning.Answer, error) {
	g.asked++
	return &reasoning.Answer{Status: "answered", Text: "from the graph"}, nil
}

func TestRouter(t *testing.T) {
	st := filingtest.Open(t, "")
	for text, filings := range map[string]bool{
		"What was Northwind's revenue in fiscal 2023?":      true,
		"What was Northwind's revenue in fiscal 1999?":      true, // the refusal is the filings'
		"Which company had the highest goodwill in 2023?":   true,
		"What was Contoso's inventory in fiscal 2023?":      true,
		"who directed the films written by the same person": false,
		"Which actors starred in Blue Harvest?":             false,
	} {
		g := &graphOnly{}
		snap, err := st.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		r := Router{Filings: New(retrieve.Options{}), Graph: g}
		if _, err := r.Answer(context.Background(), snap, reasoning.Question{Text: text}, nil); err != nil {
			t.Fatal(err)
		}
		snap.Close()
		if (g.asked == 0) != filings {
			t.Errorf("%s: goes to the filings: %v, want %v", text, g.asked == 0, filings)
		}
	}
	// Without filings every question is the graph's.
	empty := mem.New()
	defer empty.Close()
	snap, err := empty.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	g := &graphOnly{}
	r := Router{Filings: New(retrieve.Options{}), Graph: g}
	if _, err := r.Answer(context.Background(), snap, reasoning.Question{Text: "What was Northwind's revenue in fiscal 2023?"}, nil); err != nil || g.asked != 1 {
		t.Errorf("asked %d, %v", g.asked, err)
	}
}

// TestForget: what a deleted filing stated is gone from the answers.
func TestForget(t *testing.T) {
	st := filingtest.Open(t, "")
	a := New(retrieve.Options{})
	value := func() string {
		snap, err := st.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		ans, err := a.Answer(context.Background(), snap, reasoning.Question{Text: "What was Northwind's revenue in fiscal 2022?"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ans.Status != "answered" {
			return ans.Status
		}
		return ans.Answers[0].Value
	}
	forget := func(graph string) {
		err := st.Update(context.Background(), func(tx kg.Tx) error {
			g, ok, err := tx.Lookup(kg.NewIRI(graph))
			if err != nil || !ok {
				return err
			}
			var all []kg.Quad
			c := tx.Scan(context.Background(), kg.Pattern{G: g}, kg.GSPO)
			for c.Next() {
				all = append(all, c.Quad())
			}
			c.Close()
			for _, q := range all {
				if _, err := tx.Delete(q); err != nil {
					return err
				}
			}
			return c.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := value(); got != "1000000000" {
		t.Fatalf("before: %s", got)
	}
	forget("urn:quaestor:doc:101-2022")
	if got := value(); got != "990000000" {
		t.Errorf("after the first report is gone the later one's value stands: %s", got)
	}
	forget("urn:quaestor:doc:101-2023")
	if got := value(); got != "refused" {
		t.Errorf("after both are gone: %s", got)
	}
}
