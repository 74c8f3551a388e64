package index

import (
	"context"
	"iter"
	"math"

	"github.com/quaestor-kg/quaestor/kg"
)

// View is a consistent set of quads: directories in all orders and the delta
// on top. It is immutable and safe for concurrent use.
type View struct {
	Source Source
	// Dirs are the directories. As long as all stored quads are in one graph,
	// Dirs[kg.GSPO] is nil and Graph names it: GSPO is then SPO, at no cost.
	Dirs  [kg.Orders]*Directory
	Graph kg.ID
	Delta *Delta // frozen
}

// Size returns the number of quads.
func (v *View) Size() int64 {
	a, d := v.Delta.Len()
	return v.Dirs[kg.SPO].Quads() + int64(a) - int64(d)
}

// Prefix returns the bound columns at the beginning of an order, and how many
// there are; the others are zero.
func Prefix(p kg.Pattern, o kg.Order) (k Key, n int) {
	full := o.Key(kg.Quad(p))
	for n < 4 && full[n] != kg.Any {
		k[n] = full[n]
		n++
	}
	return k, n
}

// after returns the first key behind all keys with the prefix; ok is false if
// there is none.
func after(k Key, n int) (Key, bool) {
	for i := n - 1; i >= 0; i-- {
		if k[i] != math.MaxUint64 {
			k[i]++
			clear(k[i+1:])
			return k, true
		}
	}
	return k, false
}

// Count returns the exact number of quads that begin with the first n columns
// of k in order o.
func (v *View) Count(o kg.Order, k Key, n int) (int64, error) {
	if n == 0 {
		return v.Size(), nil
	}
	total, err := v.countStored(o, k, n)
	if err != nil {
		return 0, err
	}
	a, d := v.countDelta(o, k, n)
	return total + int64(a) - int64(d), nil
}

func (v *View) countDelta(o kg.Order, k Key, n int) (adds, dels int) {
	t := &v.Delta.trees[o]
	if t.root == nil {
		return 0, 0
	}
	a0, d0 := t.rank(&k)
	a1, d1 := t.root.adds, t.root.dels
	if hi, ok := after(k, n); ok {
		a1, d1 = t.rank(&hi)
	}
	return a1 - a0, d1 - d0
}

func (v *View) countStored(o kg.Order, k Key, n int) (int64, error) {
	d := v.Dirs[o]
	if d == nil { // GSPO of one graph
		if k[0] != v.Graph {
			return 0, nil
		}
		d = v.Dirs[kg.SPO]
		k, n = Key{k[1], k[2], k[3]}, n-1
		if n == 0 {
			return d.Quads(), nil
		}
	}
	lo, err := d.rank(v.Source, &k)
	if err != nil {
		return 0, err
	}
	end := d.Quads()
	if hi, ok := after(k, n); ok {
		if end, err = d.rank(v.Source, &hi); err != nil {
			return 0, err
		}
	}
	return end - lo, nil
}

// Estimate is exact if some order has the bound positions as its prefix, else
// an upper bound.
func (v *View) Estimate(p kg.Pattern) (float64, error) {
	best := v.Size()
	orders := [2]kg.Order{kg.BestOrder(p), kg.GSPO}
	use := orders[:1]
	if p.G != kg.Any {
		use = orders[:]
	}
	for _, o := range use {
		k, n := Prefix(p, o)
		c, err := v.Count(o, k, n)
		if err != nil {
			return 0, err
		}
		best = min(best, c)
	}
	return float64(best), nil
}

// Has reports whether a quad is present.
func (v *View) Has(q kg.Quad) (bool, error) {
	if added, deleted := v.Delta.Get(q); added || deleted {
		return added, nil
	}
	return v.Stored(q)
}

// Stored reports whether a quad is in the directories, whatever the delta says.
func (v *View) Stored(q kg.Quad) (bool, error) {
	d, k := v.Dirs[kg.SPO], kg.SPO.Key(q)
	if len(d.Firsts) == 0 || Compare(&k, &d.Firsts[0]) < 0 {
		return false, nil
	}
	b, err := v.Source.Block(kg.SPO, d.Refs[d.Find(&k, 0)])
	if err != nil {
		return false, err
	}
	i := b.Lower(k, 0)
	return i < b.Len() && b.Key(i) == k, nil
}

// Distinct enumerates the values of an order's first column with their counts:
// after each value it seeks the next. An error ends it; ctx.Err and the
// source's own reports tell.
func (v *View) Distinct(ctx context.Context, o kg.Order) iter.Seq2[kg.ID, int64] {
	return func(yield func(kg.ID, int64) bool) {
		c := v.Scan(ctx, kg.Pattern{}, o)
		defer c.Close()
		for more := c.Next(); more; {
			id := o.Key(c.Quad())[0]
			k := Key{id}
			n, err := v.Count(o, k, 1)
			if err != nil || !yield(id, n) {
				return
			}
			hi, ok := after(k, 1)
			if !ok {
				return
			}
			more = c.Seek(o.Quad(hi))
		}
	}
}
