package queryset

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/internal/shared"
)

// folder writes files below a temporary folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func small() map[string]string {
	return map[string]string{
		"entities.txt":    "0\tada\n1\tbob\n2\tcat\n",
		"relations.txt":   "0\t+likes\n1\t-likes\n2\t+knows\n3\t-knows\n",
		"train.txt":       "0\t0\t1\n1\t1\t0\n1\t2\t2\n2\t3\t1\n",
		"valid.txt":       "0\t0\t2\n2\t1\t0\n",
		"test.txt":        "",
		"q/test/2p.tsv":   "0 0 2\t2\t1\n",
		"q/train/2in.tsv": "0 0 1 3 -2\n",
	}
}

func TestRead(t *testing.T) {
	s, err := Open(folder(t, small()), "")
	if err != nil {
		t.Fatal(err)
	}
	g := s.Graph
	if !slices.Equal(g.Entities, []string{"ada", "bob", "cat"}) || !slices.Equal(g.Relations, []string{"likes", "knows"}) {
		t.Errorf("names %v %v", g.Entities, g.Relations)
	}
	if fmt.Sprint(g.Train, g.Valid, g.Test) != "[{0 0 1} {1 1 2}] [{0 0 2}] []" {
		t.Errorf("triples %v %v %v", g.Train, g.Valid, g.Test)
	}
	cases, err := s.Read("test", "2p", 0)
	if err != nil || len(cases) != 1 || cases[0].Query.String() != "p1(p0(0))" || cases[0].Easy[0] != 2 || cases[0].Hard[0] != 1 {
		t.Errorf("%v %v", cases, err)
	}
	// Relation 3 is the inverse of the second of two relations.
	if train, err := s.Read("train", "2in", 0); err != nil || train[0].Query.String() != "and(p0(0), not(p3(1)))" {
		t.Errorf("%v %v", train, err)
	}
	if !s.Has("test", "2p") || s.Has("test", "3p") {
		t.Error("Has is wrong")
	}
	var b bytes.Buffer
	if err := s.Write(&b, "2p", cases); err != nil || b.String() != "0 0 2\t2\t1\n" {
		t.Errorf("written as %q, %v", b.String(), err)
	}
}

func TestBrokenFolders(t *testing.T) {
	for name, c := range map[string]struct{ file, body, want string }{
		"graph":              {"train.txt", "0\t0\t1\n1 2\n", "train.txt:2"},
		"short query":        {"q/test/2p.tsv", "0 0\t1\t2\n", "2p.tsv, line 1: a 2p query has 3 numbers"},
		"relation too large": {"q/test/2p.tsv", "0 0 8\t1\t2\n", "relation 4"},
		"answer too large":   {"q/test/2p.tsv", "0 0 2\t1\t77\n", "answer \"77\""},
		"answers missing":    {"q/test/2p.tsv", "0 0 2\t1\n", "2 fields"},
	} {
		files := small()
		files[c.file] = c.body
		s, err := Open(folder(t, files), "")
		if err == nil {
			_, err = s.Read("test", "2p", 0)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	files := small()
	files["p/test/1p.tsv"] = "0 0\t1\t2\n"
	dir := folder(t, files)
	if _, err := Open(dir, ""); err == nil || !strings.Contains(err.Error(), "--queries") {
		t.Errorf("two folders of queries: %v", err)
	}
	if _, err := Open(dir, "p"); err != nil {
		t.Error(err)
	}
	if _, err := Open(dir, "none"); err == nil {
		t.Error("a folder that is not there is opened")
	}
}

// The published queries, recomputed: our trees mean what the files say.
func TestPublishedAnswers(t *testing.T) {
	dir := filepath.Join(shared.Dir(t), "data", "kge", "CoDEx-S-betae")
	s, err := Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	g := s.Graph
	n := len(g.Entities)
	train := g.NewIndex(g.Train)
	valid := g.NewIndex(g.Train, g.Valid)
	all := g.NewIndex(g.Train, g.Valid, g.Test)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, typ := range cqd.Types {
		for split, graphs := range map[string][2]cqd.Stated{"valid": {train, valid}, "test": {valid, all}} {
			cases, err := s.Read(split, typ.Name, 0)
			if err != nil {
				t.Fatal(err)
			}
			for range 60 {
				c := cases[rng.IntN(len(cases))]
				easy, big := cqd.Answers(graphs[0], c.Query, n), cqd.Answers(graphs[1], c.Query, n)
				if !slices.Equal(c.Easy, easy.Entities()) || !slices.Equal(c.Hard, big.Minus(easy)) {
					t.Fatalf("%s %s %v: recomputed answers differ", split, typ.Name, c.Query)
				}
			}
		}
	}
}

func FuzzParseCase(f *testing.F) {
	f.Add("2p", "0 0 2\t2\t1")
	f.Add("2in", "0 0 1 3 -2")
	f.Add("pni", "0 0 1 -2 1 2\t\t1 2")
	f.Add("up", "0 0 1 1 -1 3\tx\t")
	files := small()
	dir := f.TempDir()
	for name, body := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	s, err := Open(dir, "q")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typ, line string) {
		kind, err := cqd.TypeByName(typ)
		if err != nil {
			return
		}
		c, err := s.parse(kind, line)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := s.Write(&b, typ, []cqd.Case{c}); err != nil {
			t.Fatal(err)
		}
		again, err := s.parse(kind, strings.TrimSuffix(b.String(), "\n"))
		if err != nil || again.Query.String() != c.Query.String() || !slices.Equal(again.Hard, c.Hard) || !slices.Equal(again.Easy, c.Easy) {
			t.Errorf("%q is written as %q", line, b.String())
		}
	})
}
