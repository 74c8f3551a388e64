package reasoning

import (
	"errors"
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/infer"
)

// Inferred are links that a model finds likely and the graph does not state
// ("inferred"). They are never rows of an answer.
type Inferred struct {
	Rows    []InferredRow `json:"rows"`
	Scorer  string        `json:"scorer"`
	Meaning string        `json:"meaning,omitempty"`
	SPARQL  string        `json:"sparql,omitempty"` // what was asked
}

// InferredRow is one likely link. Score is its calibrated probability, absent
// without a calibration.
type InferredRow struct {
	S     Term     `json:"s"`
	P     Term     `json:"p"`
	O     Term     `json:"o"`
	Score *float64 `json:"score,omitempty"`
	Kind  string   `json:"kind"` // inferred
}

// inferable is how well a relation must fit a question that nothing answers for
// its likely values to be offered.
const inferable = 0.4

// settle ends a question that the graph does not answer: with what is likely,
// if the question allows that and it is a fact that is missing, else with the
// refusal. Drafts that are not certain enough are often all there is when the
// fact that was asked for is not stated.
func (t *task) settle(r *Refusal) error {
	uncertain := r.Code == "low-confidence" || r.Code == "drafts-disagree"
	if !t.q.Inferred || t.opt.Inference == nil || r.Code != "no-fact" && !uncertain {
		return t.refuse(r)
	}
	var found *infer.Result
	var query string
	err := t.stage("infer", "", func() (err error) { found, query, err = t.likely(); return err })
	var shape *infer.ShapeError
	switch {
	case errors.As(err, &shape), err == nil && found == nil:
		return t.refuse(r)
	case err != nil:
		return err
	}
	if uncertain {
		n, rel, _ := t.missing()
		r = t.notStated(n, rel)
	}
	t.sayLikely(r, found, query)
	return nil
}

// notStated is the refusal for a fact that is missing.
func (t *task) notStated(n constrain.Node, rel int) *Refusal {
	name := constrain.PlainName(t.view.Graph.Relations()[rel].Name)
	return &Refusal{Code: "no-fact", Message: fmt.Sprintf("No %s is stated for %s.", quoteWords(name), quoteWords(t.view.Graph.Label(n)))}
}

// overlooked notices that the chosen draft answers for another thing, whose name
// only shares words with the one that is asked about, because nothing is
// stated of that one. It returns nil unless what is likely is allowed.
func (t *task) overlooked() *Refusal {
	if !t.q.Inferred || t.opt.Inference == nil || t.opt.Encoder == nil {
		return nil
	}
	d := t.drafts[t.chosen]
	if d.Mention < 0 || !t.linked.Mentions[d.Mention].Partial {
		return nil
	}
	part := t.linked.Mentions[d.Mention]
	for i, m := range t.linked.Mentions {
		if m.Partial || m.Number || m.From > part.From || m.To < part.To || len(m.Nodes) == 0 {
			continue
		}
		t.asksOf = &i
		if _, rel, ok := t.missing(); ok {
			return t.notStated(m.Nodes[0], rel)
		}
	}
	return nil
}

// likely asks for the missing fact, in the direction that is more probable. It
// returns nil if nothing is likely enough.
func (t *task) likely() (best *infer.Result, query string, err error) {
	n, rel, ok := t.missing()
	if !ok {
		return nil, "", nil
	}
	g := t.view.Graph
	subject, err := t.snap.Term(g.ID(n))
	if err != nil || subject.Kind != kg.IRI {
		return nil, "", err
	}
	for _, id := range g.Relations()[rel].Preds {
		p, err := t.snap.Term(id)
		if err != nil {
			return nil, "", err
		}
		for _, form := range []string{"SELECT ?x WHERE { %s %s ?x }", "SELECT ?x WHERE { ?x %[2]s %[1]s }"} {
			text := fmt.Sprintf(form, subject, p)
			r, err := t.opt.Inference.Query(t.ctx, t.snap, text, infer.Options{Limit: 5, Limits: t.opt.Limits})
			if err != nil {
				return nil, "", err
			}
			if len(r.Stated) == 0 && len(r.Rows) > 0 && (best == nil || r.Rows[0].Probability > best.Rows[0].Probability) {
				best, query = r, text
			}
		}
	}
	return best, query, nil
}

// missing is the thing and the relation that the question asks for.
func (t *task) missing() (constrain.Node, int, bool) {
	mention := -1
	switch {
	case t.asksOf != nil:
		mention = *t.asksOf
	case len(t.drafts) > 0:
		mention = t.drafts[t.chosen].Mention
	case len(t.linked.Mentions) > 0:
		mention = 0
	}
	if mention < 0 {
		return 0, 0, false
	}
	best, fit := -1, inferable
	for i, f := range t.view.Drafts.Fits(t.linked, mention) {
		if f >= fit {
			best, fit = i, f
		}
	}
	if best < 0 {
		return 0, 0, false
	}
	return t.linked.Mentions[mention].Nodes[0], best, true
}

// sayLikely answers with what is likely and says that it is not stated.
func (t *task) sayLikely(r *Refusal, found *infer.Result, query string) {
	ev := Inferred{Scorer: t.opt.Inference.Info().Name, SPARQL: query}
	t.answer.SPARQL, t.answer.Inferred = query, true
	t.answer.Confidence, t.answer.Answerable = nil, nil
	var names []string
	for _, row := range found.Rows {
		x, _, _ := t.labelled(row.Terms[0])
		v := Value{Value: x.Value, Type: x.Type, Label: x.Label, Kind: "inferred"}
		out := InferredRow{Kind: "inferred"}
		if found.Calibrated {
			p := round(row.Probability)
			v.Probability, out.Score = &p, &p
			if ev.Meaning == "" {
				ev.Meaning = t.opt.Inference.Meaning(row.Probability)
			}
		}
		l := row.Links[len(row.Links)-1]
		out.S, _, _ = t.labelled(l.S)
		out.P, _, _ = t.labelled(l.P)
		out.O, _, _ = t.labelled(l.O)
		ev.Rows = append(ev.Rows, out)
		t.answer.Answers = append(t.answer.Answers, v)
		names = append(names, x.shown())
	}
	if !found.Calibrated {
		ev.Meaning = "ranked by a model that is not calibrated here"
	}
	t.answer.Meaning = ev.Meaning
	t.answer.Status, t.answer.Evidence, t.answer.Path = "answered", []Statement{}, nil
	t.answer.Text = r.Message + " Likely, not stated: " + strings.Join(names, ", ") + "."
	t.emit(Event{"inferred", ev})
	t.emit(Event{"verdict", Verdict{Outcome: "answered", Rests: []string{"inferred, not stated: " + ev.Scorer}}})
	// Names may hold digits that no row proves: they stay with the inferred rows.
	t.emit(Event{"answer", Sentence{Segments: []Segment{{Text: "The graph does not state this. What is likely stands apart, marked as inferred."}}}})
}
