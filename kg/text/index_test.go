package text

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"  Grégoire   COLIN ": "gregoire colin",
		"Straße":              "strasse",
		"İstanbul":            "istanbul",
		"ﬁsh Ⅻ":               "fish xii",
		"हिन्दी":              "हिन्दी", // its marks are part of the word
		"東京 Tower":            "東京 tower",
		"":                    "",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
	if got := strings.Join(Tokens("O'Brien's 東京-tower, 42!"), "|"); got != "o|brien|s|東|京|tower|42" {
		t.Errorf("tokens %s", got)
	}
}

// FuzzFold: folding twice is folding once, and tokens are folded.
func FuzzFold(f *testing.F) {
	f.Add("Grégoire  ẞ ﬁ İ \u0301")
	f.Fuzz(func(t *testing.T, s string) {
		once := Fold(s)
		if twice := Fold(once); twice != once {
			t.Errorf("%q folds to %q, then to %q", s, once, twice)
		}
		for _, w := range Tokens(s) {
			if Fold(w) != w {
				t.Errorf("token %q of %q is not folded", w, s)
			}
		}
	})
}

// graph makes random names and literals from few words, so that they collide.
func graph(t *testing.T, r *rand.Rand, n int) kg.Snapshot {
	t.Helper()
	words := []string{"red", "blue", "river", "Stone", "of", "the", "ÉCOLE", "42", "night"}
	text := func() string {
		var s []string
		for range 1 + r.IntN(4) {
			s = append(s, words[r.IntN(len(words))])
		}
		return strings.Join(s, " ")
	}
	st := mem.New()
	err := st.Update(t.Context(), func(tx kg.Tx) error {
		for i := range n {
			predicate := []string{kg.RDFSLabel, AliasPredicates[0], "http://x/note"}[r.IntN(3)]
			o := kg.NewString(text())
			if r.IntN(3) == 0 {
				o = kg.NewLang(text(), []string{"en", "de"}[r.IntN(2)])
			}
			var ids [3]kg.ID
			for j, term := range []kg.Term{kg.NewIRI(fmt.Sprint("http://x/", i%(n/2+1))), kg.NewIRI(predicate), o} {
				id, err := tx.Intern(term)
				if err != nil {
					return err
				}
				ids[j] = id
			}
			if _, err := tx.Insert(kg.Quad{S: ids[0], P: ids[1], O: ids[2], G: kg.DefaultGraph}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// document is a name of an entity, or a literal.
type document struct {
	id   kg.ID
	text string
}

// documents lists what should be indexed: every statement of a name, and every
// distinct literal that is no name.
func documents(t *testing.T, s kg.Snapshot) (docs []document, names []Entry) {
	t.Helper()
	names = []Entry{}
	isName := map[kg.ID]bool{}
	label := map[string]bool{kg.RDFSLabel: false, AliasPredicates[0]: true}
	c := s.Scan(t.Context(), kg.Pattern{}, kg.SPO)
	defer c.Close()
	var others []kg.ID
	for c.Next() {
		q := c.Quad()
		p, err := s.Term(q.P)
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.Term(q.O)
		if err != nil {
			t.Fatal(err)
		}
		if alias, ok := label[p.Value]; ok {
			isName[q.O] = true
			docs = append(docs, document{q.S, o.Value})
			names = append(names, Entry{q.S, o.Value, Fold(o.Value), alias})
		} else if !slices.Contains(others, q.O) {
			others = append(others, q.O)
		}
	}
	for _, o := range others {
		if !isName[o] {
			term, err := s.Term(o)
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, document{o, term.Value})
		}
	}
	return docs, names
}

// bm25 is the score by its formula, one document after the other.
func bm25(docs []document, query string) map[kg.ID]float64 {
	tokens := make([][]string, len(docs))
	total := 0
	for i, d := range docs {
		tokens[i] = Tokens(d.text)
		total += len(tokens[i])
	}
	average := float64(total) / float64(len(docs))
	asked := map[string]bool{}
	for _, w := range Tokens(query) {
		asked[w] = true
	}
	best := map[kg.ID]float64{}
	for i, d := range docs {
		score := 0.0
		for w := range asked {
			df, tf := 0.0, 0.0
			for j := range docs {
				if slices.Contains(tokens[j], w) {
					df++
				}
			}
			for _, x := range tokens[i] {
				if x == w {
					tf++
				}
			}
			idf := math.Log(1 + (float64(len(docs))-df+0.5)/(df+0.5))
			score += idf * tf * (k1 + 1) / (tf + k1*(1-b+b*float64(len(tokens[i]))/average))
		}
		best[d.id] = max(best[d.id], score)
	}
	return best
}

// TestIndexAgreesWithFormula compares search, prefix and exact look-up with
// plain scans over random graphs.
func TestIndexAgreesWithFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 40 {
		s := graph(t, r, 1+r.IntN(60))
		x, err := Build(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		docs, names := documents(t, s)
		for _, q := range []string{"river", "the red stone", "ecole 42 of night", "nothing", ""} {
			want := bm25(docs, q)
			hits := x.Search(q, 1000)
			n := 0
			for _, v := range want {
				if v > 0 {
					n++
				}
			}
			if len(hits) != n {
				t.Fatalf("%q: %d hits, want %d", q, len(hits), n)
			}
			for i, h := range hits {
				if math.Abs(h.Score-want[h.ID]) > 1e-9 {
					t.Fatalf("%q: %d scores %g, want %g", q, h.ID, h.Score, want[h.ID])
				}
				if i > 0 && h.Score > hits[i-1].Score {
					t.Fatalf("%q: hits are not sorted", q)
				}
			}
			if few := x.Search(q, 2); !slices.Equal(few, hits[:min(2, len(hits))]) {
				t.Fatalf("%q: the best two are %v", q, few)
			}
		}
		for _, p := range []string{"r", "RED st", "éc", "zzz"} {
			prefix, exact := map[string]bool{}, map[string]bool{}
			for _, e := range names {
				key := fmt.Sprint(e.ID, e.Label, e.Alias)
				if strings.HasPrefix(e.Folded, Fold(p)) {
					prefix[key] = true
				}
				if e.Folded == Fold(p) {
					exact[key] = true
				}
			}
			if got := x.Prefix(p, 1000); len(got) != len(prefix) {
				t.Fatalf("prefix %q: %d names, want %d", p, len(got), len(prefix))
			} else if !slices.IsSortedFunc(got, func(a, b Entry) int { return cmp.Compare(len(a.Folded), len(b.Folded)) }) {
				t.Fatalf("prefix %q: not shortest first", p)
			}
			if got := x.Exact(p); len(got) != len(exact) {
				t.Fatalf("exact %q: %d names, want %d", p, len(got), len(exact))
			}
		}
	}
}

// TestLabel: the stated label, English before none before others; aliases are
// no labels.
func TestLabel(t *testing.T) {
	st := mem.New()
	add := func(s, p string, o kg.Term) {
		err := st.Update(t.Context(), func(tx kg.Tx) error {
			var ids [3]kg.ID
			for i, term := range []kg.Term{kg.NewIRI(s), kg.NewIRI(p), o} {
				id, err := tx.Intern(term)
				if err != nil {
					return err
				}
				ids[i] = id
			}
			_, err := tx.Insert(kg.Quad{S: ids[0], P: ids[1], O: ids[2], G: kg.DefaultGraph})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("a", kg.RDFSLabel, kg.NewLang("Wien", "de"))
	add("a", kg.RDFSLabel, kg.NewString("Vienna city"))
	add("a", kg.RDFSLabel, kg.NewLang("Vienna", "en"))
	add("b", AliasPredicates[0], kg.NewString("only an alias"))
	add("c", "http://xmlns.com/foaf/0.1/name", kg.NewString("by name"))
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x, err := Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for iri, want := range map[string]string{"a": "Vienna", "b": "", "c": "by name"} {
		id, _, err := s.Lookup(kg.NewIRI(iri))
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Label(id); got != want {
			t.Errorf("label of %s is %q, want %q", iri, got, want)
		}
	}
}
