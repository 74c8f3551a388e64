package datagen

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/train/corpus"
)

// world returns one filled invented graph.
func testWorld(t testing.TB, seed uint64) (*world, *rand.Rand) {
	t.Helper()
	lx, err := theLexicon()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	w := lx.schema(r)
	if err := w.fill(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	return w, r
}

func TestLexicon(t *testing.T) {
	lx, err := theLexicon()
	if err != nil {
		t.Fatal(err)
	}
	if len(lx.relations) < 100 || len(lx.classes) < 80 || len(lx.attributes) < 50 {
		t.Errorf("%d relations, %d classes, %d attributes", len(lx.relations), len(lx.classes), len(lx.attributes))
	}
	seen := map[string]bool{}
	for _, r := range lx.relations {
		if seen[r.names[0]+"|"+strings.Join(r.subjects, " ")] {
			t.Errorf("relation %q twice", r.names[0])
		}
		seen[r.names[0]+"|"+strings.Join(r.subjects, " ")] = true
		for _, p := range slices.Concat(r.fwd, r.fwdQ, r.phrase) {
			if strings.Count(p, "@") != 1 {
				t.Errorf("relation %q: phrase %q needs one @", r.names[0], p)
			}
		}
		for _, p := range r.inv {
			if strings.Count(p, "@") != 1 {
				t.Errorf("relation %q: question %q needs one @", r.names[0], p)
			}
		}
	}
}

func TestLexiconErrorsNameTheLine(t *testing.T) {
	for _, bad := range []string{"C one", "X a|b", "R a|b|c", "C a;b|k\nA n|a|u|9 1|||", "C a;b|k\nR r|a|nothing|f @|q @|p @|i @"} {
		if _, err := parseLexicon(bad); err == nil || !strings.HasPrefix(err.Error(), "lexicon:") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestEveryQueryIsRight executes every generated query of every shape, right
// and wrong: the right one has an answer and re-parses, wrong ones can be
// executed and differ.
func TestEveryQueryIsRight(t *testing.T) {
	ctx := context.Background()
	made := map[string]int{}
	for seed := range uint64(25) {
		w, r := testWorld(t, seed)
		for shape := range shapes {
			for range 25 {
				task, ok := w.ask(r, shape)
				if !ok {
					continue
				}
				made[shapes[shape].name]++
				p, err := constrain.Parse(task.query.String())
				if err != nil {
					t.Fatalf("%s: %v", shapes[shape].name, err)
				}
				res, err := w.g.Eval(ctx, p)
				if err != nil {
					t.Fatalf("%s: %q: %v", shapes[shape].name, task.query, err)
				}
				if res.Empty() {
					t.Fatalf("%s: %q has no answer", shapes[shape].name, task.query)
				}
				wrong, err := task.wrong(r)
				if err != nil {
					t.Fatal(err)
				}
				if len(wrong) < 2 {
					t.Errorf("%q has only %d wrong neighbours", task.query, len(wrong))
				}
				for _, x := range wrong {
					if _, err := w.g.Eval(ctx, x); err != nil {
						t.Fatalf("wrong query %q of %q: %v", x, task.query, err)
					}
				}
				text, refs := prompt(task.question, len(task.names))
				if strings.ContainsAny(text, "\x01\x02@#~") || !strings.HasSuffix(text, " =") {
					t.Fatalf("prompt %q", text)
				}
				if q := refer(task.query, task.names, refs); len(refs) > 0 {
					for i, n := range task.names {
						if refs[i] > 0 && slices.Contains(q.Names(), n) {
							t.Fatalf("%q keeps the name %q of mention %d", q, n, refs[i])
						}
					}
				}
			}
		}
	}
	for _, s := range shapes {
		if made[s.name] < 10 {
			t.Errorf("shape %q was made %d times", s.name, made[s.name])
		}
	}
}

func TestPrompt(t *testing.T) {
	q := "Who directed " + slot(1) + "'s film, and " + slot(0) + " or " + slot(1) + "?"
	text, refs := prompt(q, 3)
	if want := "who directed [1] 's film and [2] or [1] ="; text != want {
		t.Errorf("%q, want %q", text, want)
	}
	if !slices.Equal(refs, []int{2, 1, 0}) {
		t.Errorf("refs %v", refs)
	}
}

func TestReplaceMention(t *testing.T) {
	for _, c := range []struct {
		q, label, want string
		ok             bool
	}{
		{"who made Heat and heater", "heat", "who made " + slot(0) + " and heater", true},
		{"theater heat", "Heat", "theater " + slot(0), true},
		{"preheat", "heat", "preheat", false},
		{"x", "", "x", false},
	} {
		got, ok := replaceMention(c.q, c.label, 0)
		if got != c.want || ok != c.ok {
			t.Errorf("%q, %q: %q %v, want %q %v", c.q, c.label, got, ok, c.want, c.ok)
		}
	}
}

func TestRename(t *testing.T) {
	g := &generator{words: []string{"lantern", "cedar", "prism"}}
	all := []constrain.Relation{{Name: "award"}, {Name: "owner"}}
	twins, shorter := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		row := corpus.Row{Prompt: "what is the award of [1] =", Gold: "[1] > award", Wrong: []string{"[1] < award", "[1] > owner", "[1] > owner > award"}}
		g.rename(&row, []string{"award"}, all, r)
		name := strings.TrimPrefix(row.Gold, "[1] > ")
		if strings.Contains(row.Prompt, "award") || strings.Contains(row.Gold, "award") || name == "" {
			t.Fatalf("%+v", row)
		}
		if err := row.Check(); err != nil {
			t.Fatal(err)
		}
		for _, w := range append(row.Wrong, row.Gold) {
			if p, err := constrain.Parse(w); err != nil || p.String() != w {
				t.Fatalf("%q: %v", w, err)
			}
		}
		if !slices.Contains(row.Wrong, "[1] > owner") {
			twins++
		}
		if !strings.Contains(row.Prompt, " "+name+" ") {
			shorter++
		}
	}
	if twins < 20 || shorter == 0 || shorter > 60 {
		t.Errorf("%d twins, %d shortened questions of 200", twins, shorter)
	}
	kept := corpus.Row{Prompt: "who won [1] =", Gold: "[1] > award"}
	g.rename(&kept, []string{"award"}, all, rand.New(rand.NewPCG(1, 1)))
	if kept.Gold != "[1] > award" {
		t.Errorf("a name that the question does not hold was replaced: %+v", kept)
	}
}

func TestNoneTwinHasNoRightQuery(t *testing.T) {
	row := corpus.Row{Prompt: "who won [1] =", Gold: "[1] < award", Wrong: []string{"[1] < award count", "[1] > owner", "[1]"}}
	twin := noneTwin(row)
	if twin.Gold != corpus.None || len(twin.Wrong) != 2 {
		t.Errorf("%+v", twin)
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	var files [2][]byte
	for i := range files {
		c := Config{Out: filepath.Join(t.TempDir(), "rows.jsonl.gz"), Seed: 5, Invented: 800, Rename: 0.4, None: 0.1}
		rep, err := Generate(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Rows < 800 || rep.Shape["none"] == 0 || rep.Dropped > 8 {
			t.Errorf("%v", rep)
		}
		multi := rep.Steps[2] + rep.Steps[3] + rep.Steps[4]
		if float64(multi) < 0.32*float64(rep.Rows) || float64(rep.Steps[3]) < 0.12*float64(rep.Rows) {
			t.Errorf("%d of %d rows take two steps or more, %d three", multi, rep.Rows, rep.Steps[3])
		}
		if files[i], err = os.ReadFile(c.Out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the same seed gave two files")
	}
}

// TestQuestionSets reads the sets of people's questions and the real graphs.
func TestQuestionSets(t *testing.T) {
	c := Config{
		Data: filepath.Join(shared.Dir(t), "data", "kgqa"), Out: filepath.Join(t.TempDir(), "rows.jsonl.gz"), Seed: 1,
		MetaQA: 1100, SimpleQuestions: 300, Yago: 200, Rename: 0.4, None: 0.05,
	}
	rep, err := Generate(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	for source, least := range map[string]int{"metaqa": 800, "simplequestions": 290, "yago": 190} {
		if rep.Source[source] < least {
			t.Errorf("%d rows from %s, want %d", rep.Source[source], source, least)
		}
	}
	for row, err := range corpus.Read(c.Out) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Gold == corpus.None {
			continue
		}
		if _, err := constrain.Parse(row.Gold); err != nil {
			t.Fatalf("%+v: %v", row, err)
		}
	}
}
