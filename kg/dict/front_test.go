package dict

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func randomBlock(r *rand.Rand, n int) [][]byte {
	set := map[string]bool{}
	for len(set) < n {
		k := fmt.Sprintf("http://example.org/%d/%d", r.IntN(5), r.IntN(100))
		if r.IntN(3) == 0 {
			k = k[:r.IntN(len(k))]
		}
		if r.IntN(10) == 0 {
			k += string(make([]byte, r.IntN(300)))
		}
		set[k] = true
	}
	keys := make([][]byte, 0, n)
	for k := range set {
		keys = append(keys, []byte(k))
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

func TestBlockOfKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		keys := randomBlock(r, 1+r.IntN(BlockKeys))
		b := Block(AppendBlock(nil, keys))
		if b.Len() != len(keys) {
			t.Fatal(b.Len())
		}
		for i, k := range keys {
			if got, err := b.Key(i, nil); err != nil || !bytes.Equal(got, k) {
				t.Fatalf("key %d = %q, %v, want %q", i, got, err, k)
			}
			if at, ok, err := b.Find(k); at != i || !ok || err != nil {
				t.Fatalf("find %q = %d, %t, %v", k, at, ok, err)
			}
			miss := append(bytes.Clone(k), 0)
			_, there := slices.BinarySearchFunc(keys, miss, bytes.Compare)
			if _, ok, err := b.Find(miss); ok != there || err != nil {
				t.Fatalf("find %q: %t, %v", miss, ok, err)
			}
		}
		n := 0
		if err := b.Walk(func(i int, k []byte) error {
			if i != n || !bytes.Equal(k, keys[i]) {
				t.Fatalf("walk %d: %q", i, k)
			}
			n++
			return nil
		}); err != nil || n != len(keys) {
			t.Fatal(n, err)
		}
	}
}

func FuzzBlock(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 16, 17, 64} {
		f.Add(AppendBlock(nil, randomBlock(r, n)))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		b := Block(p)
		var keys [][]byte
		err := b.Walk(func(_ int, k []byte) error {
			keys = append(keys, bytes.Clone(k))
			if len(keys) > 100 {
				return errors.New("long enough")
			}
			return nil
		})
		if err == nil && len(keys) != b.Len() {
			t.Fatalf("%d of %d keys walked", len(keys), b.Len())
		}
		for i, k := range keys {
			if got, err := b.Key(i, nil); err == nil && !bytes.Equal(got, k) {
				t.Fatalf("key %d: %q and %q", i, got, k)
			}
			b.Find(k)
		}
		_, _ = b.Key(70, nil)
	})
}

func BenchmarkBlockKey(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	blk := Block(AppendBlock(nil, randomBlock(r, 64)))
	var buf []byte
	i := 0
	for b.Loop() {
		i = (i + 13) & 63
		buf, _ = blk.Key(i, buf)
	}
}
