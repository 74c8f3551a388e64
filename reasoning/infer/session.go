package infer

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/embed/fold"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
)

// session is one inference over one snapshot. It states what the snapshot
// states.
type session struct {
	*view
	m      *Model
	ctx    context.Context
	snap   kg.Snapshot
	limits sparql.Limits

	fresh   []kg.ID // entities numbered after the model's
	freshNo map[kg.ID]int32

	mu    sync.Mutex
	tails map[[2]int32][]int32
	err   error // the first failure of a scan
}

func (m *Model) session(ctx context.Context, s kg.Snapshot) (*session, error) {
	v, err := m.viewOf(ctx, s)
	if err != nil {
		return nil, err
	}
	x := &session{view: v, m: m, ctx: ctx, snap: s, freshNo: map[kg.ID]int32{}, tails: map[[2]int32][]int32{}}
	for _, id := range v.fresh {
		x.add(id)
	}
	return x, nil
}

func (x *session) add(id kg.ID) int32 {
	n := int32(len(x.ids) + len(x.fresh))
	x.fresh = append(x.fresh, id)
	x.freshNo[id] = n
	return n
}

// number returns the number of an entity of the graph; one that the model does
// not know gets a new one, if links of relations that it knows are stated.
func (x *session) number(id kg.ID) (int32, bool) {
	if n, ok := x.numbers[id]; ok {
		return n, true
	}
	if n, ok := x.freshNo[id]; ok {
		return n, true
	}
	for _, p := range x.rels {
		if p != kg.Any && (x.snap.Estimate(kg.Pattern{S: id, P: p}) > 0 || x.snap.Estimate(kg.Pattern{P: p, O: id}) > 0) {
			return x.add(id), true
		}
	}
	return 0, false
}

// id is the inverse of number.
func (x *session) id(n int32) kg.ID {
	if int(n) < len(x.ids) {
		return x.ids[n]
	}
	return x.fresh[int(n)-len(x.ids)]
}

// lookup returns the number without making one.
func (x *session) lookup(id kg.ID) (int32, bool) {
	if n, ok := x.numbers[id]; ok {
		return n, true
	}
	n, ok := x.freshNo[id]
	return n, ok
}

// Tails returns what the snapshot states for (h, r).
func (x *session) Tails(h, r int32) []int32 {
	key := [2]int32{h, r}
	x.mu.Lock()
	defer x.mu.Unlock()
	if t, ok := x.tails[key]; ok {
		return t
	}
	p, inverse := r, false
	if half := int32(len(x.rels)); r >= half {
		p, inverse = r-half, true
	}
	pattern, order := kg.Pattern{S: x.id(h), P: x.rels[p]}, kg.SPO
	if inverse {
		pattern, order = kg.Pattern{P: x.rels[p], O: x.id(h)}, kg.POS
	}
	out := []int32{}
	if x.rels[p] != kg.Any && x.id(h) != kg.Any {
		c := x.snap.Scan(x.ctx, pattern, order)
		for c.Next() {
			id := c.Quad().O
			if inverse {
				id = c.Quad().S
			}
			if n, ok := x.lookup(id); ok {
				out = append(out, n)
			}
		}
		err := c.Err()
		if e := c.Close(); err == nil {
			err = e
		}
		if err != nil && x.err == nil {
			x.err = err
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	x.tails[key] = out
	return out
}

// excluded are links that are never inferred: those that were stated when the
// model was trained and have been withdrawn, and links of a thing to itself.
type excluded struct{ *session }

func (e excluded) Tails(h, r int32) []int32 {
	x := e.session
	now := x.Tails(h, r)
	var out []int32
	if x.m.then != nil && int(h) < len(x.ids) {
		for _, t := range x.m.then.Tails(h, r) {
			if _, ok := slices.BinarySearch(now, t); !ok {
				out = append(out, t)
			}
		}
	}
	if _, ok := slices.BinarySearch(now, h); !ok {
		if i, found := slices.BinarySearch(out, h); !found {
			out = slices.Insert(out, i, h)
		}
	}
	return out
}

// atoms gives the truths of links: stated ones are certain, others have their
// calibrated probability or, without a calibration, the adapted or plain
// sigmoid of their score.
func (x *session) atoms() (*cqd.Scored, error) {
	vectors := make([][]float32, len(x.fresh))
	for i, id := range x.fresh {
		v, err := x.vector(id)
		if err != nil {
			return nil, err
		}
		vectors[i] = v
	}
	a := &cqd.Scored{Predictor: fold.Extend(x.m.table, vectors), Known: x, Excluded: excluded{x}, Calibration: x.m.calibration()}
	if x.m.companion != nil && a.Calibration == nil {
		a.Adapter = x.m.companion.Adapter
	}
	return a, nil
}

// vector fits the vector of a new entity to what is stated about it.
func (x *session) vector(id kg.ID) ([]float32, error) {
	x.view.mu.Lock()
	v, ok := x.view.vectors[id]
	x.view.mu.Unlock()
	if ok {
		return v, nil
	}
	var links []fold.Link
	var like []int32
	n, half := x.freshNo[id], int32(len(x.rels))
	for r := range 2 * half {
		for _, t := range x.Tails(n, r) {
			if int(t) >= len(x.ids) {
				continue // another new one
			}
			links = append(links, fold.Link{R: r, Tail: t})
			inverse := r + half
			if r >= half {
				inverse = r - half
			}
			for _, e := range x.Tails(t, inverse) {
				if int(e) < len(x.ids) && len(like) < 64 {
					like = append(like, e)
				}
			}
		}
	}
	v, err := fold.Vector(x.ctx, x.m.table, links, like, fold.Options{Seed: uint64(id)})
	if err != nil {
		return nil, err
	}
	x.view.mu.Lock()
	x.view.vectors[id] = v
	x.view.mu.Unlock()
	return v, nil
}

// term returns the term of an entity.
func (x *session) term(n int32) (kg.Term, error) {
	id := x.id(n)
	if id == kg.Any {
		return kg.Term{}, fmt.Errorf("entity %d of the model is not in this graph", n)
	}
	return x.snap.Term(id)
}
