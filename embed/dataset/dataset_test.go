package dataset

import (
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

// folder writes files, compressed where the name says so.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			z := gzip.NewWriter(f)
			z.Write([]byte(text))
			z.Close()
		} else {
			f.WriteString(text)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenText(t *testing.T) {
	g, err := Open(folder(t, map[string]string{
		"train.txt.gz":        "a\tr\tb\r\nb\ts\tc\na\tr\tb\nc\tr\tc", // no end of line, a duplicate, a loop
		"valid.tsv":           "a\ts\tb\n\n\n",
		"test.txt":            "z\tr\ta\n",
		"test_negatives.txt":  "b\tr\ta\n",
		"valid_negatives.txt": "c\tr\ta\n",
	}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c", "z"}; !slices.Equal(g.Entities, want) {
		t.Errorf("entities %v, want %v", g.Entities, want)
	}
	if !slices.Equal(g.Train, []Triple{{0, 0, 1}, {1, 1, 2}, {2, 0, 2}}) || !slices.Equal(g.Test, []Triple{{3, 0, 0}}) ||
		!slices.Equal(g.TestNegatives, []Triple{{1, 0, 0}}) || !slices.Equal(g.ValidNegatives, []Triple{{2, 0, 0}}) {
		t.Errorf("%+v", g)
	}
	if notes := strings.Join(g.Notes, "\n"); !strings.Contains(notes, "1 duplicate") || !strings.Contains(notes, "1 statements of test name something") {
		t.Errorf("notes %q", notes)
	}
	x := g.NewIndex(g.Train)
	if got := x.Tails(1, 2); !slices.Equal(got, []int32{0}) { // b r⁻¹ a
		t.Errorf("inverse tails %v", got)
	}
	if !x.Has(Triple{2, 2, 2}) || x.Has(Triple{0, 1, 2}) || x.Tails(3, 0) != nil && len(x.Tails(3, 0)) > 0 {
		t.Error("index")
	}
}

func TestOpenTextDropsUnseen(t *testing.T) {
	g, err := Open(folder(t, map[string]string{"train.txt": "a\tr\tb\n", "test.txt": "z\tr\ta\nb\tr\ta\n"}), Options{DropUnseen: true})
	if err != nil || len(g.Test) != 1 || !strings.Contains(g.Notes[0], "left out") {
		t.Errorf("%+v %v", g, err)
	}
}

func TestColumnsAreFoundOut(t *testing.T) {
	files := map[string]string{"train.txt": "r\ta\tb\ns\tb\tc\nr\tc\ta\n"}
	g, err := Open(folder(t, files), Options{})
	if err != nil || !slices.Equal(g.Relations, []string{"r", "s"}) || len(g.Entities) != 3 {
		t.Errorf("%+v %v", g, err)
	}
	if g, err = Open(folder(t, files), Options{Columns: "hrt"}); err != nil || len(g.Relations) != 3 {
		t.Errorf("%+v %v", g, err)
	}
	if _, err = Open(folder(t, files), Options{Columns: "xyz"}); err == nil {
		t.Error("columns xyz were accepted")
	}
}

func TestOpenNumbers(t *testing.T) {
	openke := map[string]string{
		"entity2id.txt": "2\nx\t1\ny\t0\n", "relation2id.txt": "1\nr\t0\n",
		"train2id.txt": "2\n0 1 0\n1 1 0\n", "test2id.txt.gz": "1\n1 0 0\n",
	}
	g, err := Open(folder(t, openke), Options{})
	if err != nil || !slices.Equal(g.Entities, []string{"y", "x"}) || !slices.Equal(g.Train, []Triple{{0, 0, 1}, {1, 0, 1}}) || !slices.Equal(g.Test, []Triple{{1, 0, 0}}) {
		t.Errorf("%+v %v", g, err)
	}
	paired := map[string]string{
		"entities.txt": "0\tx\n1\ty\n", "relations.txt": "0\t+r\n1\t-r\n2\ts\n3\ts_reverse\n",
		"train.txt": "0\t0\t1\n1\t1\t0\n1 2 1\n1 3 1\n",
	}
	if g, err = Open(folder(t, paired), Options{}); err != nil || !slices.Equal(g.Relations, []string{"r", "s"}) || !slices.Equal(g.Train, []Triple{{0, 0, 1}, {1, 1, 1}}) {
		t.Errorf("%+v %v", g, err)
	}
	in := map[string]string{}
	for name, text := range openke {
		in["openke/"+name] = text
	}
	if g, err = Open(folder(t, in), Options{}); err != nil || len(g.Train) != 2 {
		t.Errorf("%+v %v", g, err)
	}
}

// TestBadInput: every fault names file and line.
func TestBadInput(t *testing.T) {
	openke := func(name, text string) map[string]string {
		f := map[string]string{"entity2id.txt": "2\nx\t1\ny\t0\n", "relation2id.txt": "1\nr\t0\n", "train2id.txt": "1\n0 1 0\n"}
		f[name] = text
		return f
	}
	paired := func(name, text string) map[string]string {
		f := map[string]string{"entities.txt": "0\tx\n1\ty\n", "relations.txt": "0\t+r\n1\t-r\n", "train.txt": "0 0 1\n1 1 0\n"}
		f[name] = text
		return f
	}
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{}, "has no train.txt"},
		{map[string]string{"train.txt": ""}, "no statements to train on"},
		{map[string]string{"train.txt": "a\tr\tb\na r b\n"}, "train.txt:2: 1 columns"},
		{map[string]string{"train.txt": "a\tr\tb\tc\n"}, "train.txt:1: 4 columns"},
		{map[string]string{"train.txt": "a\tr\tb\n\na\tr\tc\n"}, "train.txt:2: the line is empty"},
		{map[string]string{"train.txt": "a\t \tb\n"}, "train.txt:1: column 2 is empty"},
		{map[string]string{"train.txt": "a\tr\tb\n", "test.txt": "a\tr\n"}, "test.txt:1:"},
		{map[string]string{"train.txt": "a\tr\t" + strings.Repeat("x", maxLine+1) + "\n"}, "longer than"},
		{map[string]string{"a/train.txt": "a\tr\tb\n", "b/train.txt": "a\tr\tb\n"}, "several splits"},
		{openke("train2id.txt", "2\n0 1 0\n"), "train2id.txt:1: the first line promises 2"},
		{openke("train2id.txt", "x\n0 1 0\n"), "train2id.txt:1:"},
		{openke("train2id.txt", "1\n0 2 0\n"), "number 2 in column 2"},
		{openke("train2id.txt", "1\n0 1 1\n"), "number 1 in column 3"},
		{openke("train2id.txt", "1\n0 1 x\n"), "train2id.txt:2: \"x\" is not a number"},
		{openke("entity2id.txt", "2\nx\t0\ny\t0\n"), "entity2id.txt:3: number 0 is there twice"},
		{openke("entity2id.txt", "2\nx\t0\nx\t1\n"), "name \"x\" is there twice"},
		{openke("entity2id.txt", "2\nx\t0\ny\t2\n"), "none has the number 1"},
		{openke("entity2id.txt", "3\nx\t0\ny\t1\n"), "promises 3 names"},
		{openke("entity2id.txt", "2\nx 0\ny\t1\n"), "no tab"},
		{paired("train.txt", "0 0 1\n"), "has no inverse"},
		{paired("train.txt", "0 0 1\n1 1 0\n0 1 1\n"), "train.txt:3: the inverse"},
		{paired("relations.txt", "0\tr\n"), "in pairs"},
	} {
		_, err := Open(folder(t, c.files), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want one with %q", c.files, err, c.want)
		}
	}
	f := openke("x", "")
	delete(f, "relation2id.txt")
	if _, err := Open(folder(t, f), Options{}); err == nil || !strings.Contains(err.Error(), "no relation2id.txt") {
		t.Errorf("error %v", err)
	}
}

func store(t *testing.T, quads ...kg.TermQuad) *mem.Store {
	t.Helper()
	st := mem.New()
	_, err := st.Load(t.Context(), func(yield func(kg.TermQuad, error) bool) {
		for _, q := range quads {
			if !yield(q, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func iri(s string) kg.Term { return kg.NewIRI("http://e.org/" + s) }

func TestFromSnapshot(t *testing.T) {
	g := iri("g")
	quads := []kg.TermQuad{
		{S: iri("b"), P: iri("r"), O: iri("a")},
		{S: iri("b"), P: iri("r"), O: iri("a"), G: g},
		{S: iri("a"), P: iri("s"), O: kg.NewBlank("x"), G: g},
		{S: iri("a"), P: iri("label"), O: kg.NewString("A")},
		{S: iri("c"), P: iri("age"), O: kg.NewTyped("7", kg.XSD+"integer")},
		{S: iri("a"), P: iri("says"), O: kg.NewTriple(iri("a"), iri("r"), iri("b"))},
	}
	read := func(o SnapshotOptions, quads ...kg.TermQuad) (*Linked, error) {
		s, err := store(t, quads...).Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return FromSnapshot(t.Context(), s, o)
	}
	l, err := read(SnapshotOptions{}, quads...)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"<http://e.org/a>", "<http://e.org/b>", "_:x"}; !slices.Equal(l.Entities, want) {
		t.Errorf("entities %v, want %v", l.Entities, want)
	}
	if !slices.Equal(l.Train, []Triple{{0, 1, 2}, {1, 0, 0}}) || len(l.EntityIDs) != 3 || len(l.RelationIDs) != 2 {
		t.Errorf("%+v", l)
	}
	slices.Reverse(quads)
	again, err := read(SnapshotOptions{}, quads...)
	if err != nil || !reflect.DeepEqual(again.Graph, l.Graph) {
		t.Errorf("the same graph in another order is %+v, %v", again, err)
	}
	if l, err = read(SnapshotOptions{Graph: "http://e.org/g"}, quads...); err != nil || len(l.Train) != 2 {
		t.Errorf("%+v %v", l, err)
	}
	if l, err = read(SnapshotOptions{Keep: func(p kg.Term) bool { return p == iri("s") }}, quads...); err != nil || len(l.Train) != 1 || len(l.Entities) != 2 {
		t.Errorf("%+v %v", l, err)
	}
	if _, err = read(SnapshotOptions{Graph: "http://e.org/none"}, quads...); err == nil || !strings.Contains(err.Error(), "no graph <http://e.org/none>") {
		t.Errorf("error %v", err)
	}
	if _, err = read(SnapshotOptions{}); err == nil || !strings.Contains(err.Error(), "no statement between entities") {
		t.Errorf("error %v", err)
	}
}

// TestSplitIsStable: a statement keeps its split while the graph grows, and
// train keeps every name.
func TestSplitIsStable(t *testing.T) {
	var quads []kg.TermQuad
	for i := range 60 {
		for j := range 6 {
			quads = append(quads, kg.TermQuad{S: iri("s" + string(rune('A'+i))), P: iri("r" + string(rune('0'+j%3))), O: iri("o" + string(rune('A'+(i*7+j*11)%60)))})
		}
	}
	where := func(quads []kg.TermQuad) map[string]int {
		s, err := store(t, quads...).Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		l, err := FromSnapshot(context.Background(), s, SnapshotOptions{Valid: 0.1, Test: 0.1, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		if n := float64(len(l.Train) + len(l.Valid) + len(l.Test)); float64(len(l.Valid)) < 0.05*n || float64(len(l.Test)) < 0.05*n || float64(len(l.Valid)) > 0.15*n {
			t.Errorf("%v", l)
		}
		for _, n := range l.Notes {
			t.Error(n)
		}
		out := map[string]int{}
		for i, ts := range [][]Triple{l.Train, l.Valid, l.Test} {
			for _, x := range ts {
				out[l.Entities[x.H]+l.Relations[x.R]+l.Entities[x.T]] = i
			}
		}
		return out
	}
	small, large := where(quads[:300]), where(quads)
	moved := 0
	for k, i := range small {
		if large[k] != i {
			moved++
		}
	}
	// Those that train could not spare before may move.
	if moved > len(small)/20 {
		t.Errorf("%d of %d statements changed their split", moved, len(small))
	}
}

// TestPublishedCounts: what the literature says these sets hold.
func TestPublishedCounts(t *testing.T) {
	dir := filepath.Join(shared.Dir(t), "data", "kge")
	for name, want := range map[string][5]int{
		"umls": {135, 46, 5216, 652, 661}, "kinship": {104, 25, 8544, 1068, 1074}, "nations": {14, 55, 1592, 199, 201},
		"countries_S1": {271, 2, 1110, 24, 24}, "CoDEx-s": {2034, 42, 32888, 1827, 1828}, "CoDEx-S-betae": {2034, 42, 32888, 1827, 1828},
		"FB15k-237": {14541, 237, 272115, 17535, 20466}, "WN18RR": {40943, 11, 86835, 3034, 3134},
		"FB15k-237-betae": {14505, 237, 272115, 17526, 20438}, "CoDEx-m": {17050, 51, 185584, 10310, 10311},
	} {
		g, err := Open(filepath.Join(dir, name), Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		if got := [5]int{len(g.Entities), len(g.Relations), len(g.Train), len(g.Valid), len(g.Test)}; got != want {
			t.Errorf("%s: %v, want %v (%v)", name, got, want, g.Notes)
		}
	}
	// The two forms of CoDEx-S are one graph, with the same numbers.
	a, err := Open(filepath.Join(dir, "CoDEx-s"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(filepath.Join(dir, "CoDEx-S-betae"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Vocabulary().Hash() != b.Vocabulary().Hash() {
		t.Error("CoDEx-S has two vocabularies")
	}
	for _, name := range []string{"kinship", "nations"} {
		g, err := Open(filepath.Join(dir, name, "conve-split"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]int{"kinship": 104, "nations": 14}[name]; len(g.Entities) != want {
			t.Errorf("%s with the relation first: %v", name, g)
		}
	}
}

func FuzzParseText(f *testing.F) {
	f.Add([]byte("a\tr\tb\n"))
	f.Add([]byte("\ufeffa\tr\ta\r\n\n"))
	f.Add([]byte("a\tr\n\tb"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ParseText("x", data)
		if err != nil {
			if g != nil {
				t.Error("a graph and an error")
			}
			return
		}
		for _, x := range g.Train {
			if int(x.H) >= len(g.Entities) || int(x.T) >= len(g.Entities) || int(x.R) >= len(g.Relations) {
				t.Fatalf("%+v of %v", x, g)
			}
		}
	})
}
