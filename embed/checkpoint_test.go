package embed_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/quaestor-kg/quaestor/embed"
)

func vocabulary(n int) embed.Vocabulary {
	v := embed.Vocabulary{Relations: []string{"<http://e.org/r>", "s"}}
	for i := range n {
		v.Entities = append(v.Entities, strings.Repeat("e", i+1))
	}
	return v
}

// table returns a table of random numbers.
func table(t testing.TB, s embed.Spec, n int) *embed.Table {
	t.Helper()
	tb, err := embed.NewTable(s, vocabulary(n))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for e := range int32(n) {
		for i := range tb.Entity(e) {
			tb.Entity(e)[i] = float32(rng.NormFloat64())
		}
	}
	for r := range int32(tb.Relations()) {
		for i := range tb.Relation(r) {
			tb.Relation(r)[i] = float32(rng.NormFloat64())
		}
	}
	tb.Refresh()
	return tb
}

// allScores are the scores of one query of every relation.
func allScores(t *embed.Table) [][]float32 {
	var out [][]float32
	q := make([]float32, t.Rank())
	for r := range int32(t.Relations()) {
		t.Query(r%int32(t.Entities()), r, q)
		row := make([]float32, t.Entities())
		t.ScoreAll(q, row)
		out = append(out, row)
	}
	return out
}

func TestCheckpointRoundTrip(t *testing.T) {
	for _, s := range specs(5) {
		tb := table(t, s, 14)
		tb.Info = embed.Info{Dataset: "d", Seed: 3, Epochs: 4, MRR: 0.5, Calibration: &embed.Calibration{Score: 1, Share: 2, Bias: 3, N: 4}}
		path := filepath.Join(t.TempDir(), "sub", "x.ckpt")
		if err := embed.Save(path, tb, embed.SaveOptions{State: json.RawMessage(`{"a":1}`), Extra: map[string][]byte{"z": {1, 2}, "a": nil}}); err != nil {
			t.Fatal(err)
		}
		c, err := embed.OpenCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Table; got.Spec != s || got.Hash != tb.Hash || !slices.Equal(got.Vocabulary.Entities, tb.Vocabulary.Entities) || got.Info.MRR != 0.5 || *got.Info.Calibration != *tb.Info.Calibration {
			t.Errorf("%+v came back as %+v", tb, got)
		}
		if string(c.State) != `{"a":1}` || !bytes.Equal(c.Extra["z"], []byte{1, 2}) || len(c.Extra) != 2 {
			t.Errorf("state %s, extra %v", c.State, c.Extra)
		}
		for r, row := range allScores(tb) {
			if !slices.Equal(row, allScores(c.Table)[r]) {
				t.Errorf("%s: scores of relation %d changed", s.Model, r)
			}
		}
		if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
			t.Errorf("left behind: %v", list)
		}
	}
}

func TestQuantisedCheckpoint(t *testing.T) {
	tb := table(t, embed.Spec{Model: "complex", Dim: 32}, 50)
	var whole, small bytes.Buffer
	if err := embed.Write(&whole, tb, embed.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := embed.Write(&small, tb, embed.SaveOptions{Quantise: true, OmitNames: true}); err != nil {
		t.Fatal(err)
	}
	if small.Len() > whole.Len()/3 {
		t.Errorf("%d bytes instead of %d", small.Len(), whole.Len())
	}
	c, err := embed.Parse(small.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if c.Table.Vocabulary.Entities != nil {
		t.Error("names were not left out")
	}
	want := allScores(tb)
	for r, row := range allScores(c.Table) {
		for e := range row {
			if math.Abs(float64(row[e]-want[r][e])) > 0.3+math.Abs(float64(want[r][e]))/20 {
				t.Fatalf("score %v became %v", want[r][e], row[e])
			}
		}
	}
	if err := c.Table.Bind(vocabulary(50)); err != nil || len(c.Table.Vocabulary.Entities) != 50 {
		t.Errorf("binding: %v", err)
	}
	if err := c.Table.Bind(vocabulary(51)); err == nil || !strings.Contains(err.Error(), "50 entities") {
		t.Errorf("binding another graph: %v", err)
	}
}

func TestOpenForRefusesOtherGraphs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ckpt")
	if err := embed.Save(path, table(t, embed.Spec{Model: "transe", Dim: 2}, 4), embed.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := embed.OpenFor(path, vocabulary(4)); err != nil {
		t.Error(err)
	}
	renamed := vocabulary(4)
	renamed.Entities[2] = "other"
	relations := vocabulary(4)
	relations.Relations = relations.Relations[:1]
	for want, v := range map[string]embed.Vocabulary{"it has 4 entities, the graph 5": vocabulary(5), `"eee", of the graph's "other"`: renamed, "it has 2 relations": relations} {
		_, err := embed.OpenFor(path, v)
		var g *embed.GraphError
		if !errors.As(err, &g) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// sealed replaces the checksum of changed bytes with the right one.
func sealed(b []byte) []byte {
	body := b[:len(b)-8]
	return binary.LittleEndian.AppendUint64(slices.Clone(body), xxhash.Sum64(body))
}

func TestDamagedCheckpoints(t *testing.T) {
	var buf bytes.Buffer
	if err := embed.Write(&buf, table(t, embed.Spec{Model: "complex", Dim: 2}, 3), embed.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	good := buf.Bytes()
	if _, err := embed.Parse(sealed(good)); err != nil {
		t.Fatal(err)
	}
	change := func(f func(b []byte) []byte) []byte { return sealed(f(slices.Clone(good))) }
	replace := func(old, new string) []byte {
		return change(func(b []byte) []byte {
			if len(old) != len(new) || !bytes.Contains(b, []byte(old)) {
				t.Fatalf("%q for %q", new, old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		})
	}
	params := bytes.Index(good, []byte(`]}`)) + 2
	nan := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "does not begin"},
		{"text", []byte("head\trelation\ttail\n"), "does not begin"},
		{"short", good[:18], "ends after 18 bytes"},
		{"cut", good[:len(good)-1], "checksum"},
		{"flipped", append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1), "checksum"},
		{"newer", change(func(b []byte) []byte { b[8] = 9; return b }), "format version 9"},
		{"header", change(func(b []byte) []byte { b[14] = 255; return b }), "header would be"},
		{"not JSON", change(func(b []byte) []byte { b[16] = '?'; return b }), "not valid"},
		{"model", replace(`"complex"`, `"kompleX"`), "no model is called"},
		{"dimension", replace(`"dim":2`, `"dim":3`), `section "params" has`},
		{"no dimension", replace(`"dim":2`, `"dim":0`), "dimension 0"},
		{"entities", replace(`"entities":3`, `"entities":4`), `section`},
		{"none", replace(`"entities":3`, `"entities":0`), "0 entities"},
		{"many", replace(`"entities":3`, `"entities":9`), `section`},
		{"odd", replace(`"relations":4`, `"relations":3`), "3 directed relations"},
		{"encoding", replace(`"float32"`, `"float64"`), `encoding "float64"`},
		{"NaN", change(func(b []byte) []byte { copy(b[params:], nan); return b }), "parameter 0 of entity 0 is NaN"},
		{"names", change(func(b []byte) []byte { b[len(b)-20] ^= 0xff; return b }), "names"},
		{"twice", replace(`"relparams"`, `"params"   `), "is there twice"},
		{"longer", change(func(b []byte) []byte { return append(b[:len(b)-8], "12345678901234567890"...) }), ""},
	} {
		_, err := embed.Parse(c.b)
		if c.want == "" {
			continue // bytes after the sections are ignored
		}
		if !errors.Is(err, embed.ErrCheckpoint) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestSaveRefusesNaN(t *testing.T) {
	tb := table(t, embed.Spec{Model: "complex", Dim: 2}, 3)
	path := filepath.Join(t.TempDir(), "x.ckpt")
	if err := embed.Save(path, tb, embed.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	tb.Relation(1)[2] = float32(math.Inf(1))
	if err := embed.Save(path, tb, embed.SaveOptions{}); err == nil || !strings.Contains(err.Error(), "relation 1") {
		t.Errorf("error %v", err)
	}
	if _, err := embed.Open(path); err != nil {
		t.Errorf("the old checkpoint is gone: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, o := range []embed.SaveOptions{{}, {Quantise: true, OmitNames: true}, {State: json.RawMessage(`{}`), Extra: map[string][]byte{"x": {1}}}} {
		var b bytes.Buffer
		if err := embed.Write(&b, table(f, embed.Spec{Model: "nfe1", Dim: 2}, 3), o); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 24 {
			b = sealed(b) // or nothing but the checksum would be tried
		}
		c, err := embed.Parse(b)
		if err != nil {
			return
		}
		row := make([]float32, c.Table.Entities())
		q := make([]float32, c.Table.Rank())
		c.Table.Query(0, int32(c.Table.Relations()-1), q)
		c.Table.ScoreAll(q, row)
	})
}
