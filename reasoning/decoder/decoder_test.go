package decoder

import (
	"context"
	"math"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/train"
	"github.com/quaestor-kg/quaestor/reasoning/train/model"
	"github.com/quaestor-kg/quaestor/reasoning/weights"
)

// TestShippedDecoderChooses asks what its training data teach in many forms.
// A decoder that cannot do this must not be shipped.
func TestShippedDecoderChooses(t *testing.T) {
	b, err := Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode.FromBytes(Name, b, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prompt string
		texts  []string // the right one first
	}{
		{"who directed [1] =", []string{"[1] > directed by", "[1] > written by", "[1] < directed by", "[1] > directed by count", "[1] > directed by < directed by"}},
		{"how many films did [1] direct =", []string{"[1] < directed by count", "[1] < directed by", "[1] > directed by count", "[1] < written by count"}},
		{"who acted in the films directed by the director of [1] =", []string{"[1] > directed by < directed by > starred actors", "[1] > directed by < directed by", "[1] > starred actors", "[1] > starred actors < starred actors > directed by"}},
		{"what is the longest river =", []string{"{river} max length", "{river} min length", "{river}", "{city} max population"}},
	} {
		ids := m.Tokenizer.Encode(c.prompt)
		var conts [][]int32
		for _, s := range c.texts {
			conts = append(conts, append(m.Tokenizer.Encode(" "+s), m.Tokenizer.Eos))
		}
		nodes, ends := decode.Trie(conts)
		s, err := m.Tree(context.Background(), ids, nodes, true)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range ends[1:] {
			if s.SumQ[e] >= s.SumQ[ends[0]] {
				t.Errorf("%s %q scores %.2f, %q %.2f", c.prompt, c.texts[0], s.SumQ[ends[0]], c.texts[i+1], s.SumQ[e])
			}
		}
	}
}

// TestInferenceAgreesWithTraining compares the engine that answers questions
// with the one that trained the weights.
func TestInferenceAgreesWithTraining(t *testing.T) {
	b, err := Bytes()
	if err != nil {
		t.Fatal(err)
	}
	f, err := weights.FromBytes(Name, b)
	if err != nil {
		t.Fatal(err)
	}
	w, tok, err := train.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode.FromBytes(Name, b, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	prompt := tok.Encode("which films were written by the director of [1] and star [2] =")
	var conts [][]int32
	for _, s := range []string{"[1] > directed by < written by | > starred actors [2]", "[1] > directed by < written by", "[2] < starred actors", "{film} max length", "none"} {
		conts = append(conts, append(tok.Encode(" "+s), tok.Eos))
	}
	want, err := model.NewPass(w).Scores(prompt, conts)
	if err != nil {
		t.Fatal(err)
	}
	nodes, ends := decode.Trie(conts)
	got, err := m.Tree(context.Background(), prompt, nodes, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range ends {
		if math.Abs(got.SumP[e]-want[i].LogP) > 2e-2 || math.Abs(got.SumQ[e]-want[i].LogQ) > 2e-2 {
			t.Errorf("candidate %d: log p %.4f and log q %.4f, trained with %.4f and %.4f", i, got.SumP[e], got.SumQ[e], want[i].LogP, want[i].LogQ)
		}
	}
}

func TestFittedNumbersBelongToTheDecoder(t *testing.T) {
	mix, c, err := Fitted()
	if err != nil {
		t.Fatal(err)
	}
	if c.Model != Name || c.N < 400 {
		t.Errorf("calibrated for %q on %d questions", c.Model, c.N)
	}
	if mix.SumQ <= 0 || mix.PerToken <= 0 || mix.Cos <= 0 {
		t.Errorf("mix %+v", mix)
	}
	last := c.Correct.Bins[len(c.Correct.Bins)-1]
	if low := c.Correct.Bins[0]; float64(low.Right)/float64(low.N) > 0.2 || float64(last.Right)/float64(last.N) < 0.9 {
		t.Errorf("the lowest bin is right %d of %d times, the highest %d of %d", low.Right, low.N, last.Right, last.N)
	}
}
