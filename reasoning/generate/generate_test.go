package generate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/automaton"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/decoder"
	"github.com/quaestor-kg/quaestor/reasoning/grammar"
)

var embedded = sync.OnceValues(func() (*decode.Model, error) {
	b, err := decoder.Bytes()
	if err != nil {
		return nil, err
	}
	return decode.FromBytes("embedded", b, decode.Options{SingleKV: true})
})

func model(t testing.TB) *decode.Model {
	m, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func scheduler(t testing.TB, m *decode.Model, o Options) *Scheduler {
	s := New(m, o)
	t.Cleanup(s.Close)
	return s
}

// write collects a text.
func write(ctx context.Context, s *Scheduler, r Request) (text string, tokens []Chosen, res Result, err error) {
	res, err = s.Generate(ctx, r, func(p Piece) bool {
		text += p.Text
		tokens = append(tokens, p.Tokens...)
		return true
	})
	return text, tokens, res, err
}

// plain is the slow twin: one token after the other.
func plain(t testing.TB, m *decode.Model, prompt []int32, n int) []int32 {
	b := m.Start()
	defer b.Release()
	if err := m.Prefill(context.Background(), b, prompt); err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for len(ids) < n {
		id := decode.Greedy(b.Logits())
		ids = append(ids, id)
		if err := m.Step([]*decode.Branch{b}, []int32{id}); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

func idsOf(tokens []Chosen) (ids []int32) {
	for _, c := range tokens {
		ids = append(ids, c.ID)
	}
	return ids
}

func somePrompt(m *decode.Model, seed uint64, n int) []int32 {
	r := rand.New(rand.NewPCG(seed, 1))
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(20 + r.IntN(m.Config.Vocab-20))
	}
	return ids
}

// Many texts at once, with prompts of all lengths, guessing or not, are what
// each is alone.
func TestTextsTogetherAreTextsAlone(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{Texts: 5, Budget: 40})
	var wg sync.WaitGroup
	for i := range 14 {
		prompt := somePrompt(m, uint64(i), 1+i*i)
		if i%3 == 0 { // a text that repeats itself, so that guesses are right
			prompt = append(prompt, slices.Concat(prompt, prompt, prompt)...)[:min(4*len(prompt), 100)]
		}
		want := plain(t, m, prompt, 25)
		wg.Go(func() {
			r := Request{Prompt: prompt, Max: 25, IgnoreEnds: true}
			if i%2 == 0 {
				r.Guess = 6
			}
			_, tokens, res, err := write(context.Background(), s, r)
			if err != nil {
				t.Error(err)
			}
			if got := idsOf(tokens); !slices.Equal(got, want) {
				t.Errorf("text %d: %v, alone %v", i, got, want)
			}
			if res.Finish != Length || res.Tokens != 25 || res.PromptTokens != len(prompt) {
				t.Errorf("text %d: %+v", i, res)
			}
		})
	}
	wg.Wait()
	if n := m.CacheBytes(); n != 0 {
		t.Errorf("%d bytes of cache are left", n)
	}
}

// Guessing changes no text, also when tokens are drawn, and saves passes where
// a text repeats itself.
func TestGuessingChangesNothing(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{})
	prompt := somePrompt(m, 3, 12)
	prompt = slices.Concat(prompt, prompt, prompt)
	for _, temperature := range []float64{0, 0.3, 1.5} {
		r := Request{Prompt: prompt, Max: 60, IgnoreEnds: true, Temperature: temperature, TopK: 40, Seed: 11}
		_, want, _, err1 := write(context.Background(), s, r)
		r.Guess = 8
		_, got, res, err2 := write(context.Background(), s, r)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if !slices.Equal(idsOf(got), idsOf(want)) {
			t.Errorf("temperature %g: %v with guesses, %v without", temperature, idsOf(got), idsOf(want))
		}
		if temperature == 0 && res.Right == 0 {
			t.Errorf("no guess was right: %+v", res)
		}
	}
}

func TestSeeds(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{})
	text := func(seed uint64) []int32 {
		_, tokens, _, err := write(context.Background(), s, Request{Prompt: somePrompt(m, 1, 8), Max: 20, IgnoreEnds: true, Temperature: 1, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return idsOf(tokens)
	}
	if a, b := text(5), text(5); !slices.Equal(a, b) {
		t.Errorf("one seed, two texts: %v, %v", a, b)
	}
	if slices.Equal(text(5), text(6)) {
		t.Error("two seeds, one text")
	}
}

func TestStopsAndLimits(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{})
	ctx := context.Background()
	prompt := somePrompt(m, 7, 10)
	full, tokens, _, err := write(ctx, s, Request{Prompt: prompt, Max: 30, IgnoreEnds: true})
	if err != nil {
		t.Fatal(err)
	}
	shown := slices.DeleteFunc(idsOf(tokens), m.Tokenizer.Control) // marks are no text
	if want := m.Tokenizer.Vocabulary.Decode(shown); !strings.Contains(want, "\xff") && strings.ToValidUTF8(want, "\uFFFD") != full {
		t.Errorf("pieces give %q, tokens %q", full, want)
	}
	if cut := full[len(full)/3 : len(full)/3+3]; utf8.ValidString(cut) {
		text, _, res, err := write(ctx, s, Request{Prompt: prompt, Max: 30, IgnoreEnds: true, Stop: []string{"never\x00", cut}})
		if err != nil || res.Finish != Stopped || text != full[:strings.Index(full, cut)] {
			t.Errorf("stop string %q: %q, %+v, %v", cut, text, res, err)
		}
	}
	for i, c := range tokens { // every kind of end mark
		if i > 0 && slices.Index(idsOf(tokens), c.ID) == i {
			_, got, res, err := write(ctx, s, Request{Prompt: prompt, Max: 30, Ends: []int32{0, c.ID}})
			if err != nil || res.Finish != Stopped || len(got) != i || res.Tokens != i {
				t.Errorf("end mark %d: %d tokens, %+v, %v", c.ID, len(got), res, err)
			}
			break
		}
	}
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{}, "at least one token"},
		{Request{Prompt: make([]int32, m.Config.Context+16)}, fmt.Sprintf("%d tokens are more than the model's context of %d", m.Config.Context+16, m.Config.Context)},
		{Request{Prompt: make([]int32, m.Config.Context)}, "context of"},
		{Request{Prompt: prompt, Temperature: -1}, "negative"},
		{Request{Prompt: prompt, TopP: 2}, "at most 1"},
		{Request{Prompt: prompt, Temperature: math.NaN()}, "negative"},
		{Request{Prompt: prompt, Stop: []string{""}}, "stop string"},
		{Request{Prompt: []int32{int32(m.Config.Vocab)}}, "vocabulary"},
	} {
		if _, _, _, err := write(ctx, s, c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// The cases of a prompt that fills the context (app-ml-15): 64 places.
func TestFullContext(t *testing.T) {
	b, err := decoder.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode.FromBytes("embedded", b, decode.Options{Context: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := New(m, Options{})
	defer s.Close()
	for _, c := range []struct{ prompt, max, tokens int }{{80, 5, -1}, {64, 5, -1}, {60, 20, 4}, {10, 500, 54}, {10, -1, 0}} {
		_, tokens, res, err := write(context.Background(), s, Request{Prompt: somePrompt(m, 1, c.prompt), Max: c.max, IgnoreEnds: true, Guess: 5})
		var long *decode.ContextError
		if c.tokens < 0 {
			if !errors.As(err, &long) || long.Context != 64 || long.Tokens != max(65, c.prompt) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil || len(tokens) != c.tokens || res.Finish != Length {
			t.Errorf("%+v: %d tokens, %+v, %v", c, len(tokens), res, err)
		}
	}
}

func TestLogProbabilities(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{})
	prompt := somePrompt(m, 9, 20)
	_, tokens, _, err := write(context.Background(), s, Request{Prompt: prompt, Max: 5, IgnoreEnds: true, LogProbs: 3, Temperature: 1.3, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Logits(context.Background(), append(slices.Clone(prompt), idsOf(tokens)...))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range tokens {
		row := all[(len(prompt)-1+i)*m.Config.Vocab:][:m.Config.Vocab]
		var sum float64
		for _, x := range row {
			sum += math.Exp(float64(x))
		}
		if want := float64(row[c.ID]) - math.Log(sum); math.Abs(c.LogP-want) > 1e-3 {
			t.Errorf("token %d: log-probability %g, want %g", i, c.LogP, want)
		}
		if len(c.Best) != 3 || c.Best[0].ID != decode.Greedy(row) || c.Best[0].LogP < c.Best[1].LogP || c.Best[1].LogP < c.Best[2].LogP {
			t.Errorf("token %d: best %+v", i, c.Best)
		}
	}
}

// exactly is the constraint of one text, token by token, with one free choice.
type exactly struct{ want [][]int32 }

func (e exactly) Start() int { return 1 }

func (e exactly) Step(s int, token int32) int {
	if s <= len(e.want) && slices.Contains(e.want[s-1], token) {
		return s + 1
	}
	return 0
}

func (e exactly) Allow(s int, mask []uint64) {
	if s <= len(e.want) {
		for _, id := range e.want[s-1] {
			mask[id/64] |= 1 << (id % 64)
		}
	}
}

func (e exactly) Final(s int) bool { return s > len(e.want) }

func TestGuides(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{})
	prompt := somePrompt(m, 2, 15)
	c := exactly{[][]int32{{30, 31}, {40}, {41}, {42}, {50, 51, 52}, {60}}}
	for _, temperature := range []float64{0, 2} {
		_, tokens, res, err := write(context.Background(), s, Request{Prompt: prompt, Guide: Follow(c), Temperature: temperature, Seed: 4, Guess: 3})
		if err != nil || res.Finish != Stopped || len(tokens) != 6 {
			t.Fatalf("%v, %+v, %v", tokens, res, err)
		}
		state := 1
		for i, x := range tokens {
			if state = c.Step(state, x.ID); state == 0 {
				t.Fatalf("%v leaves the language at %d", idsOf(tokens), i)
			}
			if x.Forced != (len(c.want[i]) == 1) {
				t.Errorf("token %d: forced %v", i, x.Forced)
			}
		}
		if temperature == 0 { // the better of the two that may begin
			all, err := m.Logits(context.Background(), prompt)
			if err != nil {
				t.Fatal(err)
			}
			row := all[(len(prompt)-1)*m.Config.Vocab:]
			if want := int32(30); (row[31] > row[30]) != (tokens[0].ID != want) {
				t.Errorf("began with %d, logits %g and %g", tokens[0].ID, row[30], row[31])
			}
		}
	}
	_, _, _, err := write(context.Background(), s, Request{Prompt: prompt, Guide: Follow(exactly{[][]int32{{30}, {}}})})
	if err == nil || !strings.Contains(err.Error(), "grammar after 1") {
		t.Errorf("a guide without a way on: %v", err)
	}
}

// Whatever a model would rather say, under a schema it writes what is valid.
func TestSchemas(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{})
	tokens := make([][]byte, m.Config.Vocab)
	for i := range tokens {
		if id := int32(i); !m.Tokenizer.Control(id) {
			tokens[i] = m.Tokenizer.Bytes(id)
		}
	}
	g, err := grammar.FromSchema([]byte(`{"type":"object","properties":{"name":{"type":"string","maxLength":12},"count":{"type":"integer","minimum":1,"maximum":40},"kind":{"enum":["film","person"]}},"required":["name","count","kind"]}`))
	if err != nil {
		t.Fatal(err)
	}
	c := g.Over(automaton.NewVocab(tokens, m.Tokenizer.Eos))
	for seed := range uint64(5) {
		text, all, res, err := write(context.Background(), s, Request{Prompt: somePrompt(m, seed, 9), Guide: Follow(c), Temperature: float64(seed), Seed: seed})
		var v struct {
			Name  string
			Count int
			Kind  string
		}
		if err != nil || res.Finish != Stopped || json.Unmarshal([]byte(text), &v) != nil || v.Count < 1 || v.Count > 40 || v.Kind != "film" && v.Kind != "person" {
			t.Errorf("%q, %+v, %v", text, res, err)
		}
		if !slices.ContainsFunc(all, func(c Chosen) bool { return c.Forced }) && seed == 0 {
			t.Errorf("nothing of %q was forced", text)
		}
	}
}

func TestCancelling(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{Texts: 2})
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	res, err := s.Generate(ctx, Request{Prompt: somePrompt(m, 1, 5), IgnoreEnds: true}, func(p Piece) bool {
		if seen += len(p.Tokens); seen >= 3 {
			cancel()
		}
		return true
	})
	if !errors.Is(err, context.Canceled) || res.Tokens != 0 {
		t.Errorf("cancelled: %+v, %v", res, err)
	}
	n := 0
	if _, err := s.Generate(context.Background(), Request{Prompt: somePrompt(m, 1, 5), IgnoreEnds: true}, func(p Piece) bool { n++; return n < 2 }); err != nil || n != 2 {
		t.Errorf("ended by the caller: %d pieces, %v", n, err)
	}
	// The cache of both is given back without anybody else coming.
	for deadline := time.Now().Add(20 * time.Second); m.CacheBytes() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes of cache are left", m.CacheBytes())
		}
	}
}

func TestWaitingAndClosing(t *testing.T) {
	m := model(t)
	s := New(m, Options{Texts: 1, Waiting: 2})
	started, errs := make(chan struct{}), make(chan error, 8)
	go func() {
		once := sync.OnceFunc(func() { close(started) })
		_, err := s.Generate(context.Background(), Request{Prompt: somePrompt(m, 1, 5), IgnoreEnds: true}, func(Piece) bool { once(); time.Sleep(time.Millisecond); return true })
		errs <- err
	}()
	<-started
	busy := false
	for range 6 {
		go func() {
			_, err := s.Generate(context.Background(), Request{Prompt: somePrompt(m, 1, 5), Max: 1 << 20, IgnoreEnds: true}, func(Piece) bool { return true })
			errs <- err
		}()
	}
	time.Sleep(20 * time.Millisecond)
	s.Close()
	for range 7 {
		err := <-errs
		busy = busy || errors.Is(err, ErrBusy)
		if err != nil && !errors.Is(err, ErrBusy) && !errors.Is(err, errClosed) {
			t.Error(err)
		}
	}
	if !busy {
		t.Error("nobody was turned away")
	}
	if _, err := s.Generate(context.Background(), Request{Prompt: somePrompt(m, 1, 5)}, nil); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
	if n := m.CacheBytes(); n != 0 {
		t.Errorf("%d bytes of cache are left", n)
	}
}

// Prompts share the budget: a short one does not wait for a long one.
func TestShare(t *testing.T) {
	m := model(t)
	s := &Scheduler{m: m, o: Options{Budget: 100}}
	at := func(pending int, reading bool) *job {
		return &job{t: &text{m: m, reading: reading, pending: make([]int32, pending), sure: pending}}
	}
	feeds := s.share([]*job{at(1, false), at(500, true), at(20, true), at(3, false)}, nil, 1)
	for i, want := range []int{1, 48, 20, 3} {
		if len(feeds[i].Tokens) != want {
			t.Errorf("text %d reads %d tokens, want %d", i, len(feeds[i].Tokens), want)
		}
	}
	var many []*job
	for range 120 {
		many = append(many, at(1, false))
	}
	feeds = s.share(append(many, at(9, true)), nil, 1)
	if n := len(feeds[120].Tokens); n != 1 {
		t.Errorf("a prompt beside 120 texts reads %d tokens, want 1", n)
	}
}

func TestAfterAPrompt(t *testing.T) {
	m := model(t)
	s := scheduler(t, m, Options{})
	ids := somePrompt(m, 8, 30)
	b := m.Start()
	defer b.Release()
	if err := m.Prefill(context.Background(), b, ids[:20]); err != nil {
		t.Fatal(err)
	}
	_, tokens, res, err := write(context.Background(), s, Request{After: b, Prompt: ids[20:], Max: 12, IgnoreEnds: true})
	if want := plain(t, m, ids, 12); err != nil || !slices.Equal(idsOf(tokens), want) || res.PromptTokens != 30 || b.Len() != 20 {
		t.Errorf("%v, want %v; %+v, %v; the branch has %d", idsOf(tokens), want, res, err, b.Len())
	}
}

func TestStreamHoldsBack(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 3000 {
		all := []byte("aé日🙂STOP STO\xff\xe6\x97 xST")
		var text []byte
		for range r.IntN(12) {
			from := r.IntN(len(all))
			text = append(text, all[from:from+r.IntN(len(all)-from)]...)
		}
		s := stream{stops: [][]byte{[]byte("STOP"), []byte("日🙂")}}
		got, stopped := "", false
		for rest := text; len(rest) > 0 && !stopped; {
			n := 1 + r.IntN(len(rest))
			var piece string
			piece, stopped = s.write(rest[:n])
			if !utf8.ValidString(piece) {
				t.Fatalf("%q shows %q", text, piece)
			}
			got += piece
			rest = rest[n:]
		}
		got += s.rest()
		want, ended := text, false
		for _, x := range s.stops {
			if at := strings.Index(string(want), string(x)); at >= 0 {
				want, ended = want[:at], true
			}
		}
		// A broken character may be shown as one or several U+FFFD.
		norm := func(b string) string { return strings.ReplaceAll(strings.ToValidUTF8(b, "\uFFFD"), "\uFFFD", "") }
		if ended != stopped || norm(got) != norm(string(want)) {
			t.Fatalf("%q became %q (stopped %v), want %q", text, got, stopped, want)
		}
	}
}

// The model that follows instructions, end to end.
func TestSmolLM2Answers(t *testing.T) {
	m, err := decode.Load(filepath.Join(shared.Dir(t), "models", "smollm2-135m-instruct-q4_1.gguf"), decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := New(m, Options{})
	defer s.Close()
	text, _, res, err := write(context.Background(), s, Request{Prompt: m.Tokenizer.Encode("The capital of France is"), Max: 6, Stop: []string{"."}})
	if err != nil || !strings.Contains(text, "Paris") {
		t.Errorf("%q, %+v, %v", text, res, err)
	}
}
