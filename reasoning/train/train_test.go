package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/train/corpus"
	"github.com/quaestor-kg/quaestor/reasoning/train/model"
)

// writeRows makes a small task that can be learned: the relation is a word of
// the question, the direction depends on another word.
func writeRows(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.jsonl.gz")
	w, err := corpus.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	rels := strings.Fields("author mayor river spouse genre owner capital label")
	r := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		rel := rels[r.IntN(len(rels))]
		row := corpus.Row{Prompt: fmt.Sprintf("what is the %s of [1] number %d =", rel, i), Gold: "[1] > " + rel, Source: "test", Shape: "1-hop"}
		sign := ">"
		if r.IntN(2) == 0 {
			row.Prompt, row.Gold, sign = fmt.Sprintf("whose %s is [1] number %d =", rel, i), "[1] < "+rel, "<"
		}
		for _, o := range rels {
			if o != rel {
				row.Wrong = append(row.Wrong, "[1] "+sign+" "+o)
			}
		}
		row.Wrong = append(row.Wrong, row.Gold+" count", map[string]string{">": "[1] < ", "<": "[1] > "}[sign]+rel)
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func tiny(t testing.TB, data string) Config {
	return Config{
		Data: []string{data}, Dir: t.TempDir(), Pieces: 320, Batch: 8, MaxSteps: 60, Every: 20, HeldRows: 40,
		Model: model.Config{Dim: 32, Layers: 2, Heads: 2, FFN: 64, Context: 64},
	}
}

func TestDecoderLearns(t *testing.T) {
	c := tiny(t, writeRows(t, 1500))
	c.MaxSteps = 250
	var first, last Progress
	res, err := Decoder(context.Background(), c, func(p Progress) {
		if first.Step == 0 {
			first = p
		}
		last = p
	})
	if err != nil {
		t.Fatal(err)
	}
	if last.Step != 250 || last.Steps != 250 || last.Loss > first.Loss/3 {
		t.Errorf("loss %.3f at first, %.3f after step %d of %d", first.Loss, last.Loss, last.Step, last.Steps)
	}
	if res.Chosen < 0.9 {
		t.Errorf("%.0f %% of the held rows are answered right", 100*res.Chosen)
	}
	if res.Steps != 250 || res.Seconds <= 0 || res.Params == 0 {
		t.Errorf("%+v", res)
	}
}

// TestResumeIsBitIdentical stops a run in the middle, once at a checkpoint and
// once between two, and compares everything with a run that was not stopped.
func TestResumeIsBitIdentical(t *testing.T) {
	data := writeRows(t, 300)
	whole := tiny(t, data)
	if _, err := Decoder(context.Background(), whole, nil); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(whole.Dir, "decoder.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, stop := range []int{20, 30} {
		c := tiny(t, data)
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Decoder(ctx, c, func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), fmt.Sprintf("step %d of 60", stop)) {
			t.Fatalf("stopped run: %v", err)
		}
		c.Resume = true
		steps := 0
		if _, err := Decoder(context.Background(), c, func(p Progress) { steps++ }); err != nil {
			t.Fatal(err)
		}
		if steps != (60-stop)/10 {
			t.Errorf("the resumed run reported %d times", steps)
		}
		got, err := os.ReadFile(filepath.Join(c.Dir, "decoder.gguf"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("stopped at step %d: another model than without a stop", stop)
		}
	}
}

func TestResumeRefusesWhatDoesNotBelong(t *testing.T) {
	data := writeRows(t, 200)
	c := tiny(t, data)
	c.MaxSteps = 20
	if _, err := Decoder(context.Background(), c, nil); err != nil {
		t.Fatal(err)
	}
	c.Resume = true
	path := filepath.Join(c.Dir, "checkpoint.bin")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := c
	other.Optim.LR = 0.5
	if _, err := Decoder(context.Background(), other, nil); err == nil || !strings.Contains(err.Error(), "other settings") {
		t.Errorf("other settings: %v", err)
	}
	for name, bad := range map[string][]byte{
		"cut": good[:len(good)/2], "flipped": append(append([]byte(nil), good[:200]...), append([]byte{good[200] ^ 1}, good[201:]...)...), "empty": nil, "other": []byte("not a checkpoint at all"),
	} {
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Decoder(context.Background(), c, nil); err == nil || !strings.Contains(err.Error(), "checkpoint.bin") {
			t.Errorf("%s file: %v", name, err)
		}
	}
}

// TestExportIsReadByTheEngine compares the trained weights with the file that
// was written of them and with the engine that runs it.
func TestExportIsReadByTheEngine(t *testing.T) {
	c := tiny(t, writeRows(t, 300))
	res, err := Decoder(context.Background(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := Snapshot(c)
	if err != nil {
		t.Fatal(err)
	}
	if snap.Loss != res.Loss || snap.Steps != res.Steps {
		t.Errorf("snapshot %+v of the run %+v", snap, res)
	}
	w, tok, err := Open(res.Model)
	if err != nil {
		t.Fatal(err)
	}
	prompt := tok.Encode("what is the mayor of [1] number 5 =")
	var conts [][]int32
	for _, s := range []string{"[1] > mayor", "[1] < mayor", "[1] > river", "[1] > mayor count"} {
		conts = append(conts, append(tok.Encode(" "+s), tok.Eos))
	}
	want, err := model.NewPass(w).Scores(prompt, conts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode.Load(res.Model, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	nodes, ends := decode.Trie(conts)
	got, err := m.Tree(context.Background(), prompt, nodes, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range ends {
		if math.Abs(got.SumP[e]-want[i].LogP) > 1e-2 || math.Abs(got.SumQ[e]-want[i].LogQ) > 1e-2 {
			t.Errorf("candidate %d: log p %.4f, log q %.4f; training has %.4f, %.4f", i, got.SumP[e], got.SumQ[e], want[i].LogP, want[i].LogQ)
		}
	}
	// Going on from it keeps the tokenizer and begins no worse than it ended.
	c.Start, c.Dir, c.MaxSteps = res.Model, t.TempDir(), 20
	more, err := Decoder(context.Background(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if more.Loss > 1.5*res.Loss+0.05 {
		t.Errorf("loss %.3f after going on from %.3f", more.Loss, res.Loss)
	}
}

func TestRowsPack(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 500 {
		prompt := make([]int32, 1+r.IntN(5))
		var cands [][]int32
		for range 1 + r.IntN(6) {
			c := make([]int32, 1+r.IntN(6))
			for i := range c {
				c[i] = int32(r.IntN(4))
			}
			cands = append(cands, c)
		}
		tree, err := model.NewTree(prompt, cands, r.IntN(len(cands)))
		if err != nil {
			t.Fatal(err)
		}
		p := pack(tree, len(prompt))
		if got := p.tree(); !reflect.DeepEqual(got.Tokens, tree.Tokens) || !reflect.DeepEqual(got.Parent, tree.Parent) || len(got.Targets) != len(tree.Targets) {
			t.Fatalf("%+v became %+v", tree, got)
		} else {
			for i, g := range got.Targets {
				w := tree.Targets[i]
				if g.Node != w.Node || g.Token != w.Token || fmt.Sprint(g.Among) != fmt.Sprint(w.Among) {
					t.Fatalf("target %d: %+v became %+v", i, w, g)
				}
			}
		}
	}
}

func TestHeldShare(t *testing.T) {
	n := 0
	for i := range 20000 {
		if fraction(fmt.Sprintf("question %d =", i)) < 0.05 {
			n++
		}
	}
	if n < 850 || n > 1150 {
		t.Errorf("%d of 20000 prompts fall into a share of 5 %%", n)
	}
}

func TestDecoderNeedsRows(t *testing.T) {
	if _, err := Decoder(context.Background(), Config{Dir: t.TempDir()}, nil); err == nil {
		t.Error("no files: no error")
	}
	if _, err := Decoder(context.Background(), Config{Dir: t.TempDir(), Data: []string{"absent.gz"}}, nil); err == nil || !strings.Contains(err.Error(), "absent.gz") {
		t.Errorf("absent file: %v", err)
	}
	if _, err := Snapshot(tiny(t, writeRows(t, 50))); err == nil || !strings.Contains(err.Error(), "no checkpoint") {
		t.Errorf("snapshot of nothing: %v", err)
	}
}
