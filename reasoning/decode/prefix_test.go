package decode

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
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

// A saved branch goes on where it was; another model refuses the file.
func TestSaveBranch(t *testing.T) {
	open := func(path string) *Model {
		m, err := Load(path, Options{Threads: 1, NoTokens: true, Context: 1024})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	m := open(filepath.Join(shared.Dir(t), "models", "tiny-llama-random"))
	ids := make([]int32, 100)
	for i := range ids {
		ids[i] = int32(3 + i)
	}
	b := m.Start()
	if err := m.Prefill(context.Background(), b, ids); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := m.SaveBranch(&file, b, ids); err != nil {
		t.Fatal(err)
	}
	l, got, err := m.LoadBranch(bytes.NewReader(file.Bytes()))
	if err != nil || !slices.Equal(got, ids) || !slices.Equal(l.Logits(), b.Logits()) {
		t.Fatalf("loaded %d tokens, %v", len(got), err)
	}
	if err := m.Step([]*Branch{b, l}, []int32{5, 5}); err != nil || !slices.Equal(l.Logits(), b.Logits()) {
		t.Errorf("the loaded branch goes on otherwise: %v", err)
	}
	other := open("testdata/families/llama-linear")
	if _, _, err := other.LoadBranch(bytes.NewReader(file.Bytes())); !errors.Is(err, kvcache.ErrOther) {
		t.Errorf("another model loads it: %v", err)
	}
}
