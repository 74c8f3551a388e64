package reasoning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// maxRows bounds the rows of one event, maxAnswers those of an Answer.
const (
	maxRows    = 50
	maxAnswers = 10_000
)

// resultRows are what the chosen query gave.
type resultRows struct {
	vars    []string
	terms   []Term           // of the first column
	rest    [][]Term         // of each row, the other columns of a table
	nodes   []constrain.Node // of list answers that are nodes of the graph
	total   int64
	boolean *bool
}

// execute runs the chosen query on the engine: what is answered comes from
// here, whatever the drafts promised.
func (t *task) execute() (*resultRows, error) {
	out := &resultRows{}
	err := t.stage("run", "", func() error {
		q, err := t.sparql.Prepare(t.query, "")
		if err != nil {
			return fmt.Errorf("reasoning: the query for %s does not parse: %w", t.drafts[t.chosen].Pipeline, err)
		}
		res, err := q.Run(t.ctx, t.snap, t.opt.Limits)
		if err != nil {
			return err
		}
		defer res.Close()
		if t.drafts[t.chosen].Pipeline.End.Kind == constrain.Ask {
			b := res.Boolean
			out.boolean, out.total = &b, 1
			return nil
		}
		out.vars = res.Vars
		for row, err := range res.Rows() {
			if err != nil {
				return err
			}
			out.total++
			if len(row) == 0 || row[0].Kind == kg.None || len(out.terms) == maxAnswers {
				continue
			}
			x, n, ok := t.labelled(row[0])
			if ok && t.drafts[t.chosen].Pipeline.End.Kind == constrain.List {
				out.nodes = append(out.nodes, n)
			}
			out.terms = append(out.terms, x)
			var rest []Term
			for _, c := range row[1:] {
				x, _, _ := t.labelled(c)
				rest = append(rest, x)
			}
			out.rest = append(out.rest, rest)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	ev := Rows{Vars: out.vars, Rows: []map[string]Term{}, Kinds: []string{}, Total: out.total, Boolean: out.boolean}
	if ev.Vars == nil {
		ev.Vars = []string{}
	}
	kind := "stated"
	if t.drafts[t.chosen].Pipeline.End.Kind != constrain.List {
		kind = "derived"
	}
	for i, x := range out.terms {
		if i == maxRows {
			ev.More = true
			break
		}
		ev.Rows = append(ev.Rows, map[string]Term{out.vars[0]: x})
		for k, c := range out.rest[i] {
			if c.Type != "" { // else unbound
				ev.Rows[i][out.vars[k+1]] = c
			}
		}
		ev.Kinds = append(ev.Kinds, kind)
	}
	t.emit(Event{"rows", ev})
	return out, nil
}

// labelled is the JSON form of a term of a result, and its node if it is one.
func (t *task) labelled(x kg.Term) (Term, constrain.Node, bool) {
	out := jsonTerm(x)
	if x.Kind == kg.None {
		return out, 0, false
	}
	id, ok, err := t.snap.Lookup(x)
	if err != nil || !ok {
		return out, 0, false
	}
	n, ok := t.view.Graph.Number(id)
	if ok && x.Kind != kg.Literal {
		out.Label = t.label(n)
	}
	return out, n, ok
}

// say composes the sentence from rows.
func (t *task) say(rows *resultRows, p *proof) {
	t.answer.Status = "answered"
	for _, x := range rows.terms {
		t.answer.Answers = append(t.answer.Answers, Value{Value: x.Value, Type: x.Type, Label: x.Label, Datatype: x.Datatype, Lang: x.Lang})
	}
	var s Sentence
	cites := func(row int) {
		for _, at := range p.cites[row] {
			st := p.statements[at]
			c := Citation{N: len(s.Citations) + 1, Statement: st.ID, Label: st.S.shown() + " — " + st.P.shown() + " — " + st.O.shown()}
			s.Citations = append(s.Citations, c)
			s.Segments = append(s.Segments, Segment{Ref: c.N})
			break // one mark a row; the proof lists the others
		}
	}
	value := func(row int) Segment {
		return Segment{Val: &Val{Row: row, Var: rows.vars[0]}, As: rows.terms[row].shown()}
	}
	text := func(x string) { s.Segments = append(s.Segments, Segment{Text: x}) }
	end := t.drafts[t.chosen].Pipeline.End.Kind
	switch {
	case rows.boolean != nil:
		word := "No"
		if *rows.boolean {
			word = "Yes"
		}
		t.answer.Answers = append(t.answer.Answers, Value{Value: fmt.Sprint(*rows.boolean), Type: "literal", Datatype: kg.XSD + "boolean"})
		s.Headline = &Segment{Text: word}
		text(word + ". ")
		text(t.plain(t.view.Graph.Reading(t.drafts[t.chosen].Pipeline)) + ": ")
		if *rows.boolean {
			text("it is stated.")
		} else {
			text("it is not stated.")
		}
		cites(0)
	case len(rows.terms) == 0:
		text("The graph holds no such thing.")
	case end.Table():
		h := Segment{Val: &Val{Count: true}, As: fmt.Sprint(rows.total)}
		s.Headline = &h
		s.Segments = append(s.Segments, h)
		text(" rows: ")
		for i := range min(3, len(rows.terms)) {
			if i > 0 {
				text("; ")
			}
			s.Segments = append(s.Segments, value(i))
			for k, c := range rows.rest[i] {
				if c.Type != "" {
					text(", ")
					s.Segments = append(s.Segments, Segment{Val: &Val{Row: i, Var: rows.vars[k+1]}, As: c.shown()})
				}
			}
		}
		text(map[bool]string{true: " and others.", false: "."}[len(rows.terms) > 3])
		cites(0)
	case end != constrain.List:
		h := value(0)
		s.Headline = &h
		s.Segments = append(s.Segments, h)
		text(" is " + t.plain(t.view.Graph.Reading(t.drafts[t.chosen].Pipeline)) + ".")
		cites(0)
	case len(rows.terms) <= 5:
		h := value(0)
		if len(rows.terms) == 1 {
			s.Headline = &h
		}
		for i := range rows.terms {
			switch {
			case i > 0 && i == len(rows.terms)-1:
				text(" and ")
			case i > 0:
				text(", ")
			}
			s.Segments = append(s.Segments, value(i))
			cites(i)
		}
		text(".")
	default:
		h := Segment{Val: &Val{Count: true}, As: fmt.Sprint(rows.total)}
		s.Headline = &h
		s.Segments = append(s.Segments, h)
		text(" answers: ")
		for i := range 3 {
			if i > 0 {
				text(", ")
			}
			s.Segments = append(s.Segments, value(i))
			cites(i)
		}
		text(" and others.")
	}
	t.severalThings(&s)
	t.correctedNames(&s)
	t.answer.Text = s.plain()
	t.emit(Event{"answer", s})
}

// severalThings says so when things that share a name gave the answers
// together, and offers each alone.
func (t *task) severalThings(s *Sentence) {
	g, d := t.view.Graph, t.drafts[t.chosen]
	if d.Pipeline.Class != "" || len(d.Pipeline.Ops) == 0 {
		return
	}
	w, err := g.Begin(d.Pipeline)
	if err != nil || len(w.Set) < 2 {
		return
	}
	var each []constrain.Node
	answers := map[string]bool{}
	for _, n := range w.Set[:min(len(w.Set), 50)] {
		one := g.With(nil, map[string][]constrain.Node{d.Pipeline.Start.Name: {n}})
		res, err := one.Eval(t.ctx, d.Pipeline)
		if err != nil || res.Kind != constrain.List || len(res.Nodes) == 0 {
			continue
		}
		each = append(each, n)
		answers[fmt.Sprint(res.Nodes)] = true
		if q, err := one.SPARQL(d.Pipeline); err == nil && len(t.answer.Alternatives) < 8 {
			t.answer.Alternatives = append(t.answer.Alternatives, Alternative{SPARQL: q, English: t.about(n) + ": " + g.Reading(d.Pipeline), Rows: int64(len(res.Nodes))})
		}
	}
	if len(each) < 2 || len(answers) < 2 {
		return
	}
	s.Segments = append(s.Segments, Segment{Text: " Several things are called " + t.plain(quoteWords(d.Pipeline.Start.Name)) + "; all are counted here. Each alone stands under the alternatives."})
}

// correctedNames says which names of the question were taken for misspelled ones.
func (t *task) correctedNames(s *Sentence) {
	names := t.drafts[t.chosen].Pipeline.Names()
	for _, m := range t.linked.Mentions {
		if m.Typo && slices.Contains(names, m.Name) {
			words := t.q.Text[t.linked.Words[m.From].From:t.linked.Words[m.To-1].To]
			s.Segments = append(s.Segments, Segment{Text: " " + quoteWords(words) + " was read as " + t.plain(quoteWords(t.label(m.Nodes[0]))) + "."})
		}
	}
}

// about tells things of one name apart by their IRI.
func (t *task) about(n constrain.Node) string {
	x, err := t.snap.Term(t.view.Graph.ID(n))
	if err != nil {
		return ""
	}
	return x.Value
}

// plain takes digits that are not in the question out of a text: figures in a
// sentence come from rows.
func (t *task) plain(s string) string {
	ok := true
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		if j > i {
			ok = ok && strings.Contains(t.q.Text, s[i:j])
			i = j
			continue
		}
		i++
	}
	if ok {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '#'
		}
		return r
	}, s)
}

// plain is the sentence as text.
func (s *Sentence) plain() string {
	var b strings.Builder
	for _, x := range s.Segments {
		switch {
		case x.Val != nil:
			b.WriteString(x.As)
		case x.Ref > 0:
			fmt.Fprintf(&b, " [%d]", x.Ref)
		default:
			b.WriteString(x.Text)
		}
	}
	return b.String()
}
