package reasoning

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
	"github.com/quaestor-kg/quaestor/sparql"
)

// refuse ends the question without an answer and says why.
func (t *task) refuse(r *Refusal) error {
	t.answer.Status, t.answer.Reason, t.answer.Refusal = "refused", r.Message, r
	t.answer.Text = r.Message
	t.answer.Answers = []Value{}
	v := Verdict{Outcome: "refused", Refusal: r}
	if c := t.confidence(); c != nil {
		v.Confidence = c
	}
	t.emit(Event{"verdict", v})
	return nil
}

// unknown refuses a question that names a thing which the graph does not have,
// before anything is written about something else.
func (t *task) unknown() *Refusal {
	u := t.unknownSpan()
	if u == nil {
		return nil
	}
	for _, m := range t.linked.Mentions {
		// A name that is there for certain, beside the unknown one, can carry
		// the question; the unknown words then count against the confidence.
		if m.Ref > 0 && !m.Partial && (m.Score >= link.SecureScore || m.Pinned) {
			return nil
		}
		// Most of a name is there: the capitals may be a variant of it.
		if m.Ref > 0 && m.Partial {
			return nil
		}
	}
	return t.unknownEntity(u)
}

func (t *task) unknownEntity(u *link.Unknown) *Refusal {
	g := t.view.Graph
	r := &Refusal{Code: "unknown-entity", Message: fmt.Sprintf("Nothing here is called %s.", quoteWords(u.Text)), Tried: []string{"labels and aliases"}}
	var near []string
	for _, n := range u.Nearest {
		near = append(near, quoteWords(g.Label(n)))
		need := Need{Label: g.Label(n)}
		if x, err := t.snap.Term(g.ID(n)); err == nil && !g.IsLiteral(n) {
			need.IRI = x.Value
		}
		need.Question = t.q.Text[:u.From] + g.Label(n) + t.q.Text[u.To:]
		r.Needs = append(r.Needs, need)
	}
	if len(near) > 0 {
		r.Message += " The nearest names are " + strings.Join(near, ", ") + "."
	}
	return r
}

// nothing refuses a question of which no word names anything.
func (t *task) nothing() *Refusal {
	if u := t.unknownSpan(); u != nil {
		return t.unknownEntity(u)
	}
	if len(t.linked.Mentions) > 0 {
		g := t.view.Graph
		m := t.linked.Mentions[0]
		return &Refusal{Code: "no-fact", Message: fmt.Sprintf("%s is here, but nothing is stated about it.", quoteWords(g.Label(m.Nodes[0]))), Tried: []string{"every statement with it as subject or object"}}
	}
	return &Refusal{Code: "not-a-query", Message: "No word of the question names anything in this graph, so there is nothing to look up. Name a thing or a kind of thing that the graph holds.", Tried: []string{"labels, aliases and classes"}}
}

// confidence is the calibrated confidence of the chosen answer; nil without a
// calibration.
func (t *task) confidence() *Confidence {
	if t.opt.Calibrator == nil || t.opt.Constraint != Enumerated || len(t.scored) == 0 {
		return nil
	}
	c := t.opt.Calibrator.Confidence(t.signals())
	t.answer.Confidence, t.answer.Answerable = &c.Value, &c.Feasible
	// Whole numbers, rounded down, never 100.
	return &Confidence{Value: min(int(100*c.Value), 99), Low: int(100 * c.Low), High: min(int(math.Ceil(100*c.High)), 99), N: c.N}
}

// Thresholds on the fit of relations (cosine plus half the overlap of words)
// for refusing without a calibration, and for naming the reason.
const (
	poorFit   = 0.22 // no relation says anything of the question
	clearFit  = 0.60 // a relation that the question surely means
	clearMiss = 0.30 // it fits by so much better than what is offered here
)

// verify decides whether the chosen answer stands; nil: it does. With a
// calibration the confidence decides, by the price of a wrong answer; without
// one, only what is clearly missing is refused. The reason that is named is the
// most specific one that is true of the graph.
func (t *task) verify() *Refusal {
	if t.opt.Constraint != Enumerated {
		t.rest(nil) // what is measured is the writing
		return nil
	}
	if t.forced != nil {
		t.rest(nil) // a question that was answered before, asked on
		return nil
	}
	conf := t.confidence()
	reason := t.reason()
	switch {
	case t.opt.Cost < 0:
		reason = nil
	case conf != nil && t.pays():
		reason = nil
	case conf != nil && reason == nil:
		reason = t.unsure(conf)
	}
	if reason == nil {
		t.rest(conf)
	}
	return reason
}

// reason names what is missing for an answer; nil: nothing that can be told.
func (t *task) reason() *Refusal {
	x := t.expl
	relations := t.drafts[t.chosen].Pipeline.Relations()
	switch withEncoder := t.opt.Encoder != nil; {
	case t.unknownSpan() != nil && t.idleName():
		return t.unknownEntity(t.unknownSpan())
	// The question means a relation that the graph has, but not here.
	case withEncoder && x.BestFit >= clearFit && x.BestFit-x.Fit >= clearMiss && !slices.Contains(relations, x.Best) && !t.stated(x.Best):
		return t.noFact(x.Best)
	// No relation says anything of what is asked, and neither does the draft.
	case withEncoder && len(relations) > 0 && (x.BestFit < poorFit || x.BestFit < 1.5*poorFit && x.Unused > 0.99),
		// Most of the question is about something else.
		x.Strange >= 3 && x.Unused > 0.99 && len(relations) > 0,
		// "When" is not answered by a thing.
		t.linked.Words[0].Text == "when" && t.typeClash(t.scored[t.chosen].result) == 1:
		return t.noRelation()
	}
	return nil
}

// idleName reports whether what looks like a name and names nothing is the only
// name of the question.
func (t *task) idleName() bool {
	return !slices.ContainsFunc(t.linked.Mentions, func(m link.Mention) bool { return m.Ref > 0 && !m.Partial })
}

// stated reports whether the graph states a relation, in any direction, of what
// the chosen draft starts from.
func (t *task) stated(rel string) bool {
	g, d := t.view.Graph, t.drafts[t.chosen]
	r, ok := g.Relation(rel)
	if !ok || d.Mention < 0 {
		return ok
	}
	return slices.ContainsFunc(t.linked.Mentions[d.Mention].Nodes, func(n constrain.Node) bool {
		return slices.ContainsFunc(g.RDsOf(n), func(rd constrain.RD) bool { return int(rd/2) == r })
	})
}

// unsure refuses an answer whose confidence does not pay.
func (t *task) unsure(conf *Confidence) *Refusal {
	g := t.view.Graph
	d := t.drafts[t.chosen]
	bar := verify.Threshold(t.opt.Cost, *t.answer.Answerable)
	msg := fmt.Sprintf("The best reading (%s) is not certain enough: %d of 100 like it were right, and answers below %d are refused.", g.Reading(d.Pipeline), conf.Value, int(math.Ceil(100*bar)))
	if *t.answer.Answerable < 0.5 {
		msg += fmt.Sprintf(" Of questions like this one, %d of 100 could be answered by their graph at all.", int(100**t.answer.Answerable))
	}
	code := "low-confidence"
	if n := len(t.groups); n > 3 && t.groups[0].Weight < 0.4 {
		code = "drafts-disagree"
		msg = fmt.Sprintf("The drafts disagree: the likeliest answer has %d of 100 votes among %d. ", int(100*t.groups[0].Weight), n) + msg
	} else if n > 1 && t.groups[1].Weight > 0.9*t.groups[0].Weight {
		code = "ambiguous"
		msg = fmt.Sprintf("The question has two readings of equal weight: %s; or %s.", g.Reading(d.Pipeline), g.Reading(t.drafts[t.groups[1].Drafts[0]].Pipeline))
	}
	r := &Refusal{Code: code, Message: msg}
	for n, gr := range t.groups {
		if n == 3 {
			break
		}
		r.Needs = append(r.Needs, Need{Label: g.Reading(t.drafts[gr.Drafts[0]].Pipeline), Reading: n + 1})
	}
	return r
}

// subject is what the question is about, for messages.
func (t *task) subject() string {
	d := t.drafts[t.chosen]
	if d.Mention >= 0 {
		return quoteWords(t.view.Graph.Label(t.linked.Mentions[d.Mention].Nodes[0]))
	}
	return "every " + constrain.PlainName(d.Pipeline.Class)
}

// noFact: the relation exists, but not for this thing.
func (t *task) noFact(rel string) *Refusal {
	g := t.view.Graph
	n := 0
	if i, ok := g.Relation(rel); ok {
		n = g.Relations()[i].Edges
	}
	return &Refusal{
		Code:    "no-fact",
		Message: fmt.Sprintf("No %s is stated for %s, although the graph states it elsewhere (%d times).", quoteWords(constrain.PlainName(rel)), t.subject(), n),
		Tried:   []string{t.view.Graph.Reading(t.drafts[t.chosen].Pipeline)},
	}
}

// noRelation: nothing in the graph says what is asked.
func (t *task) noRelation() *Refusal {
	g := t.view.Graph
	d := &t.drafts[t.chosen]
	fits := t.view.Drafts.Fits(t.linked, d.Mention)
	at := make([]int, len(fits))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int {
		switch {
		case fits[a] > fits[b]:
			return -1
		case fits[a] < fits[b]:
			return 1
		}
		return a - b
	})
	asked := strings.Join(t.asked(), " ")
	r := &Refusal{Code: "no-relation", Message: fmt.Sprintf("%s is here, but the graph has no relation for %s.", t.subject(), quoteWords(asked))}
	var near []string
	for _, i := range at[:min(3, len(at))] {
		near = append(near, constrain.PlainName(g.Relations()[i].Name))
		r.Needs = append(r.Needs, Need{Label: constrain.PlainName(g.Relations()[i].Name)})
	}
	if len(near) > 0 {
		r.Message += " The nearest it has are: " + strings.Join(near, ", ") + "."
	}
	return r
}

// asked are the content words of the question outside its mentions.
func (t *task) asked() []string {
	var out []string
	d := t.drafts[t.chosen]
	for i, w := range t.linked.Words {
		if d.Mention >= 0 {
			if m := t.linked.Mentions[d.Mention]; i >= m.From && i < m.To {
				continue
			}
		}
		if !link.Stop(w.Text) {
			out = append(out, t.q.Text[w.From:w.To])
		}
	}
	if len(out) == 0 {
		return []string{t.q.Text}
	}
	return out
}

// rest emits the verdict of an answer that stands.
func (t *task) rest(conf *Confidence) {
	best := t.scored[t.chosen]
	rests := []string{
		fmt.Sprintf("draft agreement %d of 100", int(100*t.groups[0].Weight)),
		fmt.Sprintf("%d of 100 content words not used", int(100*t.expl.Unused)),
	}
	if len(t.groups) > 1 {
		rests = append(rests, fmt.Sprintf("runner-up %d of 100", int(100*t.groups[1].Weight)))
	}
	if t.opt.Decoder != nil {
		rests = append(rests, fmt.Sprintf("log-probability per token %.2f", best.PerToken))
	} else {
		rests = append(rests, "no decoder: linking and ranking alone")
	}
	if conf == nil {
		rests = append(rests, "not calibrated on this graph")
	}
	t.emit(Event{"verdict", Verdict{Outcome: "answered", Confidence: conf, Rests: rests}})
}

// overBudget turns a limit of the final query into a refusal.
func overBudget(err error) *Refusal {
	var l *sparql.LimitError
	if !errors.As(err, &l) {
		return nil
	}
	return &Refusal{Code: "over-budget", Message: "Running the query hit a limit: " + err.Error() + ". Raise the limit or ask more narrowly."}
}
