package measure

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/filingtest"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

const questions = `
{"qid":"a","type":"ratio","scope":"intra","hop_count":2,"question":"In fiscal 2023, Northwind's inventory equalled what percentage of its net sales?","answer":23.64,"unit":"%","evidence_groups":[{"accept_pages":[["101-2023",1]],"facts":[["101-2023","f-8"],["101-2023","f-7"]]},{"accept_pages":[["101-2023",1]],"facts":[["101-2023","f-3"],["101-2023","f-4"]]}]}
{"qid":"b","type":"compare","scope":"cross","hop_count":2,"question":"Which company reported the higher goodwill for fiscal 2023, Acme Robotics or Northwind, and by how much?","answer":["Acme Robotics",225000000],"unit":"USD","evidence_groups":[{"accept_pages":[["202-2023",1]],"facts":[]},{"accept_pages":[["101-2023",1]],"facts":[]}]}
{"qid":"c","type":"lookup","scope":"intra","hop_count":1,"question":"What was Zephyr's goodwill in fiscal 2023?","answer":11000000,"unit":"USD","evidence_groups":[{"accept_pages":[["303-2023",7]],"facts":[["303-2023","x"]]}]}
{"qid":"d","type":"company","question":"What was Contoso's revenue in fiscal 2023?","impossible":true}
`

func TestEvidence(t *testing.T) {
	snap, err := filingtest.Open(t, "").Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var k library.Keeper
	l, err := k.Library(context.Background(), snap)
	if err != nil {
		t.Fatal(err)
	}
	qs, err := ReadQuestions(strings.NewReader(questions))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	rep, err := Evidence(context.Background(), retrieve.New(l, retrieve.Options{}), qs, Options{Seed: 1, Impossible: 20, Baselines: true, Scenarios: true, Each: func(q *Question, x *retrieve.Result, r Ranks, right bool) {
		lines++
		if right != (q.ID != "c") {
			t.Errorf("%s: right is %v (%v, %v)", q.ID, right, x.Value, x.Refusal)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if rep.N != 3 || lines != 3 || math.Abs(rep.Right-2.0/3) > 1e-9 || math.Abs(rep.MRR-2.0/3) > 1e-9 || math.Abs(rep.All10-2.0/3) > 1e-9 {
		t.Errorf("%+v", rep.Row)
	}
	// The third question's citation is not in its key.
	if math.Abs(rep.Prec-2.0/3) > 1e-9 || math.Abs(rep.Recall-2.0/3) > 1e-9 {
		t.Errorf("precision %v, recall %v", rep.Prec, rep.Recall)
	}
	if rep.Impossible.N < 10 || rep.Impossible.Refused != rep.Impossible.N {
		t.Errorf("impossible: %+v", rep.Impossible)
	}
	n := float64(3 + rep.Impossible.N)
	if want := 100 * (2 - 10 + float64(rep.Impossible.N)) / n; math.Abs(rep.RS10-want) > 1e-9 {
		t.Errorf("rs10 %v, want %v", rep.RS10, want)
	}
	if r := rep.Restated; r.Changed != 1 || r.Right != 1 || r.Shared != 7 {
		t.Errorf("restated: %+v", r)
	}
	if len(rep.Baselines) != 6 || len(rep.Scenarios) != 4 || rep.Scenarios[0].Correct < rep.Scenarios[2].Correct || rep.Scenarios[0].Tokens <= 0 {
		t.Errorf("%d baselines, scenarios %+v", len(rep.Baselines), rep.Scenarios)
	}
}

func TestRank(t *testing.T) {
	q := &Question{Evidence: []Group{{Pages: []Place{{"a", 1}, {"b", 2}}}, {Pages: []Place{{"c", 3}}, Others: []Place{{"c", 4}}}}}
	r := rank([]Place{{"x", 0}, {"b", 2}, {"c", 4}}, q, false)
	if r.MRR != 0.5 || r.GR1 != 0 || r.GR5 != 0.5 || r.All5 != 0 {
		t.Errorf("%+v", r)
	}
	if r := rank([]Place{{"x", 0}, {"b", 2}, {"c", 4}}, q, true); r.GR5 != 1 || r.All5 != 1 {
		t.Errorf("lenient: %+v", r)
	}
}

func TestClose(t *testing.T) {
	for _, c := range []struct {
		got, want float64
		unit      string
		ok        bool
	}{{1.004, 1, "USD", true}, {1.006, 1, "USD", false}, {0.084, 0.08, "%", true}, {0.09, 0.08, "%", false}, {-5, 5, "USD", false}, {0, 0, "USD", true}} {
		if close(c.got, c.want, c.unit) != c.ok {
			t.Errorf("%+v", c)
		}
	}
}

// TestBootstrap compares with the plain formula of the standard error.
func TestBootstrap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, 400)
	for i := range values {
		if rnd.Float64() < 0.7 {
			values[i] = 1
		}
	}
	x := bootstrap(values, 2000, 9)
	se := math.Sqrt(x.Mean * (1 - x.Mean) / 400)
	if math.Abs(x.Low-(x.Mean-1.96*se)) > 0.01 || math.Abs(x.High-(x.Mean+1.96*se)) > 0.01 {
		t.Errorf("%+v, the normal interval is %.3f to %.3f", x, x.Mean-1.96*se, x.Mean+1.96*se)
	}
}

func TestTable(t *testing.T) {
	r := retrieve.New(TableLibrary("t", [][]string{
		{"", "", "Years ended September 30,", ""}, {"", "2019", "2018", "2017"}, {"Fixed Price", "$ 1,452.4", "$ 1,146.2", "$ 1,036.9"}, {"Other", "44.1", "(56.7)", "70.8"}, {"Total sales", "$1,496.5", "$1,202.9", "$1,107.7"},
	}), retrieve.Options{})
	for text, want := range map[string]float64{
		"What is the amount of total sales in 2019?":                       1496.5,
		"What is the change in other in 2019 from 2018?":                   100.8,
		"What was the percentage change in fixed price from 2018 to 2019?": 26.714,
		"What is the average total sales for 2017, 2018 and 2019?":         1269.033,
		"What percentage of total sales in 2019 was fixed price?":          97.053,
	} {
		x, err := r.Answer(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		if x.Refusal != nil || math.Abs(x.Value.Float()-want) > 0.01 {
			t.Errorf("%s: %v %v, want %v", text, x.Value, x.Refusal, want)
		}
	}
}

func TestBadFiles(t *testing.T) {
	if _, err := ReadQuestions(strings.NewReader("{\"question\":\"x\"}\n{broken")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	if _, err := FinanceBench(context.Background(), dir); err == nil {
		t.Error("a folder without the files is an error")
	}
	bad := filepath.Join(dir, "x.json")
	if err := os.WriteFile(bad, []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := TATQA(context.Background(), bad); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("%v", err)
	}
}

// TestSharedSets runs the sets that bring their own texts.
func TestSharedSets(t *testing.T) {
	dir := shared.Dir(t)
	if testing.Short() {
		t.Skip("whole sets are left out with -short")
	}
	b, err := TATQA(context.Background(), filepath.Join(dir, "data/fin/tatqa/tatqa_dataset_dev.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if b.N != 1668 || b.R1 < 0.58 || b.R1 < b.BM25R1 || b.Right < 250 {
		t.Errorf("%+v", b)
	}
}
