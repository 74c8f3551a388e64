//go:build gpu && linux && cgo

package cuda

import (
	"errors"
	"math"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
)

// plan says which rows read which pages, for one or two launches of the
// attention kernel: pages that several rows share are read once, in the first
// launch; what each row has beyond them in the second, and the results are
// merged by their log-sum-exp.
type plan struct {
	rows  int // of queries
	W     int // rows of a group
	parts [2]part
	two   bool
}

// part is the input of one launch.
type part struct {
	groups   int
	row      []int32 // [groups][W] or -1
	limit    []int32 // [groups][W]
	pages    [][]int32
	maxPages int
}

func (p *part) add(w int, pages []int32) *part {
	p.pages = append(p.pages, pages)
	p.maxPages = max(p.maxPages, len(pages))
	for range w {
		p.row = append(p.row, -1)
		p.limit = append(p.limit, 0)
	}
	p.groups++
	return p
}

func (p *part) set(w, slot int, row, limit int) {
	i := (p.groups-1)*w + slot
	p.row[i], p.limit[i] = int32(row), int32(limit)
}

// planRows groups the rows of a pass.
func planRows(shape kvcache.Shape, rows []kvcache.Rows) *plan {
	p := &plan{W: max(1, 16*shape.Heads/shape.QueryHeads)}
	type one struct {
		seq   *sequence
		limit int
	}
	var all []one
	for _, r := range rows {
		for i := range r.N {
			all = append(all, one{r.Seq.(*sequence), r.First + i*r.Step})
		}
	}
	p.rows = len(all)
	for i := 0; i < len(all); {
		// The run of rows whose pages begin alike, and how many pages they share.
		first := all[i]
		shared := min(first.limit/pageTokens, len(first.seq.pages))
		same := true // all of one sequence: no second part is needed
		j := i + 1
		for ; j < len(all) && j-i < p.W; j++ {
			if all[j].seq != first.seq {
				n := common(first.seq.pages, all[j].seq.pages, min(shared, all[j].limit/pageTokens))
				if n == 0 {
					break
				}
				shared, same = n, false
			}
		}
		group := all[i:j]
		if same {
			most := 0
			for _, o := range group {
				most = max(most, o.limit)
			}
			p.parts[0].add(p.W, first.seq.pages[:(most+pageTokens-1)/pageTokens])
			for k, o := range group {
				p.parts[0].set(p.W, k, i+k, o.limit)
			}
		} else {
			p.two = true
			p.parts[0].add(p.W, first.seq.pages[:shared])
			for k := range group {
				p.parts[0].set(p.W, k, i+k, shared*pageTokens)
			}
		}
		for k := 0; k < len(group); {
			// What a sequence has beyond the shared pages: its rows together.
			s := group[k].seq
			end := k + 1
			for end < len(group) && group[end].seq == s {
				end++
			}
			if same { // nothing; the row must still be written
				p.parts[1].add(p.W, nil)
				for x := k; x < end; x++ {
					p.parts[1].set(p.W, x-k, i+x, 0)
				}
			} else {
				most := 0
				for x := k; x < end; x++ {
					most = max(most, group[x].limit)
				}
				p.parts[1].add(p.W, s.pages[shared:(most+pageTokens-1)/pageTokens])
				for x := k; x < end; x++ {
					p.parts[1].set(p.W, x-k, i+x, group[x].limit-shared*pageTokens)
				}
			}
			k = end
		}
		i = j
	}
	return p
}

// common returns how many of the first n pages two sequences share.
func common(a, b []int32, n int) int {
	n = min(n, len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// workspace is the device memory of attention besides the pages.
type workspace struct {
	row, limit, table [2]Buffer
	lse               [2]Buffer
	other             Buffer // result of the second part
	scratch, count    Buffer
	tables            [2]int // pages that a row of the table has room for
}

func (w *workspace) free(d *Device) error {
	all := []Buffer{w.other, w.scratch, w.count}
	for i := range 2 {
		all = append(all, w.row[i], w.limit[i], w.table[i], w.lse[i])
	}
	*w = workspace{}
	return d.Free(all...)
}

// ensure makes a buffer have at least n bytes, doubling its size.
func (d *Device) ensure(b *Buffer, n int64) error {
	if b.n >= n && b.p != 0 {
		return nil
	}
	if err := d.Wait(); err != nil {
		return err
	}
	if err := d.Free(*b); err != nil {
		return err
	}
	fresh, err := d.Alloc(max(n, 2*b.n))
	*b = fresh
	if err != nil {
		*b = Buffer{}
		return err
	}
	return d.Zero(fresh) // counters begin at zero, and padding must be finite
}

// prepare uploads a plan.
func (w *workspace) prepare(s *Store, p *plan) error {
	d := s.d
	if err := d.Wait(); err != nil { // the last pass may still read them
		return err
	}
	for i := range p.parts {
		if i == 1 && !p.two {
			break
		}
		t := &p.parts[i]
		wide := 4
		for wide < t.maxPages {
			wide *= 2
		}
		w.tables[i] = wide
		table := make([]int32, t.groups*wide)
		for g, pages := range t.pages {
			copy(table[g*wide:], pages)
		}
		n := int64(t.groups)
		splits := int64((wide + 3) / 4)
		err := errors.Join(
			d.ensure(&w.row[i], n*int64(p.W)*4), d.ensure(&w.limit[i], n*int64(p.W)*4), d.ensure(&w.table[i], n*int64(wide)*4),
			d.ensure(&w.lse[i], int64(p.rows*s.shape.QueryHeads)*4),
			d.ensure(&w.scratch, n*int64(s.shape.Heads)*splits*16*int64(s.shape.Dim+2)*4),
			d.ensure(&w.count, n*int64(s.shape.Heads)*4),
		)
		if err != nil {
			return err
		}
		if err := errors.Join(Write(d, w.row[i], t.row), Write(d, w.limit[i], t.limit), Write(d, w.table[i], table)); err != nil {
			return err
		}
	}
	if !p.two {
		return nil
	}
	return d.ensure(&w.other, int64(p.rows*s.shape.QueryHeads*s.shape.Dim)*4)
}

// attend launches the attention of one layer; q and out are [rows][heads][dim].
func (s *Store) attend(p *plan, layer int, q, out Buffer) error {
	kernel := "attn_d64_b16"
	if s.shape.Dim == 128 {
		kernel = "attn_d128_b16"
	}
	scale := float32(1 / math.Sqrt(float64(s.shape.Dim)))
	w := &s.work
	for i := range p.parts {
		if i == 1 && !p.two {
			break
		}
		t := &p.parts[i]
		to := out
		if i == 1 {
			to = w.other
		}
		err := s.d.Launch(kernel, [3]int{(w.tables[i] + 3) / 4, s.shape.Heads, t.groups}, [3]int{128, 1, 1},
			q, w.row[i], s.pool.At(s.layerOffset(layer)), s.stride, w.table[i], w.limit[i], to, w.lse[i], w.scratch, w.count,
			s.shape.QueryHeads, s.shape.Heads, p.W, w.tables[i], scale)
		if err != nil {
			return err
		}
	}
	if !p.two {
		return nil
	}
	return s.d.Launch("attn_merge", [3]int{p.rows * s.shape.QueryHeads, 1, 1}, [3]int{s.shape.Dim, 1, 1}, out, w.lse[0], w.other, w.lse[1], s.shape.Dim)
}
