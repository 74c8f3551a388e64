package sparqltest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// Table is the result of a SELECT query: the rows as they came.
type Table struct {
	Vars []string
	Rows [][]kg.Term
}

// SameRows reports whether two tables hold the same rows, as lists if ordered
// and else as multisets, up to one renaming of the blank nodes of the whole
// table. The order of the columns does not matter.
func SameRows(a, b Table, ordered bool) bool {
	if len(a.Rows) != len(b.Rows) || !sameSet(a.Vars, b.Vars) {
		return false
	}
	return iso.Equal(describe(a, ordered), describe(b, ordered))
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// describe writes a table as a graph that is isomorphic to that of another
// table exactly if the tables are the same: a blank node for every row, which
// points to the values by predicates made of the variables. Equal rows of an
// unordered table are one node with their number, since many nodes that cannot
// be told apart make isomorphism hard.
func describe(t Table, ordered bool) []kg.TermQuad {
	var counts map[string]int
	if !ordered {
		t, counts = t.distinct()
	}
	quads := make([]kg.TermQuad, 0, len(t.Rows)*(len(t.Vars)+1))
	for i, row := range t.Rows {
		// The space keeps the label apart from all labels of data.
		id := kg.NewBlank(" row" + strconv.Itoa(i))
		n := i
		if !ordered {
			n = counts[rowText(row)]
		}
		quads = append(quads, kg.TermQuad{S: id, P: kg.NewIRI(rs + "index"), O: kg.NewString(strconv.Itoa(n))})
		for j, v := range row {
			if v.Kind != kg.None {
				quads = append(quads, kg.TermQuad{S: id, P: kg.NewIRI("urn:var:" + t.Vars[j]), O: v})
			}
		}
	}
	return quads
}

// canonical replaces numbers and times by the canonical spelling of their
// value: computed values may be spelled in more than one way.
func canonical(t kg.Term) kg.Term {
	switch {
	case t.Kind == kg.Triple:
		return kg.NewTriple(canonical(t.Spo[0]), canonical(t.Spo[1]), canonical(t.Spo[2]))
	case t.Kind != kg.Literal:
		return t
	case xsd.IsNumeric(t.Datatype):
		if n, err := xsd.ParseNumber(t.Value, t.Datatype); err == nil {
			t.Value = n.String()
		}
	case t.Datatype == kg.XSD+"boolean":
		if v, err := xsd.ParseBool(t.Value); err == nil {
			t.Value = strconv.FormatBool(v)
		}
	default:
		if _, ok := xsd.TimeKindOf(t.Datatype); ok {
			if d, err := xsd.ParseDateTime(t.Value, t.Datatype); err == nil {
				t.Value = d.String()
			}
		}
	}
	return t
}

// Canonical returns the table with canonical spellings of computable values.
func (t Table) Canonical() Table {
	rows := make([][]kg.Term, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]kg.Term, len(row))
		for j, v := range row {
			rows[i][j] = canonical(v)
		}
	}
	return Table{t.Vars, rows}
}

// distinct returns the rows without repetition, and how often each occurs by
// its text.
func (t Table) distinct() (Table, map[string]int) {
	count := map[string]int{}
	d := Table{Vars: t.Vars}
	for _, row := range t.Rows {
		key := rowText(row)
		if count[key]++; count[key] == 1 {
			d.Rows = append(d.Rows, row)
		}
	}
	return d, count
}

func rowText(row []kg.Term) string {
	var b []byte
	for i, v := range row {
		if i > 0 {
			b = append(b, ' ')
		}
		if v.Kind == kg.None {
			b = append(b, '-')
		} else {
			b = v.AppendNT(b)
		}
	}
	return string(b)
}

// String writes the table with one line a row, for messages.
func (t Table) String() string {
	var b strings.Builder
	for i, v := range t.Vars {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("?" + v)
	}
	fmt.Fprintf(&b, " (%d rows)\n", len(t.Rows))
	for i, row := range t.Rows {
		if i == 40 {
			b.WriteString("...\n")
			break
		}
		b.WriteString(rowText(row) + "\n")
	}
	return b.String()
}

// quadsText writes quads sorted, for messages.
func quadsText(quads []kg.TermQuad) string {
	lines := make([]string, len(quads))
	for i, q := range quads {
		lines[i] = strings.TrimSpace(fmt.Sprintf("%s %s %s %s", q.S, q.P, q.O, q.G))
	}
	slices.Sort(lines)
	if len(lines) > 60 {
		lines = append(lines[:60], "...")
	}
	return strings.Join(lines, "\n") + "\n"
}

func canonicalQuads(quads []kg.TermQuad) []kg.TermQuad {
	out := make([]kg.TermQuad, len(quads))
	for i, q := range quads {
		q.O = canonical(q.O)
		out[i] = q
	}
	return out
}
