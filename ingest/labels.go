package ingest

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/quaestor-kg/quaestor/ingest/edgar"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// Labels are labels of standard concepts by their names, such as
// us-gaap:Revenues.
type Labels map[string]string

// ReadLabels reads lines of NAME TAB LABEL; further columns are ignored.
func ReadLabels(r io.Reader) (Labels, error) {
	l := Labels{}
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		name, rest, ok := strings.Cut(s.Text(), "\t")
		if !ok || !strings.ContainsAny(name, ":_") {
			if n > 1 && strings.TrimSpace(s.Text()) != "" {
				return nil, fmt.Errorf("labels: line %d: want NAME, a tab and LABEL", n)
			}
			continue
		}
		label, _, _ := strings.Cut(rest, "\t")
		if !strings.Contains(name, ":") {
			name = strings.Replace(name, "_", ":", 1)
		}
		l[name] = strings.TrimSpace(label)
	}
	return l, s.Err()
}

// concept notes a concept, axis or member that the filing uses.
func (x *builder) concept(q edgar.QName, _ string) {
	iri := q.IRI()
	if _, ok := x.seen[iri]; ok {
		return
	}
	x.seen[iri] = len(x.b.concepts)
	c := fact.Concept{IRI: iri, Graph: x.b.graph, Name: q.String()}
	id := edgar.ConceptID(q)
	c.Label = cmp.Or(x.f.Links.Standard(id), x.labels[c.Name], fact.LabelOf(q.Local))
	for _, l := range x.f.Links.Labels[id] {
		if !strings.HasSuffix(l.Role, "/documentation") && l.Text != c.Label && !slices.Contains(c.Labels, l.Text) && len(c.Labels) < 4 {
			c.Labels = append(c.Labels, l.Text)
		}
	}
	x.b.concepts = append(x.b.concepts, c)
}

// wording notes what the filing calls the concept of a fact, or its member:
// the heading of the row it stands in.
func (x *builder) wording(e *edgar.Fact) {
	if !e.Numeric || e.Row == "" || e.RowText == e.Row || len(e.Row) > 120 {
		return // running text
	}
	heading := e.Row
	if i := strings.LastIndex(heading, " | "); i >= 0 {
		heading = heading[i+3:]
	}
	heading = strings.TrimRight(strings.TrimSpace(footmarks(heading)), ":.,;—–- ")
	if len(heading) < 3 || strings.Count(heading, " ") > 14 || !strings.ContainsFunc(heading, unicode.IsLetter) {
		return
	}
	var target edgar.QName
	switch dims := e.Context.Dims; {
	case len(dims) == 0:
		target = e.Concept
	case len(dims) == 1 && !dims[0].Typed && shares(heading, fact.LabelOf(dims[0].Member.Local)):
		target = dims[0].Member
	default:
		return
	}
	iri := target.IRI()
	if x.rows[iri] == nil {
		x.rows[iri] = map[string]int{}
	}
	x.rows[iri][heading]++
}

// footmarks drops marks of footnotes at the end: "(1)", "(a)(b)", "*".
func footmarks(s string) string {
	for {
		t := strings.TrimRight(s, " *†‡")
		if i := strings.LastIndexByte(t, '('); i > 0 && strings.HasSuffix(t, ")") && len(t)-i <= 4 {
			t = t[:i]
		}
		if t == s {
			return s
		}
		s = t
	}
}

// shares reports whether two wordings have a word of four letters or more in
// common.
func shares(a, b string) bool {
	words := strings.Fields(strings.ToLower(b))
	for _, w := range strings.FieldsFunc(strings.ToLower(a), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(w) >= 4 && slices.Contains(words, w) {
			return true
		}
	}
	return false
}

// label gives concepts the wordings that the filing itself uses most, and
// their totals.
func (x *builder) label() {
	for iri, i := range x.seen {
		rows := x.rows[iri]
		names := sortedKeys(rows)
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rows[b], rows[a]) })
		c := &x.b.concepts[i]
		for _, n := range names[:min(len(names), 3)] {
			if !strings.EqualFold(n, c.Label) && !slices.Contains(c.Labels, n) {
				c.Labels = append(c.Labels, n)
			}
		}
	}
	byID := map[string]string{}
	for i := range x.b.concepts {
		byID[strings.Replace(x.b.concepts[i].Name, ":", "_", 1)] = x.b.concepts[i].IRI
	}
	for _, a := range x.f.Links.Calculation {
		// An arc runs from the total to a summand.
		from, to := byID[a.From], byID[a.To]
		if from == "" || to == "" {
			continue
		}
		if c := &x.b.concepts[x.seen[to]]; !slices.Contains(c.Totals, from) {
			c.Totals = append(c.Totals, from)
		}
	}
}
