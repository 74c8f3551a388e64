package generate

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Request asks for a text.
type Request struct {
	// Prompt is what the text continues, in the model's tokens.
	Prompt []int32
	// After, unless nil, is a branch that has read what stands before the
	// prompt. It does not change.
	After *decode.Branch
	Max   int // tokens to write at most; 0 = as many as the context holds, -1 = none

	Temperature float64 // 0 = always the likeliest token
	TopK        int     // see decode.Sampler
	TopP, MinP  float64
	Seed        uint64 // the same seed writes the same text

	Stop       []string // strings that end the text and are no part of it
	Ends       []int32  // tokens that end it; nil = the model's
	IgnoreEnds bool     // go on after them
	Guide      Guide    // what the text must be; nil = anything
	LogProbs   int      // report the likeliest tokens of every place, so many; -1 = only the chosen one's
	Guess      int      // tokens to guess from the text itself at a time; see lookup
}

// Piece is a part of a text as it is written. Texts of pieces are whole
// characters, so a piece may have a token and no text yet, or text only.
type Piece struct {
	Text   string
	Tokens []Chosen
}

// Chosen is a token of the text.
type Chosen struct {
	ID     int32
	LogP   float64 // under the whole vocabulary, at temperature 1; 0 unless asked for
	Best   []Ranked
	Forced bool // the guide left no choice
}

// Ranked is a token that might have been chosen.
type Ranked struct {
	ID   int32
	LogP float64
}

// Reasons why a text ended.
const (
	Stopped = "stop"   // an end mark, a stop string, or the guide's end
	Length  = "length" // Max, or the context is full
)

// Result says how a text ended.
type Result struct {
	Finish       string
	PromptTokens int
	Tokens       int // written, without an end mark
	Guessed      int // tokens guessed, and how many of them were right
	Right        int
}

// text is a request in progress.
type text struct {
	Request
	m      *decode.Model
	branch *decode.Branch
	result Result

	past    []int32 // prompt and text
	pending []int32 // tokens the branch has yet to read
	sure    int     // of them these are chosen; the others are guessed
	reading bool    // pending is (the rest of) the prompt
	ended   bool
	left    int // tokens that may still be written

	sampler decode.Sampler
	stream  stream
	look    lookup
	mask    []uint64
	logits  []float32
	piece   Piece
}

// newText checks a request and prepares its text.
func newText(m *decode.Model, r Request) (*text, error) {
	have := 0
	if r.After != nil {
		have = r.After.Len()
	}
	total := have + len(r.Prompt)
	switch {
	case total == 0:
		return nil, fmt.Errorf("a text needs a prompt of at least one token")
	case len(r.Prompt) == 0:
		return nil, fmt.Errorf("the prompt after %d tokens is empty: leave its last token to the prompt", have)
	case total == m.Config.Context && r.Max >= 0: // no room for one token
		return nil, &decode.ContextError{Tokens: total + 1, Context: m.Config.Context}
	case r.Temperature < 0 || r.TopK < 0 || r.TopP < 0 || r.MinP < 0 || r.TopP > 1 || r.MinP > 1 || math.IsNaN(r.Temperature+r.TopP+r.MinP):
		return nil, fmt.Errorf("temperature %g, top-k %d, top-p %g, min-p %g: none may be negative, and top-p and min-p are at most 1", r.Temperature, r.TopK, r.TopP, r.MinP)
	case r.Guess < 0:
		return nil, fmt.Errorf("%d guessed tokens", r.Guess)
	}
	if err := m.Check(have, r.Prompt); err != nil {
		return nil, err
	}
	t := &text{Request: r, m: m, pending: slices.Clone(r.Prompt), sure: len(r.Prompt), reading: true}
	t.result.PromptTokens = total
	if t.left = m.Config.Context - total; r.Max > 0 {
		t.left = min(t.left, r.Max)
	} else if r.Max < 0 {
		t.left = 0
	}
	if t.Ends == nil {
		t.Ends = m.Ends()
	}
	if t.IgnoreEnds {
		t.Ends = nil
	}
	for _, s := range r.Stop {
		if s == "" {
			return nil, fmt.Errorf("an empty stop string ends every text before it begins")
		}
		t.stream.stops = append(t.stream.stops, []byte(s))
	}
	if t.LogProbs > m.Config.Vocab {
		t.LogProbs = m.Config.Vocab
	}
	t.sampler = decode.Sampler{Temperature: r.Temperature, TopK: r.TopK, TopP: r.TopP, MinP: r.MinP, Rand: rand.New(rand.NewPCG(r.Seed, 0x9e3779b97f4a7c15))}
	t.look = lookup{most: r.Guess, right: 1}
	if r.Guide != nil {
		t.mask = make([]uint64, (m.Config.Vocab+63)/64)
	}
	t.past = append(t.past, r.Prompt...)
	return t, nil
}

// read takes note of what the branch has read in a pass: all of pending, or the
// first n tokens of a prompt. logits are the predictions after each token of
// pending if some of them were guessed.
func (t *text) read(n int, logits []float32) error {
	if t.reading && n < len(t.pending) {
		t.pending = t.pending[n:]
		t.sure = len(t.pending)
		return nil
	}
	guesses := t.pending[t.sure:]
	if len(guesses) == 0 {
		t.reading, t.pending = false, t.pending[:0]
		if err := t.next(t.branch.Logits()); err != nil || t.ended {
			return err
		}
		t.guess()
		return nil
	}
	// The prediction after the last sure token says whether the first guess is
	// right, and so on: a right guess is a token for which no pass is needed.
	v, right := t.m.Config.Vocab, 0
	before := t.branch.Len() - len(guesses)
	at := t.sure - 1
	guesses = slices.Clone(guesses)
	t.pending = t.pending[:0]
	for {
		if err := t.next(logits[at*v : (at+1)*v]); err != nil || t.ended {
			return err
		}
		if right == len(guesses) || len(t.pending) != 1 || t.pending[0] != guesses[right] {
			break
		}
		right, at = right+1, at+1
		t.pending = t.pending[:0]
	}
	t.result.Guessed += len(guesses)
	t.result.Right += right
	t.look.learn(len(guesses), right)
	if right < len(guesses) {
		t.branch.Truncate(before + right)
	}
	t.guess()
	return nil
}

// guess appends guessed tokens to those the branch reads next.
func (t *text) guess() {
	t.sure = len(t.pending)
	if t.Guess > 0 && !t.ended {
		t.pending = append(t.pending, t.look.guess(t.past, min(t.left, t.m.Config.Context-t.branch.Len()-t.sure))...)
	}
}

// next chooses the token that follows, and those that a guide then forces, and
// leaves them in pending.
func (t *text) next(logits []float32) error {
	if t.left <= 0 {
		t.end(Length)
		return nil
	}
	if t.Guide == nil {
		t.add(t.sampler.Pick(logits), logits, false)
		return nil
	}
	clear(t.mask)
	t.Guide.Allow(t.mask)
	t.logits = append(t.logits[:0], logits...)
	some := false
	for i := range t.logits {
		if t.mask[i/64]>>(i%64)&1 == 0 {
			t.logits[i] = float32(math.Inf(-1))
		} else {
			some = true
		}
	}
	if t.Guide.Final() {
		for _, id := range t.Ends {
			if t.mask[id/64]>>(id%64)&1 == 0 {
				t.logits[id], some = logits[id], true
			}
		}
	}
	for some {
		id := t.sampler.Pick(t.logits)
		if math.IsInf(float64(t.logits[id]), -1) {
			break // none of those that the guide offered was accepted
		}
		if t.Guide.Final() && slices.Contains(t.Ends, id) {
			t.end(Stopped)
			return nil
		}
		if t.Guide.Accept(id) {
			t.add(id, logits, false)
			t.force()
			return nil
		}
		t.logits[id] = float32(math.Inf(-1))
	}
	if !t.Guide.Final() {
		return fmt.Errorf("the model's vocabulary has no token that continues the text within its grammar after %d tokens", t.result.Tokens)
	}
	t.end(Stopped)
	return nil
}

// force adds the tokens that a guide leaves no choice about. They are read in
// one pass with the token before.
func (t *text) force() {
	for !t.ended && t.left > 0 && !t.Guide.Final() {
		clear(t.mask)
		t.Guide.Allow(t.mask)
		id, ok := only(t.mask, t.m.Config.Vocab)
		if !ok || !t.Guide.Accept(id) {
			return
		}
		t.add(id, nil, true)
	}
}

// add writes a token.
func (t *text) add(id int32, logits []float32, forced bool) {
	if slices.Contains(t.Ends, id) {
		t.end(Stopped)
		return
	}
	c := Chosen{ID: id, Forced: forced}
	if t.LogProbs != 0 && logits != nil {
		lse := float64(cpu.LogSumExp(logits))
		c.LogP = float64(logits[id]) - lse
		c.Best = best(logits, max(0, t.LogProbs), lse)
	}
	t.piece.Tokens = append(t.piece.Tokens, c)
	t.result.Tokens++
	t.left--
	t.past = append(t.past, id)
	t.pending = append(t.pending, id)
	var b []byte
	if t.m.Tokenizer != nil && !t.m.Tokenizer.Control(id) {
		b = t.m.Tokenizer.Bytes(id)
	}
	shown, stopped := t.stream.write(b)
	t.piece.Text += shown
	switch {
	case stopped:
		t.end(Stopped)
	case t.left == 0:
		t.end(Length)
	}
}

// best returns the n likeliest tokens, best first.
func best(logits []float32, n int, lse float64) []Ranked {
	out := make([]Ranked, 0, n+1)
	for id, x := range logits {
		if n == 0 || len(out) == n && float64(x)-lse <= out[n-1].LogP {
			continue
		}
		r := Ranked{int32(id), float64(x) - lse}
		at, _ := slices.BinarySearchFunc(out, r, func(a, b Ranked) int {
			return cmp.Or(cmp.Compare(b.LogP, a.LogP), -1)
		})
		if out = slices.Insert(out, at, r); len(out) > n {
			out = out[:n]
		}
	}
	return out
}

// end finishes the text.
func (t *text) end(why string) {
	t.ended, t.result.Finish = true, why
	t.piece.Text += t.stream.rest()
}

// take returns what has been written since the last call.
func (t *text) take() Piece {
	p := t.piece
	t.piece = Piece{}
	return p
}
