package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
)

// memSource keeps sealed blocks in a map.
type memSource struct {
	blocks map[Place][]byte
	next   uint32
	enc    Encoder
}

func (s *memSource) Block(o kg.Order, r *Ref) (*Block, error) {
	if b := r.Cached(); b != nil {
		return b, nil
	}
	b, err := Open(s.blocks[r.Place(o)], r.Place(o), r.Sum)
	if err == nil {
		r.Keep(b)
	}
	return b, err
}

func (s *memSource) emit(o kg.Order) func(keys []Key) (*Ref, error) {
	return func(keys []Key) (*Ref, error) {
		s.next++
		r := &Ref{Segment: 1, Ordinal: s.next, Count: uint32(len(keys))}
		b, sum := Seal(s.enc.AppendBlock(nil, keys), r.Place(o))
		s.blocks[r.Place(o)], r.Sum = b, sum
		return r, nil
	}
}

// model is a set of quads, and a view that ought to hold the same.
type model struct {
	t     *testing.T
	r     *rand.Rand
	src   *memSource
	set   map[kg.Quad]bool
	view  View
	delta *Delta
	multi bool // more than one graph
}

func newModel(t *testing.T, seed uint64, multi bool) *model {
	m := &model{t: t, r: rand.New(rand.NewPCG(seed, 1)), src: &memSource{blocks: map[Place][]byte{}}, set: map[kg.Quad]bool{}, delta: NewDelta(), multi: multi}
	m.view = View{Source: m.src, Graph: kg.DefaultGraph}
	for o := range m.view.Dirs {
		if multi || kg.Order(o) != kg.GSPO {
			m.view.Dirs[o] = &Directory{Order: kg.Order(o)}
		}
	}
	m.view.Delta = m.delta.Freeze()
	return m
}

func (m *model) quad() kg.Quad {
	n := []int{2, 10, 60}[m.r.IntN(3)]
	q := kg.Quad{S: randomID(m.r, n), P: kg.MakeID(kg.TagIRI, uint64(m.r.IntN(3))), O: randomID(m.r, n), G: kg.DefaultGraph}
	if m.multi && m.r.IntN(3) == 0 {
		q.G = kg.MakeID(kg.TagIRI, uint64(m.r.IntN(2)))
	}
	return q
}

// write flips the presence of n random quads, by the rules of a delta.
func (m *model) write(n int) {
	for range n {
		q := m.quad()
		stored, err := m.view.Stored(q)
		if err != nil {
			m.t.Fatal(err)
		}
		remove := m.set[q]
		if remove && m.r.IntN(3) > 0 {
			continue
		}
		if stored == remove {
			m.delta.Put(q, remove)
		}
		if added, deleted := m.delta.Get(q); stored != remove && (added || deleted) {
			m.delta.Drop(q)
		}
		if remove {
			delete(m.set, q)
		} else {
			m.set[q] = true
		}
	}
	m.view.Delta = m.delta.Freeze()
}

func (m *model) compact() {
	for o, d := range m.view.Dirs {
		if d == nil {
			continue
		}
		mg := Merger{Source: m.src, Emit: m.src.emit(kg.Order(o))}
		nd, err := mg.Merge(d, m.view.Delta.Changes(kg.Order(o)))
		if err != nil {
			m.t.Fatal(err)
		}
		for i, r := range nd.Refs {
			if r.Count < minBlock && i < len(nd.Refs)-1 && len(d.Refs) == 0 {
				m.t.Fatalf("block %d of %d holds %d quads", i, len(nd.Refs), r.Count)
			}
		}
		back, ok := ParseDirectory(nd.Order, nd.Append(nil))
		if !ok || !slices.Equal(back.Firsts, nd.Firsts) || !slices.Equal(back.Before, nd.Before) {
			m.t.Fatal("directory does not survive its bytes")
		}
		m.view.Dirs[o] = nd
	}
	m.delta = NewDelta()
	m.view.Delta = m.delta.Freeze()
}

func (m *model) pattern() kg.Pattern {
	q := m.quad()
	if len(m.set) > 0 && m.r.IntN(4) > 0 {
		for q = range m.set {
			break
		}
	}
	p := kg.Pattern(q)
	mask := m.r.IntN(16)
	if mask&1 == 0 {
		p.S = kg.Any
	}
	if mask&2 == 0 {
		p.P = kg.Any
	}
	if mask&4 == 0 {
		p.O = kg.Any
	}
	if mask&8 == 0 {
		p.G = kg.Any
	}
	return p
}

// check compares one random scan with the set.
func (m *model) check() {
	t, r := m.t, m.r
	t.Helper()
	p, o := m.pattern(), kg.Order(r.IntN(kg.Orders))
	var want []kg.Quad
	for q := range m.set {
		if p.Matches(q) {
			want = append(want, q)
		}
	}
	slices.SortFunc(want, o.Compare)
	if m.view.Size() != int64(len(m.set)) {
		t.Fatalf("size %d, want %d", m.view.Size(), len(m.set))
	}
	c := m.view.Scan(context.Background(), p, o)
	at := -1 // position of the cursor in want
	var trace []string
	for at < len(want) {
		var ok bool
		switch r.IntN(6) {
		case 0, 1:
			trace = append(trace, "next")
			at++
			ok = c.Next()
		case 2:
			n := r.IntN(20) + 1
			if r.IntN(4) == 0 {
				n = 2000
			}
			trace = append(trace, fmt.Sprint("batch ", n))
			dst := make([]kg.Quad, n)
			got := dst[:c.NextBatch(dst)]
			end := min(at+1+n, len(want))
			if !slices.Equal(got, want[at+1:end]) {
				t.Fatalf("%v %s %v: batch of %d quads from %d, got %d, want %d", p, o, trace, n, at+1, len(got), end-at-1)
			}
			if len(got) == 0 {
				at = len(want)
				break
			}
			at = end - 1
			ok = true
		default:
			q := m.quad()
			if len(want) > 0 && r.IntN(3) > 0 {
				q = want[min(max(at, 0)+r.IntN(8)*r.IntN(8)*r.IntN(8), len(want)-1)]
				k := o.Key(q)
				k[r.IntN(4)] += kg.ID(r.IntN(3)) - 1
				q = o.Quad(k)
			}
			trace = append(trace, fmt.Sprint("seek ", q))
			at = max(at, 0)
			for at < len(want) && o.Compare(want[at], q) < 0 {
				at++
			}
			ok = c.Seek(q)
		}
		if ok != (at < len(want)) {
			t.Fatalf("%v %s %v: %t at %d of %d", p, o, trace, ok, at, len(want))
		}
		if ok && c.Quad() != want[at] {
			t.Fatalf("%v %s %v: at %v, want %v", p, o, trace, c.Quad(), want[at])
		}
	}
	if c.Next() || c.Err() != nil {
		t.Fatalf("behind the end: %v", c.Err())
	}
	c.Close()
	k, n := Prefix(p, o)
	var count int64
	for q := range m.set {
		key := o.Key(q)
		if slices.Equal(key[:n], k[:n]) {
			count++
		}
	}
	if got, err := m.view.Count(o, k, n); err != nil || got != count {
		t.Fatalf("count of %v in %s is %d, want %d, %v", k[:n], o, got, count, err)
	}
	if est, err := m.view.Estimate(p); err != nil || est < float64(len(want)) {
		t.Fatalf("estimate of %v is %v, there are %d", p, est, len(want))
	}
	q := m.quad()
	if got, err := m.view.Has(q); err != nil || got != m.set[q] {
		t.Fatalf("has %v: %t, %v", q, got, err)
	}
}

func TestViewAgainstSet(t *testing.T) {
	for seed := range uint64(30) {
		m := newModel(t, seed, seed%3 != 0)
		old, oldSet := m.view, map[kg.Quad]bool{}
		for round := range 25 {
			m.write([]int{1, 5, 50, 2000}[m.r.IntN(4)])
			for range 12 {
				m.check()
			}
			if m.r.IntN(4) == 0 {
				m.compact()
				m.check()
			}
			if round%5 == 0 {
				// An older view is what it was.
				now, set := m.view, m.set
				m.view, m.set = old, oldSet
				m.check()
				old, oldSet = now, map[kg.Quad]bool{}
				for q := range set {
					oldSet[q] = true
				}
				m.view, m.set = now, set
			}
		}
		o := kg.Order(m.r.IntN(kg.Orders))
		want := map[kg.ID]int64{}
		for q := range m.set {
			want[o.Key(q)[0]]++
		}
		n := 0
		for id, count := range m.view.Distinct(context.Background(), o) {
			if n++; want[id] != count {
				t.Fatalf("distinct %s: %x has %d, want %d", o, id, count, want[id])
			}
		}
		if n != len(want) {
			t.Fatalf("distinct %s: %d values, want %d", o, n, len(want))
		}
	}
}

func TestCursorErrors(t *testing.T) {
	m := newModel(t, 1, true)
	m.write(3000)
	m.compact()
	ctx, cancel := context.WithCancel(context.Background())
	c := m.view.Scan(ctx, kg.Pattern{}, kg.SPO)
	if !c.Next() {
		t.Fatal("empty")
	}
	cancel()
	for c.Next() {
	}
	if c.Err() != context.Canceled {
		t.Errorf("cancelled: %v", c.Err())
	}
	if c.Seek(kg.Quad{}) || c.NextBatch(make([]kg.Quad, 3)) != 0 || c.Err() != context.Canceled {
		t.Error("errors are not sticky")
	}
	c = m.view.Scan(context.Background(), kg.Pattern{}, kg.SPO)
	c.Close()
	if c.Next() || c.Err() != kg.ErrClosed || c.Close() != nil {
		t.Errorf("closed: %v", c.Err())
	}
	// A lost block is an error, not an early end.
	clear(m.src.blocks)
	for _, d := range m.view.Dirs {
		for _, r := range d.Refs {
			r.Forget()
			r.Forget()
		}
	}
	c = m.view.Scan(context.Background(), kg.Pattern{}, kg.SPO)
	if c.Next() || c.Err() == nil {
		t.Error("lost blocks give an empty scan")
	}
}

func TestMergeKeepsUntouchedBlocks(t *testing.T) {
	m := newModel(t, 2, true)
	for i := range 20_000 {
		m.delta.Put(kg.Quad{S: kg.MakeID(kg.TagIRI, uint64(i)), P: 5, O: 6, G: 1}, false)
	}
	m.view.Delta = m.delta.Freeze()
	m.compact()
	before := m.view.Dirs[kg.SPO]
	m.delta.Put(kg.Quad{S: kg.MakeID(kg.TagIRI, 5000), P: 5, O: 7, G: 1}, false)
	m.view.Delta = m.delta.Freeze()
	m.compact()
	kept := 0
	for _, r := range m.view.Dirs[kg.SPO].Refs {
		if slices.Contains(before.Refs, r) {
			kept++
		}
	}
	if kept < len(before.Refs)-2 {
		t.Errorf("%d of %d blocks kept", kept, len(before.Refs))
	}
}

func FuzzParseDirectory(f *testing.F) {
	d := &Directory{Order: kg.SPO}
	d.Add(Key{1, 2, 3, 4}, &Ref{Segment: 1, Count: 5})
	d.Add(Key{2, 2, 3, 4}, &Ref{Segment: 1, Ordinal: 1, Count: 5})
	f.Add(d.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, ok := ParseDirectory(kg.SPO, b); ok && string(d.Append(nil)) != string(b) {
			t.Fatal("another directory")
		}
	})
}

func benchView(b *testing.B, changes int) *View {
	r := rand.New(rand.NewPCG(9, 9))
	src := &memSource{blocks: map[Place][]byte{}}
	v := &View{Source: src, Graph: kg.DefaultGraph}
	var quads []kg.Quad
	for s := range 100_000 {
		for p := range 5 {
			quads = append(quads, kg.Quad{S: kg.MakeID(kg.TagIRI, uint64(s)), P: kg.MakeID(kg.TagIRI, uint64(p)), O: kg.MakeID(kg.TagIRI, r.Uint64N(300_000)), G: kg.DefaultGraph})
		}
	}
	for o := range kg.GSPO {
		slices.SortFunc(quads, o.Compare)
		quads = slices.Compact(quads)
		i := 0
		m := Merger{Source: src, Emit: src.emit(o)}
		var err error
		v.Dirs[o], err = m.Merge(&Directory{Order: o}, func() (Key, bool, bool) {
			if i == len(quads) {
				return Key{}, false, false
			}
			i++
			return o.Key(quads[i-1]), false, true
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	d := NewDelta()
	for range changes {
		d.Put(quads[r.IntN(len(quads))], true)
	}
	v.Delta = d.Freeze()
	return v
}

func BenchmarkScan(b *testing.B) {
	for _, changes := range []int{0, 5000} {
		b.Run(fmt.Sprint("delta", changes), func(b *testing.B) {
			v := benchView(b, changes)
			dst := make([]kg.Quad, BlockQuads)
			n := 0
			for b.Loop() {
				c := v.Scan(context.Background(), kg.Pattern{}, kg.PSO)
				for m := c.NextBatch(dst); m > 0; m = c.NextBatch(dst) {
					n += m
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mquads/s")
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	v := benchView(b, 0)
	r := rand.New(rand.NewPCG(1, 9))
	for b.Loop() {
		c := v.Scan(context.Background(), kg.Pattern{S: kg.MakeID(kg.TagIRI, r.Uint64N(100_000)), P: kg.MakeID(kg.TagIRI, r.Uint64N(5))}, kg.SPO)
		for c.Next() {
			_ = c.Quad()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
}

func BenchmarkSeek(b *testing.B) {
	v := benchView(b, 0)
	for b.Loop() {
		c := v.Scan(context.Background(), kg.Pattern{}, kg.SPO)
		for s := uint64(0); c.Seek(kg.Quad{S: kg.MakeID(kg.TagIRI, s)}); s += 7 {
		}
	}
	b.ReportMetric(float64(b.N)*100_000/7/b.Elapsed().Seconds(), "seeks/s")
}

func BenchmarkDeltaPut(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 9))
	d := NewDelta()
	for b.Loop() {
		d.Put(kg.Quad{S: kg.ID(r.Uint64N(1e6)), P: kg.ID(r.Uint64N(10)), O: kg.ID(r.Uint64N(1e6)), G: 1}, false)
	}
}
