package reasoning

import (
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/encode/minilm"
	"github.com/quaestor-kg/quaestor/reasoning/infer/infertest"
)

// A question that the graph does not answer is refused; if what is likely is
// allowed, it is answered with that, and says so.
func TestLikelyAnswer(t *testing.T) {
	enc, err := minilm.Open()
	if err != nil {
		t.Fatal(err)
	}
	m, st := infertest.Open(t)
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, country := infertest.City("p8")
	question := "what is the nationality of " + infertest.Name(8)
	for _, c := range []struct {
		allowed, has, inferred bool
	}{{false, true, false}, {true, false, false}, {true, true, true}} {
		o := Options{Encoder: enc}
		if c.has {
			o.Inference = m
		}
		var events []Event
		a, err := New(o).Answer(t.Context(), s, Question{Text: question, Inferred: c.allowed}, func(e Event) { events = append(events, e) })
		if err != nil {
			t.Fatal(err)
		}
		names, inferred := "", (*Inferred)(nil)
		stages := ""
		for _, e := range events {
			names += e.Name + " "
			if i, ok := e.Data.(Inferred); ok {
				inferred = &i
			}
			if x, ok := e.Data.(Stage); ok && x.Stage == "infer" {
				stages += x.State + " "
			}
		}
		if !c.inferred {
			if inferred != nil || a.Inferred || stages != "skip " {
				t.Errorf("allowed %v, model %v: %s, %+v, stage %q", c.allowed, c.has, a.Status, a.Refusal, stages)
			}
			continue
		}
		if a.Status != "answered" || !a.Inferred || a.Confidence != nil || len(a.Evidence) != 0 || stages != "start end " {
			t.Fatalf("%+v, stage %q, events %s", a, stages, names)
		}
		first := a.Answers[0]
		if first.Value != infertest.NS+country || first.Kind != "inferred" || first.Probability == nil || *first.Probability <= 0 || *first.Probability >= 1 {
			t.Errorf("first answer %+v, want %s", first, country)
		}
		if !strings.Contains(a.Text, "not stated: "+first.Label) || !strings.Contains(a.Text, "No \"nationality\" is stated") && !strings.Contains(a.Text, "is stated for") {
			t.Errorf("text %q", a.Text)
		}
		if inferred == nil || len(inferred.Rows) != len(a.Answers) || inferred.Rows[0].O.Value != first.Value || inferred.Rows[0].S.Value != infertest.NS+"p8" || inferred.Scorer != "test.ckpt" {
			t.Errorf("event %+v", inferred)
		}
		// The sentence of the event has no digits that no row proves.
		for _, e := range events {
			if x, ok := e.Data.(Sentence); ok && strings.ContainsAny(x.plain(), "0123456789") {
				t.Errorf("sentence %q", x.plain())
			}
		}
	}
	// What the graph states is answered as ever.
	a, err := New(Options{Encoder: enc, Inference: m}).Answer(t.Context(), s, Question{Text: "what is the nationality of " + infertest.Name(1), Inferred: true}, nil)
	if err != nil || a.Status != "answered" || a.Inferred || len(a.Answers) != 1 || a.Answers[0].Kind != "" {
		t.Errorf("stated: %+v %v", a, err)
	}
}
