package lexicon

import (
	"strings"
	"testing"
)

func TestTables(t *testing.T) {
	l := Default()
	if len(l.groups) < 100 || len(l.formulas) < 30 {
		t.Fatalf("%d groups and %d formulas: want the whole tables", len(l.groups), len(l.formulas))
	}
	for _, f := range l.formulas {
		switch f.Kind {
		case Percent, Times, Money, Days:
		default:
			t.Errorf("%s: kind %q", f.Names[0], f.Kind)
		}
		for _, e := range f.Alternatives {
			back, err := ParseExpr(e.String())
			if err != nil || back.String() != e.String() {
				t.Errorf("%s: %s reads back as %s, %v", f.Names[0], e, back, err)
			}
			for _, p := range e.Phrases() {
				if _, known := l.Wordings(p); !known {
					t.Errorf("%s uses [%s], which the terms do not know", f.Names[0], p)
				}
			}
		}
	}
}

func TestWordings(t *testing.T) {
	l := Default()
	for _, c := range []struct {
		phrase, same string
		known        bool
	}{
		{"capital expenditures", "payments to acquire property plant and equipment", true},
		{"capex", "capital expenditures", true},
		{"total net sales", "revenues", true},
		{"R&D", "research and development expense", true},
		{"share buybacks", "payments for repurchase of common stock", true},
		{"foreign income taxes", "foreign income tax expense", false},
	} {
		list, known := l.Wordings(c.phrase)
		found := false
		for _, w := range list {
			found = found || Fold(w.Text) == Fold(c.same)
		}
		if known != c.known || !found {
			t.Errorf("%q: known %v, %q among the wordings %v", c.phrase, known, c.same, found)
		}
	}
	if list, known := l.Wordings("lithium reserves"); known || len(list) != 1 {
		t.Errorf("unknown words have wordings %v", list)
	}
}

func TestStem(t *testing.T) {
	for a, b := range map[string]string{"liabilities": "liability", "expenses": "expense", "taxes": "tax", "stockholders": "shareholders", "purchases": "purchased", "leases": "lease", "gross": "gross", "basis": "basis"} {
		if Fold(a) != Fold(b) {
			t.Errorf("%s folds to %s and %s to %s", a, Fold(a), b, Fold(b))
		}
	}
}

func FuzzParseExpr(f *testing.F) {
	for _, s := range []string{"[a]", "([a] - [b]) / avg([c])", "[a] * 365 + 1", "((", "avg([x]", "[", "1 / [a] - [b] - [c]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseExpr(s)
		if err != nil {
			return
		}
		text := e.String()
		back, err := ParseExpr(text)
		if err != nil || back.String() != text {
			t.Fatalf("%q was read as %s, which reads as %s, %v", s, text, back, err)
		}
		_ = strings.Join(e.Phrases(), " ")
	})
}
