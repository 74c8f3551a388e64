package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/quaestor-kg/quaestor/kg"
)

// TestReadersAmongWriters keeps an invariant in every commit, that the numbers
// of quads with p and with q are equal, and looks for it from many readers
// while updates, loads and compactions in the background go on.
func TestReadersAmongWriters(t *testing.T) {
	o := testOptions()
	o.MaxDelta, o.BlockCacheBytes = 200, 1<<18
	s := open(t, t.TempDir(), o)
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, q := kg.NewIRI("http://x/p"), kg.NewIRI("http://x/q")
	insert := func(tx kg.Tx, i int) error {
		node, err := tx.Intern(kg.NewIRI(fmt.Sprint("http://x/n", i)))
		if err != nil {
			return err
		}
		for _, pred := range []kg.Term{p, q} {
			id, err := tx.Intern(pred)
			if err != nil {
				return err
			}
			if _, err := tx.Insert(kg.Quad{S: node, P: id, O: node, G: kg.DefaultGraph}); err != nil {
				return err
			}
		}
		return nil
	}
	var readers, writers sync.WaitGroup
	var reads atomic.Int64
	for range 3 {
		readers.Go(func() {
			var last uint64
			for ctx.Err() == nil {
				snap, err := s.Snapshot()
				if err != nil {
					t.Error(err)
					return
				}
				if snap.Version() < last {
					t.Errorf("version %d after %d", snap.Version(), last)
				}
				last = snap.Version()
				var n [2]int
				for i, pred := range []kg.Term{p, q} {
					id, ok, err := snap.Lookup(pred)
					if err != nil {
						t.Error(err)
					}
					if !ok {
						continue
					}
					c := snap.Scan(context.Background(), kg.Pattern{P: id}, kg.POS)
					for c.Next() {
						n[i]++
					}
					if c.Err() != nil {
						t.Error(c.Err())
					}
					c.Close()
				}
				if n[0] != n[1] || int64(n[0]+n[1]) != snap.Size() {
					t.Errorf("version %d: %d and %d quads of %d", snap.Version(), n[0], n[1], snap.Size())
					cancel()
				}
				snap.Close()
				reads.Add(1)
			}
		})
	}
	for w := range 2 {
		writers.Go(func() {
			for i := range 60 {
				if ctx.Err() != nil {
					return
				}
				err := s.Update(ctx, func(tx kg.Tx) error {
					for j := range 10 {
						if err := insert(tx, 1_000_000*w+10*i+j); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Go(func() {
		for i := range 3 {
			_, err := s.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
				for j := range 3000 {
					node := kg.NewIRI(fmt.Sprint("http://x/n", 5_000_000+5000*i+j))
					if !yield(kg.TermQuad{S: node, P: p, O: node}, nil) || !yield(kg.TermQuad{S: node, P: q, O: node}, nil) {
						return
					}
				}
			})
			if err != nil {
				t.Error(err)
			}
			if err := s.Compact(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	cancel()
	readers.Wait()
	if reads.Load() == 0 {
		t.Error("nobody read anything")
	}
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(2*2*600 + 3*6000); snap.Size() != want {
		t.Errorf("%d quads, want %d", snap.Size(), want)
	}
	snap.Close()
	if err := s.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLeftBehind compares badger's keys with what the root names,
// after loads, updates, a failed load and compactions.
func TestNothingIsLeftBehind(t *testing.T) {
	s := open(t, t.TempDir(), testOptions())
	defer s.Close()
	ctx := t.Context()
	for n := range 3 {
		if _, err := s.Load(ctx, shop(6000+3000*n)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
			for q := range shop(8000) {
				q.S.Value += "x"
				if !yield(q, nil) {
					return
				}
			}
			yield(kg.TermQuad{}, fmt.Errorf("broken"))
		}); err == nil {
			t.Fatal("a broken load succeeded")
		}
		list := crashQuads(n)
		if _, err := s.Load(ctx, func(yield func(kg.TermQuad, error) bool) { yield(list[0], nil) }); err != nil {
			t.Fatal(err)
		}
		if err := s.Compact(ctx); err != nil {
			t.Fatal(err)
		}
	}
	keys := map[byte]int{}
	if err := s.eachKey(nil, func(k []byte) bool { keys[k[0]]++; return true }); err != nil {
		t.Fatal(err)
	}
	blocks, words := 0, 0
	for _, d := range s.cur.base.dirs {
		if d != nil {
			blocks += len(d.Refs)
		}
	}
	for _, r := range s.cur.runs {
		for _, tag := range r.tags {
			if tag != nil {
				words += len(tag.blocks)
			}
		}
	}
	if keys[kindBlock] != blocks || keys[kindDict] != words || keys[kindLog] != 0 {
		t.Errorf("keys by kind: %v; %d blocks, %d dictionary blocks are named", keys, blocks, words)
	}
}

func FuzzDecodeChange(f *testing.F) {
	c := &change{terms: []newTerm{{kg.TagIRI, "http://x"}}, added: []kg.Quad{{S: 1, P: 2, O: 3, G: 4}}, removed: []kg.Quad{{S: 5}}}
	f.Add(c.encode())
	f.Add((&change{}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeChange(b)
		if err != nil {
			return
		}
		again, err := decodeChange(c.encode())
		if err != nil || len(again.added) != len(c.added) || len(again.terms) != len(c.terms) || len(again.removed) != len(c.removed) {
			t.Fatalf("%v, %v", again, err)
		}
	})
}

func FuzzDecodeRoot(f *testing.F) {
	b, err := (&root{Format: formatVersion, Seq: 3}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[8:])
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = decodeRoot(append(binary.BigEndian.AppendUint64(nil, xxhash.Sum64(body)), body...))
	})
}

func FuzzParseHeads(f *testing.F) {
	f.Add([]byte("\x01a\x05\x00\x00\x00\x00\x00\x00\x00\x00"), 1, true)
	f.Add([]byte("\x01a\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 1, false)
	f.Fuzz(func(t *testing.T, b []byte, count int, sorted bool) {
		_, _ = parseHeads(tagRef{Count: count, Sorted: sorted}, b)
	})
}
