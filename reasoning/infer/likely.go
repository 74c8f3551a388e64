package infer

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/kg"
)

// Prediction is a link that is likely but not stated.
type Prediction struct {
	Link
	// Reasons are stated links that speak for it: the same link of the things
	// most like this one, and a path that joins its ends.
	Reasons []Reason
}

// Reason is one piece of support.
type Reason struct {
	Kind  string // alike: a like thing states the same; path: stated links join the ends
	Like  float64
	Links []Link
}

// Likely is what a model finds likely about one entity.
type Likely struct {
	Predictions []Prediction
	Calibrated  bool
	// Sigma is the spread that the model assigns to the entity, in the units of
	// its vectors; 0 if the model has none.
	Sigma float64
	// New: the entity came after training and was folded in.
	New bool
}

// Bounds of Likely.
const (
	alike        = 20  // neighbours whose relations are asked for
	perRelation  = 3   // predictions of one relation
	perPredicted = 3   // like things that are named
	maxSupport   = 500 // of one link, that are compared
)

// Entity lists what is likely and not stated about an entity, most probable
// first. Only relations are asked for that the entity itself or one of the
// things most like it takes part in.
func (m *Model) Entity(ctx context.Context, s kg.Snapshot, t kg.Term, o Options) (*Likely, error) {
	o.defaults()
	x, err := m.session(ctx, s)
	if err != nil {
		return nil, err
	}
	id, ok, err := s.Lookup(t)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, shapeErrorf("the graph does not mention %s", t)
	}
	e, ok := x.number(id)
	if !ok {
		return nil, shapeErrorf("the predictor does not know %s, and nothing that it could be known by is stated about it", t)
	}
	a, err := x.atoms()
	if err != nil {
		return nil, err
	}
	out := &Likely{Calibrated: m.calibration() != nil, New: int(e) >= len(x.ids)}
	if g, ok := a.Predictor.(interface{ Sigma(int32) (float64, bool) }); ok {
		out.Sigma, _ = g.Sigma(e)
	}
	like := x.nearest(a, e, alike)
	ev := &cqd.Evaluator{Atoms: a}
	type found struct {
		r, tail int32
		p       float64
	}
	var all []found
	for _, r := range x.relationsOf(e, like) {
		res, err := ev.Eval(ctx, cqd.Hop(r, cqd.Anchor(e)))
		if err != nil {
			return nil, err
		}
		stated := x.Tails(e, r)
		for _, h := range embed.TopK(res.Truth, perRelation, func(n int32) bool {
			_, ok := slices.BinarySearch(stated, n)
			return ok || n == e || res.Truth[n] < float32(math.Log(o.Min)) || x.id(n) == kg.Any
		}) {
			all = append(all, found{r, h.Entity, math.Exp(float64(h.Score))})
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.r, b.r), cmp.Compare(a.tail, b.tail))
	})
	for _, f := range all[:min(len(all), o.Limit)] {
		link, err := x.link(cqd.Link{Head: e, Relation: f.r, Tail: f.tail, Truth: f.p})
		if err != nil {
			return nil, err
		}
		p := Prediction{Link: link}
		if p.Reasons, err = x.reasons(a, e, f.r, f.tail); err != nil {
			return nil, err
		}
		out.Predictions = append(out.Predictions, p)
	}
	return out, x.err
}

func shapeErrorf(format string, args ...any) error {
	return &ShapeError{Msg: fmt.Sprintf(format, args...)}
}

// nearest lists the entities of the model most like e, by the cosine of their
// vectors.
func (x *session) nearest(a *cqd.Scored, e int32, k int) []int32 {
	like := make([]float32, len(x.ids))
	for n := range like {
		like[n] = cosine(a.Predictor.Entity(e), a.Predictor.Entity(int32(n)))
	}
	var out []int32
	for _, h := range embed.TopK(like, k, func(n int32) bool { return n == e || x.id(n) == kg.Any }) {
		out = append(out, h.Entity)
	}
	return out
}

func cosine(a, b []float32) float32 {
	var ab, aa, bb float64
	for i, x := range a {
		y := b[i]
		ab += float64(x) * float64(y)
		aa += float64(x) * float64(x)
		bb += float64(y) * float64(y)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float32(ab / math.Sqrt(aa*bb))
}

// relationsOf lists the directed relations that e or one of the things like it
// has stated.
func (x *session) relationsOf(e int32, like []int32) []int32 {
	var out []int32
	for r := range 2 * int32(len(x.rels)) {
		for _, n := range append([]int32{e}, like...) {
			if len(x.Tails(n, r)) > 0 {
				out = append(out, r)
				break
			}
		}
	}
	return out
}

// reasons gathers what speaks for a link.
func (x *session) reasons(a *cqd.Scored, e, r, tail int32) ([]Reason, error) {
	half := int32(len(x.rels))
	inverse := r + half
	if r >= half {
		inverse = r - half
	}
	type peer struct {
		n    int32
		like float64
	}
	var peers []peer
	support := x.Tails(tail, inverse)
	for _, n := range support[:min(len(support), maxSupport)] {
		if n != e {
			peers = append(peers, peer{n, float64(cosine(a.Predictor.Entity(e), a.Predictor.Entity(n)))})
		}
	}
	slices.SortFunc(peers, func(a, b peer) int { return cmp.Or(cmp.Compare(b.like, a.like), cmp.Compare(a.n, b.n)) })
	var out []Reason
	for _, p := range peers[:min(len(peers), perPredicted)] {
		if p.like <= 0 {
			break
		}
		l, err := x.link(cqd.Link{Head: p.n, Relation: r, Tail: tail, Truth: 1, Stated: true})
		if err != nil {
			return nil, err
		}
		out = append(out, Reason{"alike", p.like, []Link{l}})
	}
	path, err := x.path(e, tail)
	if err != nil || path == nil {
		return out, err
	}
	return append(out, Reason{Kind: "path", Links: path}), nil
}

// path returns two stated links that join a and b, through the thing with the
// fewest links, or nil.
func (x *session) path(a, b int32) ([]Link, error) {
	type via struct{ r1, mid, r2 int32 }
	var best *via
	least := math.MaxInt
	toward := map[int32]int32{} // neighbour of b -> relation from it to b
	half := int32(len(x.rels))
	for r := range 2 * half {
		inverse := (r + half) % (2 * half)
		for _, m := range x.Tails(b, r) {
			toward[m] = inverse
		}
	}
	for r := range 2 * half {
		for _, m := range x.Tails(a, r) {
			r2, ok := toward[m]
			if !ok || m == a || m == b {
				continue
			}
			// A hub joins everything and so explains nothing.
			if d := len(x.Tails(m, (r+half)%(2*half))); d < least {
				best, least = &via{r, m, r2}, d
			}
		}
	}
	if best == nil {
		return nil, nil
	}
	first, err := x.link(cqd.Link{Head: a, Relation: best.r1, Tail: best.mid, Truth: 1, Stated: true})
	if err != nil {
		return nil, err
	}
	second, err := x.link(cqd.Link{Head: best.mid, Relation: best.r2, Tail: b, Truth: 1, Stated: true})
	return []Link{first, second}, err
}

// Similar lists the entities most like one, by the cosine of their vectors,
// among those that keep accepts; keep may be nil.
func (m *Model) Similar(ctx context.Context, s kg.Snapshot, t kg.Term, k int, keep func(kg.ID) bool) ([]kg.Hit, error) {
	x, err := m.session(ctx, s)
	if err != nil {
		return nil, err
	}
	id, ok, err := s.Lookup(t)
	if err != nil {
		return nil, err
	}
	e, known := int32(0), false
	if ok {
		e, known = x.number(id)
	}
	if !known {
		return nil, shapeErrorf("the predictor does not know %s", t)
	}
	a, err := x.atoms()
	if err != nil {
		return nil, err
	}
	n := a.Entities()
	like := make([]float32, n)
	for i := range like {
		like[i] = cosine(a.Predictor.Entity(e), a.Predictor.Entity(int32(i)))
	}
	var out []kg.Hit
	for _, h := range embed.TopK(like, k, func(i int32) bool {
		return i == e || x.id(i) == kg.Any || keep != nil && !keep(x.id(i))
	}) {
		out = append(out, kg.Hit{ID: x.id(h.Entity), Score: float64(h.Score)})
	}
	return out, x.err
}
