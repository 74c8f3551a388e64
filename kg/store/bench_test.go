package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// The benchmarks read the N-Triples file of QUAESTOR_BENCH_NT if it is set
// (make one with the shop generator of the shared benchmarks), else a graph of
// 200,000 quads that they make up. Figures per CPU second count all threads.

// shop makes up products with labels, numbers, prices and links.
func shop(n int) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		r := rand.New(rand.NewPCG(1, 1))
		ex := func(kind string, i int) kg.Term { return kg.NewIRI(fmt.Sprintf("http://shop.example/%s%d", kind, i)) }
		for i := 0; n > 0; i++ {
			s := ex("Product", i)
			for j, o := range []kg.Term{
				ex("Class", r.IntN(150)),
				kg.NewLang(fmt.Sprintf("amber lemon harbor %d", i), "en"),
				kg.NewTyped(fmt.Sprintf("%d.%02d", r.IntN(9999), 1+r.IntN(9)), kg.XSD+"decimal"),
				kg.NewTyped(fmt.Sprint(r.IntN(2000)), kg.XSD+"integer"),
				ex("Product", r.IntN(i+1)),
			} {
				if n--; n < 0 || !yield(kg.TermQuad{S: s, P: ex("p", j), O: o}, nil) {
					return
				}
			}
		}
	}
}

func benchInput(b *testing.B) (load func(s *Store) (kg.LoadStats, error)) {
	if name := os.Getenv("QUAESTOR_BENCH_NT"); name != "" {
		return func(s *Store) (kg.LoadStats, error) {
			r, format, err := rdf.Open(name)
			if err != nil {
				return kg.LoadStats{}, err
			}
			defer r.Close()
			return s.LoadBatches(context.Background(), rdf.ReadBatches(context.Background(), r, rdf.ReadOptions{Format: format}))
		}
	}
	return func(s *Store) (kg.LoadStats, error) { return s.Load(context.Background(), shop(200_000)) }
}

func BenchmarkLoad(b *testing.B) {
	load := benchInput(b)
	var quads int64
	var perQuad float64
	cpu := cpuSeconds()
	for b.Loop() {
		s := open(b, filepath.Join(b.TempDir(), "s"), Options{MinFree: 1})
		st, err := load(s)
		if err != nil {
			b.Fatal(err)
		}
		quads += st.Added
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		n, err := s.DiskBytes()
		if err != nil {
			b.Fatal(err)
		}
		perQuad = float64(n) / float64(st.Added)
		b.StartTimer()
	}
	b.ReportMetric(float64(quads)/b.Elapsed().Seconds(), "quads/s")
	b.ReportMetric(float64(quads)/(cpuSeconds()-cpu), "quads/cpu-s")
	b.ReportMetric(perQuad, "B/quad")
}

func loaded(b *testing.B) (*Store, *snapshot) {
	s := open(b, filepath.Join(b.TempDir(), "s"), Options{MinFree: 1})
	if _, err := benchInput(b)(s); err != nil {
		b.Fatal(err)
	}
	snap, err := s.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		snap.Close()
		s.Close()
	})
	return s, snap.(*snapshot)
}

func BenchmarkScan(b *testing.B) {
	_, snap := loaded(b)
	dst := make([]kg.Quad, 1024)
	for _, o := range []kg.Order{kg.SPO, kg.PSO, kg.OSP} {
		b.Run(o.String(), func(b *testing.B) {
			n := 0
			cpu := cpuSeconds()
			for b.Loop() {
				c := snap.view.Scan(context.Background(), kg.Pattern{}, o)
				for m := c.NextBatch(dst); m > 0; m = c.NextBatch(dst) {
					n += m
				}
				if c.Err() != nil {
					b.Fatal(c.Err())
				}
			}
			b.ReportMetric(float64(n)/(cpuSeconds()-cpu)/1e6, "Mquads/cpu-s")
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	_, snap := loaded(b)
	c := snap.Scan(context.Background(), kg.Pattern{}, kg.SPO)
	var all []kg.Quad
	for c.Next() {
		all = append(all, c.Quad())
	}
	r := rand.New(rand.NewPCG(1, 1))
	cpu := cpuSeconds()
	n := 0
	for b.Loop() {
		q := all[r.IntN(len(all))]
		c := snap.Scan(context.Background(), kg.Pattern{S: q.S, P: q.P}, kg.SPO)
		for c.Next() {
		}
		n++
	}
	b.ReportMetric(float64(n)/(cpuSeconds()-cpu), "lookups/cpu-s")
}

func BenchmarkTerms(b *testing.B) {
	_, snap := loaded(b)
	c := snap.view.Scan(context.Background(), kg.Pattern{}, kg.OSP)
	quads := make([]kg.Quad, 1024)
	ids := make([]kg.ID, 0, 3072)
	for _, q := range quads[:c.NextBatch(quads)] {
		ids = append(ids, q.S, q.P, q.O)
	}
	dst := make([]kg.Term, len(ids))
	cpu := cpuSeconds()
	n := 0
	for b.Loop() {
		if err := snap.Terms(ids, dst); err != nil {
			b.Fatal(err)
		}
		n += len(ids)
	}
	b.ReportMetric(float64(n)/(cpuSeconds()-cpu)/1e6, "Mterms/cpu-s")
}

func BenchmarkUpdate(b *testing.B) {
	for _, d := range []Durability{Commit, None} {
		b.Run(fmt.Sprintf("durability%d", d), func(b *testing.B) {
			s := open(b, b.TempDir(), Options{MinFree: 1, Durability: d})
			defer s.Close()
			i := 0
			for b.Loop() {
				err := s.Update(context.Background(), func(tx kg.Tx) error {
					for range 5 {
						i++
						id, err := tx.Intern(kg.NewIRI(fmt.Sprint("http://example.org/", i)))
						if err != nil {
							return err
						}
						if _, err := tx.Insert(kg.Quad{S: id, P: id, O: id, G: kg.DefaultGraph}); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkKeyPerTriple is the layout not chosen: one badger key per triple and
// order. It loads, scans and seeks one order of a million triples.
func BenchmarkKeyPerTriple(b *testing.B) {
	const n = 300_000
	o := badger.DefaultOptions(b.TempDir()).WithLogger(nil).WithCompression(0).WithDetectConflicts(false).WithNumVersionsToKeep(1).WithValueLogFileSize(64 << 20)
	db, err := badger.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	r := rand.New(rand.NewPCG(1, 1))
	key := func(s, p, o uint64) []byte {
		k := binary.BigEndian.AppendUint64(make([]byte, 0, 24), s)
		k = binary.BigEndian.AppendUint64(k, p)
		return binary.BigEndian.AppendUint64(k, o)
	}
	cpu, start := cpuSeconds(), time.Now()
	wb := db.NewWriteBatch()
	for i := range uint64(n) {
		if err := wb.Set(key(i/5, i%5, r.Uint64N(n)), nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := wb.Flush(); err != nil {
		b.Fatal(err)
	}
	load := float64(n) / (cpuSeconds() - cpu)
	_ = start
	b.Run("Scan", func(b *testing.B) {
		cpu := cpuSeconds()
		keys := 0
		for b.Loop() {
			err := db.View(func(txn *badger.Txn) error {
				it := txn.NewIterator(badger.IteratorOptions{})
				defer it.Close()
				for it.Rewind(); it.Valid(); it.Next() {
					keys++
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(keys)/(cpuSeconds()-cpu)/1e6, "Mquads/cpu-s")
		b.ReportMetric(load, "load-keys/cpu-s")
	})
	b.Run("Lookup", func(b *testing.B) {
		cpu := cpuSeconds()
		n := 0
		txn := db.NewTransaction(false)
		defer txn.Discard()
		for b.Loop() {
			prefix := key(r.Uint64N(60_000), r.Uint64N(5), 0)[:16]
			it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
			for it.Rewind(); it.Valid(); it.Next() {
			}
			it.Close()
			n++
		}
		b.ReportMetric(float64(n)/(cpuSeconds()-cpu), "lookups/cpu-s")
	})
}
