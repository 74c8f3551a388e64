package opt_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/opt"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func translate(t testing.TB, text string) *algebra.Query {
	t.Helper()
	ast, err := syntax.ParseQuery(text, "")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	q, err := algebra.Translate(ast)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestPairs rewrites one query and expects the algebra of another, which is
// the same query written as the rewriting should leave it.
func TestPairs(t *testing.T) {
	inputs, err := filepath.Glob("testdata/pairs/*_input.rq")
	if err != nil || len(inputs) == 0 {
		t.Fatal("no pairs", err)
	}
	for _, in := range inputs {
		name := strings.TrimSuffix(filepath.Base(in), "_input.rq")
		t.Run(name, func(t *testing.T) {
			a, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(strings.Replace(in, "_input", "_output", 1))
			if err != nil {
				t.Fatal(err)
			}
			got := algebra.Format(opt.Rewrite(translate(t, string(a)).Node))
			want := algebra.Format(opt.Simplify(translate(t, string(b)).Node))
			if name == "graph_pushed" {
				want = algebra.Format(opt.Simplify(opt.PushGraph(translate(t, string(b)).Node)))
			}
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			again := opt.Rewrite(opt.Rewrite(translate(t, string(a)).Node))
			if s := algebra.Format(again); s != got {
				t.Errorf("rewriting twice gives\n%sonce\n%s", s, got)
			}
		})
	}
}

// golden runs the cases of a file: a command line, a query, "----", the
// expected text up to an empty line.
func golden(t *testing.T, path string, run func(cmd, query string) string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, c := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		head, want, ok := strings.Cut(c+"\n", "----\n")
		if !ok {
			t.Fatalf("%s: case %d has no ----", path, i+1)
		}
		cmd, query, _ := strings.Cut(head, "\n")
		got := run(cmd, query)
		if !*rewrite && got != want {
			t.Errorf("%s\n%sgot\n%swant\n%s", cmd, query, got, want)
		}
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(head + "----\n" + got)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRewrite(t *testing.T) {
	golden(t, "testdata/rewrite.txt", func(_, query string) string {
		return algebra.Format(opt.Rewrite(translate(t, query).Node))
	})
}

// fixed are statistics of a made-up social graph.
type fixed struct{}

var predicates = map[string]kg.PredicateStats{
	"knows": {Count: 300_000, Subjects: 20_000, Objects: 20_000},
	"name":  {Count: 20_000, Subjects: 20_000, Objects: 18_000},
	"rare":  {Count: 20, Subjects: 20, Objects: 5},
}

func (fixed) Size() float64 { return 320_020 }
func (fixed) Predicate(p kg.Term) (kg.PredicateStats, bool) {
	st, ok := predicates[strings.TrimPrefix(p.Value, "http://e/")]
	return st, ok
}

func (f fixed) Estimate(_ algebra.GraphRef, t algebra.Triple) float64 {
	if t.P.IsVar() {
		return f.Size()
	}
	st, _ := f.Predicate(t.P.Term)
	n := float64(st.Count)
	if n == 0 {
		return 0
	}
	if !t.S.IsVar() {
		n /= float64(st.Subjects)
	}
	if !t.O.IsVar() {
		n /= float64(st.Objects)
	}
	return n
}

func TestPlan(t *testing.T) {
	golden(t, "testdata/plan.txt", func(_, query string) string {
		q := translate(t, "PREFIX : <http://e/>\n"+query)
		return algebra.Format(opt.Plan(opt.Rewrite(q.Node), fixed{}, q.Vars))
	})
}

// TestWideBlock plans blocks beyond the limits of the exact searches.
func TestWideBlock(t *testing.T) {
	for _, n := range []int{9, 13, 40, 70} {
		var b strings.Builder
		b.WriteString("PREFIX : <http://e/>\nSELECT ?v0 {")
		for i := range n {
			b.WriteString(" ?v" + string(rune('0'+i%10)) + strings.Repeat("x", i/10) + " :knows ?v" + string(rune('0'+(i+1)%10)) + strings.Repeat("x", (i+1)/10) + " .")
		}
		b.WriteString(" }")
		q := translate(t, b.String())
		plan := algebra.Format(opt.Plan(opt.Rewrite(q.Node), fixed{}, q.Vars))
		if got := strings.Count(plan, "knows"); got != n {
			t.Errorf("%d patterns became %d\n%s", n, got, plan)
		}
	}
}
