package companion

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

// ring is a graph whose relation "next" is known to the model exactly: entities
// are points on a circle.
func ring(t testing.TB, n int) (*embed.Table, *dataset.Graph) {
	t.Helper()
	g := &dataset.Graph{Name: "ring", Relations: []string{"next", "second"}}
	for i := range n {
		g.Entities = append(g.Entities, fmt.Sprint("e", i))
		for r := range 2 {
			x := dataset.Triple{H: int32(i), R: int32(r), T: int32((i + r + 1) % n)}
			switch {
			case i%7 == 3:
				g.Valid = append(g.Valid, x)
			case i%7 == 5:
				g.Test = append(g.Test, x)
			default:
				g.Train = append(g.Train, x)
			}
		}
	}
	table, err := embed.NewTable(embed.Spec{Model: "transe", Dim: 2, Gamma: 1}, g.Vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for e := range int32(n) {
		v := table.Entity(e)
		v[0], v[1] = float32(e)+0.2*float32(rng.NormFloat64()), 0
	}
	for r := range int32(4) {
		table.Relation(r)[0] = []float32{1, 2, -1, -2}[r]
	}
	table.Refresh()
	return table, g
}

func TestTrainAndFiles(t *testing.T) {
	table, g := ring(t, 80)
	o := Options{PerType: 30}
	o.Adapt.Steps, o.Adapt.Batch = 20, 16
	stages := map[string]int{}
	o.Progress = func(stage string, done, _ int) { stages[stage] = done }
	c, err := Train(t.Context(), table, g, o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Adapter == nil || c.Calibration == nil || c.HeldN == 0 || stages["adapter"] != 20 {
		t.Fatalf("%+v, stages %v", c, stages)
	}
	if c.Calibration.Against == "" || len(c.Reliability) == 0 {
		t.Errorf("%+v", c.Calibration)
	}
	path := Path(filepath.Join(t.TempDir(), "link.ckpt"))
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := Open(path, table)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Seen, c.Seen) || *back.Calibration != *c.Calibration {
		t.Error("the companion is not what was saved")
	}
	then := back.Then(table)
	for _, x := range slices.Concat(g.Train, g.Valid, g.Test) {
		if !then.Has(x) || !then.Has(dataset.Triple{H: x.T, R: x.R + 2, T: x.H}) {
			t.Fatalf("%v was stated", x)
		}
	}
	if then.Has(dataset.Triple{H: 0, R: 0, T: 5}) {
		t.Error("something that was never stated was")
	}
	other, _ := ring(t, 81)
	if _, err := Open(path, other); err == nil || !strings.Contains(err.Error(), "another graph") {
		t.Errorf("companion of another graph: %v", err)
	}
	if none, err := Open(path+".none", table); none != nil || err != nil {
		t.Errorf("no companion: %v %v", none, err)
	}
	for want, body := range map[string]string{
		"version 9":    `{"version":9}`,
		"invalid char": `{"version":1,`,
		"break off":    `{"version":1,"hash":"` + table.Hash + `","seen":"AAA="}`,
		"larger graph": `{"version":1,"hash":"` + table.Hash + `","seen":"AAB/"}`,
		"unexpected":   ``,
	} {
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, table); err == nil || !strings.Contains(err.Error(), want) && want != "invalid char" {
			t.Errorf("%q: error %v, want one with %q", body, err, want)
		}
	}
}

// With verified negatives those are used; without enough held-out statements
// there is no calibration, rather than a wrong one.
func TestWhatCalibrationRestsOn(t *testing.T) {
	table, g := ring(t, 80)
	for _, x := range g.Valid {
		g.ValidNegatives = append(g.ValidNegatives, dataset.Triple{H: x.H, R: x.R, T: (x.T + 11) % 80})
	}
	for _, x := range g.Test {
		g.TestNegatives = append(g.TestNegatives, dataset.Triple{H: x.H, R: x.R, T: (x.T + 17) % 80})
	}
	o := Options{PerType: 10}
	o.Adapt.Steps, o.Adapt.Batch = 2, 4
	c, err := Train(t.Context(), table, g, o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Calibration.Against, "verified") || c.HeldN != 2*(len(g.Test)+len(g.TestNegatives)) || c.Held > 0.1 {
		t.Errorf("%+v: %v of %d", c.Calibration, c.Held, c.HeldN)
	}
	g.Valid, g.ValidNegatives = nil, nil
	if c, err = Train(t.Context(), table, g, o); err != nil || c.Calibration != nil {
		t.Errorf("without held-out statements: %+v %v", c.Calibration, err)
	}
}

func FuzzParse(f *testing.F) {
	table, _ := ring(f, 8)
	f.Add([]byte(`{"version":1,"hash":"` + table.Hash + `","seen":"AAAB"}`))
	f.Add([]byte(`{"version":1,"hash":"` + table.Hash + `","adapter":{"w":[[1,2],[3,4]],"bias":[0,1e308]}}`))
	f.Add([]byte(`{"version":1,"adapter":{"w":[[1]]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := Parse(body, table)
		if err != nil {
			return
		}
		c.Then(table).Tails(1, 2)
		if c.Adapter != nil {
			if slope, _ := c.Adapter.Affine(0); !(slope > 0) {
				t.Errorf("slope %v", slope)
			}
		}
	})
}
