package idtable

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
)

// TestAgainstMap inserts random tuples and compares with a map.
func TestAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for k := range 5 {
		tab, want := New(k), map[string]int{}
		for range 20_000 {
			key := make([]kg.ID, k)
			for i := range key {
				key[i] = kg.MakeID(kg.Tag(r.IntN(4)), uint64(r.IntN(1<<(12/max(k, 1)))))
			}
			text := fmt.Sprint(key)
			if i, ok := want[text]; tab.Find(key) >= 0 != ok || ok && tab.Find(key) != i {
				t.Fatalf("k %d: %v found at %d, want %d, %v", k, key, tab.Find(key), i, ok)
			}
			if r.IntN(2) == 0 {
				continue
			}
			i, added := tab.Insert(key)
			if j, ok := want[text]; ok == added || ok && i != j {
				t.Fatalf("k %d: %v inserted at %d (new %v), want %d", k, key, i, added, j)
			}
			want[text] = i
			if got := fmt.Sprint(tab.Key(i)); got != text {
				t.Fatalf("k %d: key %d is %s, want %s", k, i, got, text)
			}
		}
		if tab.Len() != len(want) {
			t.Errorf("k %d: %d tuples, want %d", k, tab.Len(), len(want))
		}
	}
}

func BenchmarkInsert1(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	ids := make([]kg.ID, 100_000)
	for i := range ids {
		ids[i] = kg.MakeID(kg.TagIRI, uint64(r.IntN(50_000)))
	}
	for b.Loop() {
		t := New(1)
		for _, id := range ids {
			t.Insert1(id)
		}
	}
}
