package filing

import (
	"context"
	"errors"
	"fmt"
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// SpanID names a span as /api/spans does: document and bytes.
func SpanID(s doc.Span) string {
	return fmt.Sprintf("%s:%d-%d", strings.TrimPrefix(s.Doc, doc.Base), s.Start, s.End)
}

// States of a span beside those of package doc.
const (
	missing   = "missing"   // the document is not there any more
	unchecked = "unchecked" // the store keeps no bytes
)

// span verifies a span and says how it reads.
func (t *run) span(f *library.Filing, s doc.Span, text string) reasoning.Span {
	out := reasoning.Span{ID: SpanID(s), Doc: s.Doc, Start: int(s.Start), End: int(s.End), SHA256: s.Hash, Page: s.Page + 1, Title: title(f), Text: text}
	d, err := f.Document, error(nil)
	if s.Doc != f.ID { // another document of the filing
		d, err = doc.Get(context.Background(), t.snap, s.Doc)
	}
	var b []byte
	if err == nil {
		b, err = t.bytes(d)
	}
	switch {
	case errors.Is(err, kg.ErrNoBlob):
		out.State = unchecked
		return out
	case err != nil:
		out.State = missing
		return out
	}
	if s.End > int64(len(b)) {
		out.State = string(doc.Changed)
		return out
	}
	raw := b[s.Start:s.End]
	out.State = string(doc.Unchanged)
	if doc.Hash(raw) != s.Hash {
		out.State = string(doc.Changed)
	}
	if shown := plainText(raw); shown != "" {
		out.Text = shown
	}
	return out
}

// plainText is what bytes of markup show.
func plainText(b []byte) string {
	var s strings.Builder
	tag := false
	for _, c := range string(b) {
		switch {
		case c == '<':
			tag = true
		case c == '>' && tag:
			tag = false
		case !tag:
			s.WriteRune(c)
		}
	}
	text := strings.Join(strings.Fields(html.UnescapeString(s.String())), " ")
	if len(text) > 600 {
		cut := 600
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + " …"
	}
	return text
}

// evidence emits the statements with their spans, and the picture of the
// proof.
func (t *run) evidence() error {
	ev := reasoning.Evidence{Statements: []reasoning.Statement{}, Spans: []reasoning.Span{}}
	for i, c := range t.facts {
		sp := t.span(c.Filing, c.Fact.Span, Shown(c.Fact))
		ev.Spans = append(ev.Spans, sp)
		g := reasoning.Term{Type: "uri", Value: c.Fact.Graph, Label: title(c.Filing)}
		o := reasoning.Term{Type: "literal", Value: c.Fact.Value, Label: Shown(c.Fact)}
		if c.Fact.Numeric {
			o.Datatype = kg.XSD + "decimal"
		}
		ev.Statements = append(ev.Statements, reasoning.Statement{
			ID: "f" + strconv.Itoa(i), Kind: "stated",
			S: reasoning.Term{Type: "uri", Value: c.Fact.ID, Label: t.company(c) + ", " + t.figure(c) + ", " + t.fiscal(c)},
			P: reasoning.Term{Type: "uri", Value: fact.PValue, Label: "value"}, O: o, G: &g,
			Spans: []string{sp.ID}, Rows: []int{i},
		})
		if i >= t.own {
			continue
		}
		fig := t.asFigure(c, sp.ID, sp.State)
		for _, d := range c.Differs {
			other := retrieve.Cited{Fact: d.Fact, Filing: d.Filing, Concept: c.Concept}
			os := t.span(d.Filing, d.Fact.Span, Shown(d.Fact))
			fig.Restated = append(fig.Restated, t.asFigure(other, os.ID, os.State))
		}
		t.out.Figures = append(t.out.Figures, fig)
	}
	for i, p := range t.res.Passages {
		sp, err := t.passage(p)
		if err != nil {
			return err
		}
		ev.Spans = append(ev.Spans, sp)
		ev.Statements = append(ev.Statements, reasoning.Statement{
			ID: "p" + strconv.Itoa(i), Kind: "stated",
			S:     reasoning.Term{Type: "uri", Value: p.Filing.ID, Label: title(p.Filing)},
			P:     reasoning.Term{Type: "uri", Value: fact.NS + "states", Label: strings.Join(p.Heading, " › ")},
			O:     reasoning.Term{Type: "literal", Value: p.Text},
			Spans: []string{sp.ID},
		})
	}
	t.spans = ev.Spans
	t.out.Evidence, t.out.Spans = ev.Statements, ev.Spans
	t.emit(reasoning.Event{Name: "evidence", Data: ev})
	t.path()
	return nil
}

// passage makes the span of a passage.
func (t *run) passage(p retrieve.Passage) (reasoning.Span, error) {
	tree, err := t.r.Library().Tree(p.Filing)
	if err != nil {
		return reasoning.Span{}, err
	}
	s := doc.Span{Doc: p.Filing.ID, Page: p.Page}
	s.Start, s.End = tree.Bytes(p.From, p.To)
	b, err := t.bytes(p.Filing.Document)
	out := reasoning.Span{Doc: s.Doc, Start: int(s.Start), End: int(s.End), Page: p.Page + 1, Title: title(p.Filing), Text: p.Text, State: unchecked}
	if err == nil && s.End <= int64(len(b)) {
		s.Hash = doc.Hash(b[s.Start:s.End])
		out.SHA256, out.State = s.Hash, string(doc.Unchanged)
	}
	out.ID = SpanID(s)
	return out, nil
}

// asFigure is a fact with all that says what it is.
func (t *run) asFigure(c retrieve.Cited, span, state string) reasoning.Figure {
	f := c.Fact
	return reasoning.Figure{
		Value: f.Value, Unit: f.Unit, Scale: f.Scale, Decimals: f.Decimals, Shown: Shown(f), Period: f.Period.String(), Fiscal: t.fiscal(c),
		Company: t.company(c), Concept: f.Concept, Label: t.figure(c), Fact: f.ID, Filing: title(c.Filing), Form: c.Filing.Form, Filed: c.Filing.Filed,
		Accession: c.Filing.Accession, Page: f.Span.Page, Span: span, State: state,
	}
}

// path draws the proof: company, figure, filing, and what is computed.
func (t *run) path() {
	var p reasoning.Path
	seen := map[string]bool{}
	node := func(n reasoning.PathNode) string {
		if !seen[n.ID] {
			seen[n.ID] = true
			p.Nodes = append(p.Nodes, n)
		}
		return n.ID
	}
	edge := func(from, to, label, statement, kind string) {
		p.Edges = append(p.Edges, reasoning.PathEdge{ID: "e" + strconv.Itoa(len(p.Edges)), From: from, To: to, Label: label, Statement: statement, Kind: kind})
	}
	for i, c := range t.facts {
		co := node(reasoning.PathNode{ID: c.Fact.Company, Term: &reasoning.Term{Type: "uri", Value: c.Fact.Company, Label: t.company(c)}, Label: t.company(c), Sub: "company", Kind: "entity"})
		v := node(reasoning.PathNode{ID: c.Fact.ID, Term: &reasoning.Term{Type: "uri", Value: c.Fact.ID}, Label: Shown(c.Fact), Sub: t.fiscal(c), Kind: "literal"})
		edge(co, v, t.figure(c), "f"+strconv.Itoa(i), "stated")
		f := node(reasoning.PathNode{ID: c.Filing.ID, Term: &reasoning.Term{Type: "uri", Value: c.Filing.ID, Label: title(c.Filing)}, Label: title(c.Filing), Sub: "page " + strconv.Itoa(c.Fact.Span.Page+1), Kind: "entity"})
		edge(v, f, "stated in", "f"+strconv.Itoa(i), "stated")
	}
	if len(p.Edges) == 0 {
		return
	}
	if x := t.res; x.Formula != "" || len(x.Cells) > 0 && x.Cells[0].Formula != "" {
		d := node(reasoning.PathNode{ID: "derived", Label: t.value(), Sub: "computed", Kind: "derived"})
		for _, c := range t.facts {
			if c.Fact.Numeric {
				edge(c.Fact.ID, d, "operand", "", "derived")
			}
		}
	}
	t.out.Path = &p
	t.emit(reasoning.Event{Name: "path", Data: p})
}

// units is the length of a text in UTF-16 units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}
