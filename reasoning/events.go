package reasoning

import (
	"math"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

func log1(n int) float64 { return math.Log1p(float64(max(n, 0))) }

// utf16Len is the length of a text in UTF-16 units.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// byteOffset turns a UTF-16 offset into a byte offset.
func byteOffset(s string, units int) int {
	for i, r := range s {
		if units <= 0 {
			return i
		}
		units -= max(utf16.RuneLen(r), 1)
	}
	return len(s)
}

// term is the JSON form of a term with its label.
func (t *task) term(id kg.ID) (Term, error) {
	x, err := t.snap.Term(id)
	if err != nil {
		return Term{}, err
	}
	out := jsonTerm(x)
	if n, ok := t.view.Graph.Number(id); ok && x.Kind != kg.Literal {
		out.Label = t.label(n)
	}
	return out, nil
}

// labelIRIs are the predicates of names in languages.
var labelIRIs = []string{kg.RDFSLabel, "http://www.w3.org/2004/02/skos/core#prefLabel", "http://schema.org/name", "https://schema.org/name"}

// label is the label of a thing in the language of the question, else the one
// that the graph is known by.
func (t *task) label(n constrain.Node) string {
	g := t.view.Graph
	lang := t.q.Lang
	if lang == "" && t.linked != nil {
		lang = t.linked.Lang
	}
	if lang == "" || lang == "en" {
		return g.Label(n)
	}
	for _, iri := range labelIRIs {
		p, ok, err := t.snap.Lookup(kg.NewIRI(iri))
		if err != nil || !ok {
			continue
		}
		pat := kg.Pattern{S: g.ID(n), P: p}
		c := t.snap.Scan(t.ctx, pat, kg.BestOrder(pat))
		for c.Next() {
			if x, err := t.snap.Term(c.Quad().O); err == nil && (strings.EqualFold(x.Lang, lang) || strings.HasPrefix(strings.ToLower(x.Lang), strings.ToLower(lang)+"-")) {
				c.Close()
				return x.Value
			}
		}
		c.Close()
	}
	return g.Label(n)
}

// predicate is the JSON form of a predicate, labelled as its relation.
func (t *task) predicate(id kg.ID, label string) (Term, error) {
	x, err := t.snap.Term(id)
	out := jsonTerm(x)
	out.Label = label
	return out, err
}

func jsonTerm(x kg.Term) Term {
	switch x.Kind {
	case kg.IRI:
		return Term{Type: "uri", Value: x.Value}
	case kg.Blank:
		return Term{Type: "bnode", Value: x.Value}
	case kg.Literal:
		out := Term{Type: "literal", Value: x.Value, Lang: x.Lang}
		if x.Datatype != kg.XSDString && x.Lang == "" {
			out.Datatype = x.Datatype
		}
		return out
	case kg.Triple:
		return Term{Type: "triple", Value: "<<( … )>>"}
	}
	return Term{}
}

// shown is the text under which a term is written in sentences.
func (x Term) shown() string {
	if x.Label != "" {
		return x.Label
	}
	return x.Value
}

// mentions emits what the words of the question may name: the mentions that
// stand in the prompt, or the best one if none does.
func (t *task) mentions() {
	i := 0
	for at, m := range t.linked.Mentions {
		if m.Ref == 0 && !(at == 0 && len(t.linked.Refs) == 0) {
			continue
		}
		from, to := t.linked.Words[m.From].From, t.linked.Words[m.To-1].To
		ev := Mention{I: i, From: utf16Len(t.q.Text[:from]), To: utf16Len(t.q.Text[:to])}
		i++
		for _, n := range m.Nodes[:min(len(m.Nodes), 8)] {
			ev.Candidates = append(ev.Candidates, t.candidate(n, m.Score))
		}
		if len(ev.Candidates) > 0 {
			ev.Chosen = &ev.Candidates[0].IRI
		}
		t.emit(Event{"mention", ev})
	}
}

func (t *task) candidate(n constrain.Node, score float64) Candidate {
	g := t.view.Graph
	c := Candidate{Label: g.Label(n), Degree: int64(g.Degree(n)), Score: math.Round(score*100) / 100}
	if x, err := t.snap.Term(g.ID(n)); err == nil {
		c.IRI = x.Value
	}
	if cs := g.ClassesOf(n); len(cs) > 0 {
		c.Class = g.Classes()[cs[0]].Label
	}
	return c
}

// tokens emits the text of the query.
func (t *task) tokens() { t.emit(Event{"token", Token{From: 0, Pieces: t.pieces()}}) }

// pieces are the parts of the query's text: names were chosen, the rest is
// forced.
func (t *task) pieces() []Piece {
	var pieces []Piece
	rest := t.query
	allowed := t.choices()
	slot := 0
	for rest != "" {
		from := strings.IndexByte(rest, '<')
		to := -1
		if from >= 0 {
			to = strings.IndexByte(rest[from:], '>')
		}
		// "<" is a comparison unless an IRI follows.
		if from < 0 || to < 0 || strings.ContainsAny(rest[from:from+to], " \"") {
			if from >= 0 && to >= 0 {
				pieces = append(pieces, Piece{T: rest[:from+1], Forced: true})
				rest = rest[from+1:]
				continue
			}
			pieces = append(pieces, Piece{T: rest, Forced: true})
			break
		}
		if from > 0 {
			pieces = append(pieces, Piece{T: rest[:from], Forced: true})
		}
		p := Piece{T: rest[from : from+to+1]}
		if n, ok := allowed[p.T]; ok {
			slot++
			p.Slot, p.Allowed = "p", n
		}
		pieces = append(pieces, p)
		rest = rest[from+to+1:]
	}
	return pieces
}

// choices says, for the predicates of the query, among how many relations the
// graph let the query choose there.
func (t *task) choices() map[string]int {
	g := t.view.Graph
	out := map[string]int{}
	p := t.drafts[t.chosen].Pipeline
	w, err := g.Begin(p)
	for _, op := range p.Ops {
		if err != nil {
			break
		}
		if op.Kind == constrain.Edge {
			if r, ok := g.Relation(op.Step.Rel); ok {
				for _, id := range g.Relations()[r].Preds {
					if x, err := t.snap.Term(id); err == nil {
						out["<"+x.Value+">"] = len(g.Offered(w))
					}
				}
			}
		}
		w, err = g.Then(w, op)
	}
	return out
}

// readings emits the best ways to understand the question, and the query.
func (t *task) readings(chosen int) {
	g := t.view.Graph
	for n, gr := range t.groups {
		if n == 5 && n+1 != chosen {
			break
		}
		d := t.drafts[gr.Drafts[0]]
		size := int64(rows(t.scored[gr.Drafts[0]].result))
		t.emit(Event{"reading", Reading{N: n + 1, Label: g.Reading(d.Pipeline), Parts: parts(d.Pipeline), Count: &size, Exact: true, Chosen: n+1 == chosen}})
	}
	d := t.drafts[t.chosen]
	q := Query{SPARQL: t.query, Anchored: d.Pipeline.String(), English: g.Reading(d.Pipeline), Tokens: t.answer.Tokens}
	for n, gr := range t.groups {
		letter := letters(n)
		for _, i := range gr.Drafts {
			if len(q.Drafts) == 10 {
				break
			}
			if i == t.chosen {
				continue
			}
			text, err := g.SPARQL(t.drafts[i].Pipeline)
			if err != nil {
				continue
			}
			q.Drafts = append(q.Drafts, Draft{SPARQL: text, Group: letter, Weight: round(t.scored[i].weight), Rows: int64(rows(t.scored[i].result))})
			if n > 0 && len(t.answer.Alternatives) < 5 && i == gr.Drafts[0] {
				t.answer.Alternatives = append(t.answer.Alternatives, Alternative{SPARQL: text, English: g.Reading(t.drafts[i].Pipeline), Weight: round(gr.Weight), Rows: int64(rows(t.scored[i].result))})
			}
		}
	}
	t.emit(Event{"query", q})
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// letters names groups A, B, ..., Z, AA, ...
func letters(n int) string {
	s := ""
	for n++; n > 0; n = (n - 1) / 26 {
		s = string(rune('A'+(n-1)%26)) + s
	}
	return s
}

// rows is the number of result rows.
func rows(r constrain.Result) int {
	switch {
	case r.Kind == constrain.List:
		return len(r.Nodes)
	case r.Kind.Table():
		return len(r.Rows)
	}
	return 1
}

// parts are the names that a reading consists of.
func parts(p constrain.Pipeline) []string {
	var out []string
	if p.Class != "" {
		out = append(out, constrain.PlainName(p.Class))
	}
	out = append(out, p.Names()...)
	for _, r := range p.Relations() {
		if r = constrain.PlainName(r); !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// quoteWords cuts a text for a message.
func quoteWords(s string) string {
	if len(s) > 80 {
		s = s[:80]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
		s += "…"
	}
	return "“" + s + "”"
}

// unknownSpan returns the first part of the question that looks like a name and
// names nothing, if nothing else was found for certain.
func (t *task) unknownSpan() *link.Unknown {
	if len(t.linked.Unknown) == 0 {
		return nil
	}
	return &t.linked.Unknown[0]
}
