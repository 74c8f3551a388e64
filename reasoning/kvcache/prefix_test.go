package kvcache

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// vectors are the keys, values and queries of a token at a position: a text is
// its tokens.
func vectors(sh Shape, layer, position int, token int32) (k, v, q []float32) {
	r := rand.New(rand.NewPCG(uint64(layer)<<32|uint64(position), uint64(token)))
	return random(r, sh.Heads*sh.Dim), random(r, sh.Heads*sh.Dim), random(r, sh.QueryHeads*sh.Dim)
}

// readTokens adds tokens to a sequence as a model would and returns the last
// attention.
func readTokens(p *Paged, s Sequence, tokens []int32) (out []float32) {
	sh := p.shape
	for len(tokens) > 0 {
		n := min(len(tokens), s.(Compressed).Room())
		at := s.Len()
		s.Extend(n)
		for l := range sh.Layers {
			var k, v, q []float32
			for i, t := range tokens[:n] {
				a, b, c := vectors(sh, l, at+i, t)
				k, v, q = append(k, a...), append(v, b...), append(q, c...)
			}
			s.Put(l, k, v)
			out = make([]float32, len(q))
			p.Attend(l, []Rows{{s, n, at + 1, 1, 0}}, q, out, nil)
		}
		tokens = tokens[n:]
	}
	return out[len(out)-sh.QueryHeads*sh.Dim:]
}

func tokens(r *rand.Rand, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(r.IntN(1000))
	}
	return out
}

// D1 and D5: a text that continues a remembered beginning gets the bits of a
// text read from the start; another policy or model finds nothing.
func TestPrefixesGiveTheSameBits(t *testing.T) {
	sh := Shape{2, 2, 1, 64}
	for name, policy := range policies(t, sh) {
		r := rand.New(rand.NewPCG(1, 3))
		p := newStore(t, sh, policy, cpu.NewPool(1))
		p.KeepPrefixes(1 << 30)
		text := tokens(r, 4+64*4)
		first := p.New()
		readTokens(p, first, text)
		p.Remember(first, text, nil, true)
		first.Release()

		longer := append(slices.Clone(text), tokens(r, 100)...)
		hit, n, state := p.Lookup(longer)
		if hit == nil || n != len(text) || state != nil {
			t.Fatalf("%s: a longer text finds %d tokens", name, n)
		}
		got := readTokens(p, hit, longer[n:])
		cold := newStore(t, sh, policy, cpu.NewPool(1))
		want := readTokens(cold, cold.New(), longer)
		if !slices.Equal(got, want) {
			t.Errorf("%s: a hit gives other bits than the whole text", name)
		}
		hit.Release()

		for what, other := range map[string][]int32{
			"another first token": append([]int32{text[0] + 1}, longer[1:]...),
			"another last token":  append(append(slices.Clone(text[:len(text)-1]), text[len(text)-1]+1), 1, 2),
			"a shorter text":      text[:len(text)-1],
			"the text itself":     text, // without a state one token is left to read
		} {
			if s, n, _ := p.Lookup(other); s != nil {
				t.Errorf("%s: %s finds %d tokens", name, what, n)
			}
		}
		policy.Model = "another"
		if cold.newKeyer().sum == newStore(t, sh, policy, cpu.NewPool(1)).newKeyer().sum {
			t.Errorf("%s: another model has the same key", name)
		}
		recount(t, p, nil)
		p.KeepPrefixes(0)
		if p.Bytes() != 0 || p.PrefixBytes() != 0 {
			t.Errorf("%s: %d and %d bytes after everything was forgotten", name, p.Bytes(), p.PrefixBytes())
		}
	}
}

// A whole text with the state at its end needs no reading; a point inside a
// chunk serves that text only.
func TestPrefixState(t *testing.T) {
	sh := Shape{1, 1, 1, 32}
	p := newStore(t, sh, policies(t, sh)["g8"], cpu.NewPool(1))
	p.KeepPrefixes(1 << 30)
	r := rand.New(rand.NewPCG(1, 4))
	text := tokens(r, 100)
	s := p.New()
	readTokens(p, s, text)
	p.Remember(s, text, []float32{1, 2}, false)
	hit, n, state := p.Lookup(text)
	if n != 100 || !slices.Equal(state, []float32{1, 2}) {
		t.Fatalf("the text finds %d tokens and state %v", n, state)
	}
	// What a hit writes does not reach the remembered text.
	readTokens(p, hit, []int32{7, 8, 9})
	hit.Truncate(90)
	readTokens(p, hit, []int32{5})
	again, n, _ := p.Lookup(text)
	if n != 100 || !bytes.Equal(saved(t, p, again, text), saved(t, p, s, text)) {
		t.Error("a hit changed what is remembered")
	}
	if other, n, _ := p.Lookup(append(slices.Clone(text), 1)); other != nil {
		t.Errorf("a longer text continues inside a chunk, after %d tokens", n)
	}
	recount(t, p, []Sequence{s, hit, again})
}

// The oldest beginnings go first, and shared pages count once.
func TestPrefixesAreBounded(t *testing.T) {
	sh := Shape{1, 1, 1, 32}
	p := NewPaged(sh, false, cpu.NewPool(1))
	page := p.slabs.bytes(PageTokens)
	p.KeepPrefixes(4 * page)
	r := rand.New(rand.NewPCG(1, 5))
	var texts [][]int32
	for range 6 {
		text := tokens(r, PageTokens)
		s := p.New()
		readTokens(p, s, text)
		p.Remember(s, text, nil, true)
		p.Remember(s, text, nil, true) // twice is once
		s.Release()
		texts = append(texts, append(text, 1))
		if s, _, _ := p.Lookup(texts[0]); s != nil {
			s.Release() // the first is in use all the time
		}
		if p.PrefixBytes() > 4*page || p.Bytes() != p.PrefixBytes() {
			t.Fatalf("%d bytes of prefixes, %d in all, at most %d", p.PrefixBytes(), p.Bytes(), 4*page)
		}
	}
	for i, want := range []bool{true, false, false, true, true, true} {
		s, _, _ := p.Lookup(texts[i])
		if (s != nil) != want {
			t.Errorf("text %d is remembered: %v", i, s != nil)
		}
	}
}

func saved(t testing.TB, p *Paged, s Sequence, text []int32) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Save(&b, s, text, []float32{0.5}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A saved sequence comes back with the same bits and accounts, and goes on as
// the one that was saved.
func TestSaveAndLoad(t *testing.T) {
	sh := Shape{2, 4, 2, 64}
	for name, policy := range policies(t, sh) {
		r := rand.New(rand.NewPCG(2, 5))
		p := newStore(t, sh, policy, cpu.NewPool(1))
		s := p.New()
		text := tokens(r, 4+64*4+21)
		readTokens(p, s, text[:250])
		s.(Compressed).EndPrompt()
		readTokens(p, s, text[250:])
		b := saved(t, p, s, text)
		fresh := newStore(t, sh, policy, cpu.NewPool(1))
		l, ids, state, err := fresh.Load(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(ids, text) || !slices.Equal(state, []float32{0.5}) || !bytes.Equal(saved(t, fresh, l, ids), b) {
			t.Errorf("%s: saving what was loaded gives another file", name)
		}
		if got, want := fresh.Usage(), p.Usage(); got.Total() != want.Total() {
			t.Errorf("%s: loaded %+v, saved %+v", name, got, want)
		}
		if policy.Retrieve == nil { // which remembers the last query
			more := tokens(r, 70)
			if !slices.Equal(readTokens(p, s, more), readTokens(fresh, l, more)) {
				t.Errorf("%s: a loaded sequence goes on with other bits", name)
			}
		}
		recount(t, fresh, []Sequence{l})

		// Files of others.
		other := policy
		other.Model = "another"
		_, _, _, err = newStore(t, sh, other, cpu.NewPool(1)).Load(bytes.NewReader(b))
		if !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), "another") {
			t.Errorf("%s: the file of another model: %v", name, err)
		}
		other = policy
		other.ID = "another"
		if _, _, _, err = newStore(t, sh, other, cpu.NewPool(1)).Load(bytes.NewReader(b)); !errors.Is(err, ErrOther) {
			t.Errorf("%s: the file of another policy: %v", name, err)
		}
		if _, _, _, err = NewPaged(Shape{1, 1, 1, 8}, false, cpu.NewPool(1)).Load(bytes.NewReader(b)); !errors.Is(err, ErrOther) {
			t.Errorf("%s: the file of another shape: %v", name, err)
		}
		// Damage anywhere is found.
		for range 40 {
			bad := slices.Clone(b)
			i := r.IntN(len(bad))
			bad[i] ^= 1 << r.IntN(8)
			if _, _, _, err := fresh.Load(bytes.NewReader(bad)); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrOther) {
				t.Errorf("%s: byte %d changed: %v", name, i, err)
			}
			if _, _, _, err := fresh.Load(bytes.NewReader(b[:i])); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: cut at byte %d: %v", name, i, err)
			}
		}
		recount(t, fresh, []Sequence{l})
	}
}

func FuzzLoad(f *testing.F) {
	sh := Shape{1, 2, 1, 8}
	policy := policies(f, sh)["tiers"]
	p := newStore(f, sh, policy, cpu.NewPool(1))
	for _, n := range []int{0, 3, 134} {
		s := p.New()
		text := tokens(rand.New(rand.NewPCG(1, 1)), n)
		if n > 0 {
			readTokens(p, s, text)
		}
		s.(Compressed).EndPrompt()
		f.Add(saved(f, p, s, text))
		s.Release()
	}
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ids, _, err := p.Load(bytes.NewReader(b))
		if err != nil {
			if p.Bytes() != 0 {
				t.Fatalf("%d bytes are left after %v", p.Bytes(), err)
			}
			return
		}
		if s.Len() != len(ids) {
			t.Fatalf("%d positions of %d tokens", s.Len(), len(ids))
		}
		if s.Len() > 0 {
			q := make([]float32, 16)
			p.Attend(0, []Rows{{s, 1, s.Len(), 0, 0}}, q, make([]float32, 16), nil)
		}
		s.Release()
	})
}
