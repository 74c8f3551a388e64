package sparqltest_test

import (
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/sparqltest"
)

func TestSameRows(t *testing.T) {
	a, b, c := kg.NewBlank("a"), kg.NewBlank("b"), kg.NewBlank("c")
	one, two := kg.NewTyped("1", kg.XSD+"integer"), kg.NewTyped("2", kg.XSD+"integer")
	none := kg.Term{}
	table := func(rows ...[]kg.Term) sparqltest.Table {
		return sparqltest.Table{Vars: []string{"x", "y"}, Rows: rows}
	}
	row := func(x, y kg.Term) []kg.Term { return []kg.Term{x, y} }
	for _, c := range []struct {
		name               string
		l, r               sparqltest.Table
		unordered, ordered bool
	}{
		{"equal", table(row(one, two), row(two, one)), table(row(one, two), row(two, one)), true, true},
		{"other order", table(row(one, two), row(two, one)), table(row(two, one), row(one, two)), true, false},
		{"other value", table(row(one, two)), table(row(one, one)), false, false},
		{"one more", table(row(one, two)), table(row(one, two), row(one, two)), false, false},
		{"unbound", table(row(one, none)), table(row(one, two)), false, false},
		{"swapped columns", table(row(one, two)), table(row(two, one)), false, false},
		{"empty rows count", table(row(none, none)), table(row(none, none), row(none, none)), false, false},
		{"renamed blanks", table(row(a, b), row(b, a)), table(row(c, a), row(a, c)), true, true},
		{"blanks are one renaming for all rows", table(row(a, one), row(a, two)), table(row(a, one), row(b, two)), false, false},
		{"blanks keep apart", table(row(a, b)), table(row(a, a)), false, false},
		{"blanks in triple terms", table(row(kg.NewTriple(a, kg.NewIRI("p"), b), a)), table(row(kg.NewTriple(b, kg.NewIRI("p"), a), a)), false, false},
	} {
		if got := sparqltest.SameRows(c.l, c.r, false); got != c.unordered {
			t.Errorf("%s: unordered: %t", c.name, got)
		}
		if got := sparqltest.SameRows(c.l, c.r, true); got != c.ordered {
			t.Errorf("%s: ordered: %t", c.name, got)
		}
	}
	l := sparqltest.Table{Vars: []string{"x", "y"}, Rows: [][]kg.Term{{one, two}}}
	r := sparqltest.Table{Vars: []string{"y", "x"}, Rows: [][]kg.Term{{two, one}}}
	if !sparqltest.SameRows(l, r, true) {
		t.Error("the order of columns matters")
	}
	if sparqltest.SameRows(l, sparqltest.Table{Vars: []string{"x", "z"}, Rows: l.Rows}, false) {
		t.Error("the names of columns do not matter")
	}
	padded := table(row(kg.NewTyped("01", kg.XSD+"integer"), two))
	if sparqltest.SameRows(padded, table(row(one, two)), false) || !sparqltest.SameRows(padded.Canonical(), table(row(one, two)), false) {
		t.Error("01 is another term than 1, and the same value")
	}
}
