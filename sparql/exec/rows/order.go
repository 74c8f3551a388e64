package rows

import (
	"container/heap"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/expr"
)

// SortKey is one condition of ORDER BY: a column or an expression.
type SortKey struct {
	Col  int // column of a plain variable, or -1
	Eval expr.Eval
	Desc bool
}

// orderOp sorts its input, or finds its first rows.
type orderOp struct {
	run.Base
	in    run.Op
	keys  []SortKey
	top   int64 // 0: all rows are wanted
	ctx   *expr.Ctx
	fetch *Prefetch

	cols [][]kg.ID // rows, then key ids that are no column
	mult []int64
	n    int
	perm []int32
	at   int
	done bool
	out  run.Out
	w    []int64
}

// maxTop is the longest prefix that is kept in a heap.
const maxTop = 10_000

// Sort sorts its input; with top above 0 only so many first rows are wanted.
func Sort(env *run.Env, detail string, in run.Op, keys []SortKey, top int64, ctx *expr.Ctx, fetch *Prefetch) run.Op {
	o := &orderOp{Base: run.Over(env, "Order", detail, in), in: in, keys: keys, top: top, ctx: ctx, fetch: fetch}
	o.Base.Order = nil
	o.out = run.NewOut(len(o.Names))
	return o
}

func (o *orderOp) Close() {
	o.in.Close()
	o.Release()
}

func (o *orderOp) Next() (*run.Batch, error) {
	if !o.done {
		o.done = true
		sorter := o.sortAll
		if o.top > 0 && o.top <= maxTop {
			sorter = o.sortTop
		}
		if err := sorter(); err != nil {
			return nil, err
		}
	}
	n := min(len(o.perm)-o.at, run.BatchRows)
	if n <= 0 {
		return nil, nil
	}
	o.out.Reset()
	o.w = o.w[:0]
	for c := range o.out.Cols {
		dst := o.out.Cols[c]
		for _, r := range o.perm[o.at : o.at+n] {
			dst = append(dst, o.cols[c][r])
		}
		o.out.Cols[c] = dst
	}
	if o.mult != nil {
		for _, r := range o.perm[o.at : o.at+n] {
			o.w = append(o.w, o.mult[r])
		}
		o.out.Mult = o.w
	}
	o.out.N = n
	o.at += n
	return &o.out.Batch, nil
}

// id evaluates a key on the current row of the context.
func (o *orderOp) id(k *SortKey) kg.ID {
	if k.Col >= 0 {
		return o.ctx.Cols[k.Col][o.ctx.Row]
	}
	return o.ctx.ID(k.Eval(o.ctx))
}

func (o *orderOp) sortAll() error {
	width := len(o.Names)
	o.cols = make([][]kg.ID, width)
	keys := make([][]kg.ID, len(o.keys))
	for {
		b, err := o.in.Next()
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := o.Env.Check("Order"); err != nil {
			return err
		}
		if err := o.fetch.load(b); err != nil {
			return err
		}
		if b.Mult != nil && o.mult == nil {
			o.mult = make([]int64, o.n)
			for i := range o.mult {
				o.mult[i] = 1
			}
		}
		for c := range o.cols {
			o.cols[c] = append(o.cols[c], b.Cols[c][:b.N]...)
		}
		o.ctx.Cols = b.Cols
		for i := range b.N {
			o.ctx.Row = i
			if o.mult != nil {
				o.mult = append(o.mult, b.Times(i))
			}
			for k := range o.keys {
				keys[k] = append(keys[k], o.id(&o.keys[k]))
			}
		}
		o.n += b.N
		if o.ctx.Fail != nil {
			return o.ctx.Fail
		}
		if err := o.Hold(int64(o.n) * int64(width+len(keys)+1) * 8); err != nil {
			return err
		}
	}
	ranks := make([][]uint32, len(keys))
	for k := range keys {
		var err error
		if ranks[k], err = o.rank(keys[k]); err != nil {
			return err
		}
		keys[k] = nil
		if o.keys[k].Desc {
			for i := range ranks[k] {
				ranks[k][i] = ^ranks[k][i]
			}
		}
	}
	o.perm = make([]int32, o.n)
	for i := range o.perm {
		o.perm[i] = int32(i)
	}
	steps, stop := 0, error(nil)
	slices.SortFunc(o.perm, func(a, b int32) int {
		if steps++; steps&0xffff == 0 && stop == nil {
			stop = o.Env.Check("Order")
		}
		for _, r := range ranks {
			if x, y := r[a], r[b]; x != y {
				if x < y {
					return -1
				}
				return 1
			}
		}
		return int(a - b)
	})
	return stop
}

// rank numbers the distinct ids of a key in their order, so that rows are
// compared by numbers and every term is looked up once.
func (o *orderOp) rank(ids []kg.ID) ([]uint32, error) {
	distinct := slices.Clone(ids)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	simple := true
	for _, id := range distinct {
		t := id.Tag()
		simple = simple && t == distinct[0].Tag() && (t == kg.TagInteger || t == kg.TagDecimal || t == kg.TagDate || t == kg.TagBool)
	}
	if !simple {
		values := make([]expr.Value, len(distinct))
		if err := o.Charge(int64(len(distinct)) * 200); err != nil {
			return nil, err
		}
		chunk := make([]kg.ID, 0, 4096)
		for i, id := range distinct {
			if i%4096 == 0 {
				if err := o.Env.Check("Order"); err != nil {
					return nil, err
				}
				chunk = append(chunk[:0], distinct[i:min(i+4096, len(distinct))]...)
				if err := o.Env.Terms.Prefetch(chunk); err != nil {
					return nil, err
				}
			}
			values[i] = expr.FromID(id)
			o.ctx.Resolve(&values[i])
		}
		steps, stop := 0, error(nil)
		slices.SortFunc(values, func(a, b expr.Value) int {
			if steps++; steps&4095 == 0 && stop == nil {
				stop = o.Env.Check("Order")
			}
			if stop != nil {
				return 0
			}
			return o.ctx.Order(a, b)
		})
		if stop != nil {
			return nil, stop
		}
		at := make(map[kg.ID]uint32, len(values))
		rank := uint32(0)
		for i := range values {
			if i > 0 && o.ctx.Order(values[i-1], values[i]) != 0 {
				rank++
			}
			at[values[i].ID] = rank
		}
		out := make([]uint32, len(ids))
		for i, id := range ids {
			out[i] = at[id]
		}
		return out, o.ctx.Fail
	}
	out := make([]uint32, len(ids))
	for i, id := range ids {
		r, _ := slices.BinarySearch(distinct, id)
		out[i] = uint32(r)
	}
	return out, nil
}

// topRow is a row in the heap of the best rows; the root is the worst.
type topRow struct {
	keys []expr.Value
	row  []kg.ID
	mult int64
	seq  int64 // earlier rows win ties
}

type topHeap struct {
	rows []*topRow
	o    *orderOp
}

func (h *topHeap) Len() int           { return len(h.rows) }
func (h *topHeap) Swap(i, j int)      { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }
func (h *topHeap) Push(x any)         { h.rows = append(h.rows, x.(*topRow)) }
func (h *topHeap) Pop() any           { x := h.rows[len(h.rows)-1]; h.rows = h.rows[:len(h.rows)-1]; return x }
func (h *topHeap) Less(i, j int) bool { return h.o.compare(h.rows[i], h.rows[j]) > 0 }

func (o *orderOp) compare(a, b *topRow) int {
	for k := range o.keys {
		if c := o.ctx.Order(a.keys[k], b.keys[k]); c != 0 {
			if o.keys[k].Desc {
				return -c
			}
			return c
		}
	}
	if a.seq < b.seq {
		return -1
	}
	return 1
}

func (o *orderOp) sortTop() error {
	h := &topHeap{o: o}
	spare := &topRow{keys: make([]expr.Value, len(o.keys)), row: make([]kg.ID, len(o.Names))}
	var seq int64
	for {
		b, err := o.in.Next()
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := o.Env.Check("Order"); err != nil {
			return err
		}
		if err := o.fetch.load(b); err != nil {
			return err
		}
		o.ctx.Cols = b.Cols
		full := int64(len(h.rows)) == o.top
	rows:
		for i := range b.N {
			o.ctx.Row = i
			seq++
			spare.seq = seq
			for k := range o.keys {
				v := expr.FromID(o.id(&o.keys[k]))
				spare.keys[k] = v
				if full {
					// Most rows lose on their first key.
					c := o.ctx.Order(v, h.rows[0].keys[k])
					if o.keys[k].Desc {
						c = -c
					}
					if c > 0 {
						continue rows
					}
					if c < 0 {
						for k++; k < len(o.keys); k++ {
							spare.keys[k] = expr.FromID(o.id(&o.keys[k]))
						}
						break
					}
					if k == len(o.keys)-1 {
						continue rows // all equal: the earlier row stays
					}
				}
			}
			for c := range o.Names {
				spare.row[c] = b.Cols[c][i]
			}
			for k := range spare.keys {
				o.ctx.Resolve(&spare.keys[k])
			}
			spare.mult = b.Times(i)
			if full {
				h.rows[0], spare = spare, h.rows[0]
				heap.Fix(h, 0)
				continue
			}
			heap.Push(h, spare)
			spare = &topRow{keys: make([]expr.Value, len(o.keys)), row: make([]kg.ID, len(o.Names))}
			full = int64(len(h.rows)) == o.top
			if err := o.Charge(int64(len(o.keys)*96 + len(o.Names)*8 + 64)); err != nil {
				return err
			}
		}
		if o.ctx.Fail != nil {
			return o.ctx.Fail
		}
	}
	slices.SortFunc(h.rows, o.compare)
	o.cols = make([][]kg.ID, len(o.Names))
	for i, r := range h.rows {
		for c, id := range r.row {
			o.cols[c] = append(o.cols[c], id)
		}
		o.mult = append(o.mult, r.mult)
		o.perm = append(o.perm, int32(i))
	}
	return nil
}
