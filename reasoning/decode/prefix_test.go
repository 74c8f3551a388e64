package decode

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
)

// The same text a second time, and a text that begins alike, give the bits of a
// text that is read from its start.
func TestPrefixesGiveTheSameBits(t *testing.T) {
	m, err := Load(filepath.Join(shared.Dir(t), "models", "tiny-llama-random"), Options{Threads: 1, NoTokens: true, Context: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := context.Background()
	text := make([]int32, 1500)
	for i := range text {
		text[i] = int32(i*7919%(m.Config.Vocab-3) + 3)
	}
	other := append(slices.Clone(text[:1300]), text[:150]...)
	read := func(ids []int32) []float32 {
		b := m.Start()
		defer b.Release()
		if err := m.Prefill(ctx, b, ids); err != nil {
			t.Fatal(err)
		}
		if b.Len() != len(ids) {
			t.Fatalf("%d of %d tokens read", b.Len(), len(ids))
		}
		return slices.Clone(b.Logits())
	}
	want, wantOther := read(text), read(other)
	m.KeepPrefixes(1 << 30)
	for i := range 3 {
		if !slices.Equal(read(text), want) || !slices.Equal(read(other), wantOther) {
			t.Fatalf("time %d: other bits", i)
		}
	}
	b := m.Start()
	if r := m.recall(b, text); r.known != len(text) {
		t.Errorf("the text is remembered up to token %d", r.known)
	}
	c := m.Start()
	if r := m.recall(c, append(slices.Clone(text[:1299]), 1)); r.known < 1024 {
		t.Errorf("a text alike is remembered up to token %d only", r.known)
	}
	b.Release()
	c.Release()
	m.KeepPrefixes(0)
	if m.CacheBytes() != 0 {
		t.Errorf("%d bytes are left", m.CacheBytes())
	}
}
