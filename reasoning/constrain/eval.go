package constrain

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/nodeset"
	"github.com/quaestor-kg/quaestor/reasoning/internal/literal"
)

// Set is a set of nodes in ascending order.
type Set = nodeset.Set

// Intersect returns the common members of two sets.
func Intersect(a, b Set) Set { return nodeset.Intersect(a, b) }

// Minus returns the members of a that are not in b.
func Minus(a, b Set) Set { return nodeset.Minus(a, b) }

// Result is what a pipeline evaluates to. Which fields count depends on Kind.
type Result struct {
	Kind   EndKind
	Nodes  Set      // List: the answers; else the last set
	Number float64  // Count, Sum, Avg, Diff
	Bool   bool     // Ask
	Rows   [][]Cell // Show, Group, Calc: distinct, ascending
}

// UnknownError: a pipeline names something that the graph does not have.
type UnknownError struct {
	Kind string // "name", "relation", "class"
	Name string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the graph has no %s %q", e.Kind, e.Name)
}

// Walk is a pipeline under evaluation: the current set and what later
// operations need to know of the way here. It is a value; Then returns a new
// one.
type Walk struct {
	Set Set
	// Anchors are the start nodes that have the first edge. They are taken out
	// of every set from the second edge on: "films with the same director"
	// does not mean the film itself.
	Anchors Set
	named   bool // started from a name
	Edges   int
}

// Begin returns the walk at the start of a bound pipeline.
func (g *Graph) Begin(p Pipeline) (Walk, error) {
	if p.Class != "" {
		c, ok := g.Class(p.Class)
		if !ok {
			return Walk{}, &UnknownError{"class", p.Class}
		}
		return Walk{Set: g.classes[c].Instances}, nil
	}
	s, err := g.named(p.Start)
	return Walk{Set: s, named: true}, err
}

// FromClass returns the walk that starts with all instances of a class.
func (g *Graph) FromClass(class int) Walk { return Walk{Set: g.classes[class].Instances} }

// FromNodes returns the walk that starts with the nodes of one name.
func (g *Graph) FromNodes(nodes []Node) Walk {
	s := slices.Clone(nodes)
	slices.Sort(s)
	return Walk{Set: s, named: true}
}

func (g *Graph) named(a Anchor) (Set, error) {
	if a.Ref > 0 {
		return nil, fmt.Errorf("mention %s is not bound to a name", a)
	}
	s := slices.Clone(g.Lookup(a.Name))
	if len(s) == 0 {
		return nil, &UnknownError{"name", a.Name}
	}
	slices.Sort(s)
	return s, nil
}

// RDOf returns the number of a step.
func (g *Graph) RDOf(s Step) (RD, error) {
	r, ok := g.relIdx[s.Rel]
	if !ok {
		return 0, &UnknownError{"relation", s.Rel}
	}
	rd := RD(2 * r)
	if s.Inverse {
		rd++
	}
	return rd, nil
}

// StepOf is the inverse of RDOf.
func (g *Graph) StepOf(rd RD) Step { return Step{Inverse: rd&1 == 1, Rel: g.rels[rd/2].Name} }

// Follow returns the walk after one edge.
func (g *Graph) Follow(w Walk, rd RD) Walk { return g.follow(w, rd, g.Image(w.Set, rd)) }

// FollowAll returns the walk after one edge or several of the same kind.
func (g *Graph) FollowAll(w Walk, rd RD) Walk { return g.follow(w, rd, g.closure(w.Set, rd)) }

// closure returns what one or more edges of a kind lead to.
func (g *Graph) closure(s Set, rd RD) Set {
	all := g.Image(s, rd)
	for fresh := all; len(fresh) > 0; {
		fresh = Minus(g.Image(fresh, rd), all)
		all = nodeset.Union(all, fresh)
	}
	return all
}

func (g *Graph) follow(w Walk, rd RD, image Set) Walk {
	out := Walk{Set: image, Anchors: w.Anchors, named: w.named, Edges: w.Edges + 1}
	if !w.named {
		return out
	}
	if w.Edges == 0 {
		for _, n := range w.Set {
			if len(g.row(n, rd)) > 0 {
				out.Anchors = append(out.Anchors, n)
			}
		}
		return out
	}
	out.Set = Minus(out.Set, w.Anchors)
	return out
}

// Then returns the walk after one operation of a bound pipeline.
func (g *Graph) Then(w Walk, op Op) (Walk, error) {
	switch op.Kind {
	case Edge:
		rd, err := g.RDOf(op.Step)
		if err != nil {
			return w, err
		}
		return g.Follow(w, rd), nil
	case Reach:
		rd, err := g.RDOf(op.Step)
		if err != nil {
			return w, err
		}
		return g.FollowAll(w, rd), nil
	case Type:
		c, ok := g.Class(op.Class)
		if !ok {
			return w, &UnknownError{"class", op.Class}
		}
		w.Set = g.OfClass(w.Set, c)
	case With, Without:
		back, err := g.Reaching(op.Steps, op.To)
		if err != nil {
			return w, err
		}
		if op.Kind == With {
			w.Set = Intersect(w.Set, back)
		} else {
			w.Set = Minus(w.Set, back)
		}
	case Max, Min:
		r, ok := g.relIdx[op.Rel]
		if !ok {
			return w, &UnknownError{"relation", op.Rel}
		}
		w.Set = g.Ranked(w.Set, r, op.Kind == Max, op.N, op.Nth)
	case Where:
		r, ok := g.relIdx[op.Rel]
		if !ok {
			return w, &UnknownError{"relation", op.Rel}
		}
		if op.To == nil {
			w.Set = g.Filter(w.Set, r, op.Cmp, op.Number)
			break
		}
		to, err := g.named(*op.To)
		if err != nil {
			return w, err
		}
		w.Set = g.Compare(w.Set, r, op.Cmp, to)
	case Also:
		back, err := g.Reaching(op.Steps, op.To)
		if err != nil {
			return w, err
		}
		w.Set = nodeset.Union(w.Set, back)
	case Most, Fewest, Having:
		rd, class, err := g.counts(op)
		if err != nil {
			return w, err
		}
		if op.Kind == Having {
			w.Set, err = g.HavingCount(w.Set, rd, class, op.Cmp, op.Number)
			return w, err
		}
		w.Set = g.MostEnds(w.Set, rd, class, op.Kind == Most, op.N, op.Nth)
	case Loop:
		a, err := g.RDOf(op.Steps[0])
		if err != nil {
			return w, err
		}
		b, err := g.RDOf(op.Steps[1])
		if err != nil {
			return w, err
		}
		w.Set = g.Looping(w.Set, a, b)
	}
	return w, nil
}

// Eval evaluates a bound pipeline over sets of nodes. It gives the same answers
// as the query of SPARQL.
func (g *Graph) Eval(ctx context.Context, p Pipeline) (Result, error) {
	w, err := g.Begin(p)
	if err != nil {
		return Result{}, err
	}
	for _, op := range p.Ops {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if w, err = g.Then(w, op); err != nil {
			return Result{}, err
		}
	}
	return g.Finish(w, p.End)
}

// scratch holds bitmaps for large images, reused between calls.
var scratch = sync.Pool{New: func() any { return new([]uint64) }}

// Image returns the neighbours of a set over one relation and direction.
func (g *Graph) Image(s Set, rd RD) Set {
	total := 0
	for _, n := range s {
		total += len(g.row(n, rd))
	}
	if total == 0 {
		return nil
	}
	if total < 64 || total < len(g.ids)/64 {
		out := make(Set, 0, total)
		for _, n := range s {
			for _, e := range g.row(n, rd) {
				out = append(out, Node(e))
			}
		}
		if len(s) > 1 { // one row is sorted already
			slices.Sort(out)
			out = slices.Compact(out)
		}
		return out
	}
	words := (len(g.ids) + 63) / 64
	bp := scratch.Get().(*[]uint64)
	if cap(*bp) < words {
		*bp = make([]uint64, words)
	}
	b := (*bp)[:words]
	for _, n := range s {
		for _, e := range g.row(n, rd) {
			b[Node(e)/64] |= 1 << (Node(e) % 64)
		}
	}
	count := 0
	for _, w := range b {
		count += bits.OnesCount64(w)
	}
	out := make(Set, 0, count)
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			out = append(out, Node(i*64+bits.TrailingZeros64(w)))
		}
		b[i] = 0
	}
	scratch.Put(bp)
	return out
}

// RDs returns the relations, with directions, that any member of the set has.
func (g *Graph) RDs(s Set) []RD {
	if len(s) == 1 {
		return g.charsets[g.charset[s[0]]]
	}
	seenSet := map[uint32]bool{}
	var out []RD
	seen := make([]bool, 2*len(g.rels))
	for _, n := range s {
		c := g.charset[n]
		if seenSet[c] {
			continue
		}
		seenSet[c] = true
		for _, rd := range g.charsets[c] {
			if !seen[rd] {
				seen[rd] = true
				out = append(out, rd)
			}
		}
	}
	slices.Sort(out)
	return out
}

// OfClass keeps the instances of a class.
func (g *Graph) OfClass(s Set, class int) Set {
	return Intersect(s, g.classes[class].Instances)
}

// Reaching returns the nodes from which the steps lead to the anchor, or
// anywhere if it is nil.
func (g *Graph) Reaching(steps []Step, to *Anchor) (Set, error) {
	rds := make([]RD, len(steps))
	for i, s := range steps {
		rd, err := g.RDOf(s)
		if err != nil {
			return nil, err
		}
		rds[i] = rd
	}
	var target Set
	if to != nil {
		t, err := g.named(*to)
		if err != nil {
			return nil, err
		}
		target = t
	}
	return g.reaching(rds, target, to == nil), nil
}

// ReachingNodes is Reaching for numbers: the nodes from which the steps lead
// into target.
func (g *Graph) ReachingNodes(rds []RD, target Set) Set { return g.reaching(rds, target, false) }

func (g *Graph) reaching(rds []RD, target Set, any bool) Set {
	for i := len(rds) - 1; i >= 0; i-- {
		if any {
			target, any = g.having(rds[i]), false
			continue
		}
		target = g.Image(target, rds[i]^1)
	}
	return target
}

// having returns the nodes that have an edge of this relation and direction.
func (g *Graph) having(rd RD) Set {
	has := make([]bool, len(g.charsets))
	for c, set := range g.charsets {
		_, has[c] = slices.BinarySearch(set, rd)
	}
	var out Set
	for n, c := range g.charset {
		if has[c] {
			out = append(out, Node(n))
		}
	}
	return out
}

// valuesOf calls f for each value of a node that takes part in comparisons of
// the relation.
func (g *Graph) valuesOf(n Node, rel int, f func(float64)) {
	r := &g.rels[rel]
	if r.Kind == NoValue {
		return
	}
	want := uint8(0)
	if r.Kind == DateValue {
		want = uint8(slices.Index(literal.DateTypes, r.Datatype) + 1)
	}
	for _, e := range g.row(n, RD(2*rel)) {
		o := Node(e)
		if v := g.values[o]; v == v && g.vtype[o] == want {
			f(v)
		}
	}
}

// Offered returns the relations that may follow a walk: those of the current
// set, except "<" out of a literal that is not the anchor itself: values that
// happen to be equal say nothing about each other.
func (g *Graph) Offered(w Walk) []RD {
	if w.Edges == 0 {
		return g.RDs(w.Set)
	}
	seenSet := map[uint32]bool{}
	var out []RD
	seen := make([]bool, 2*len(g.rels))
	for _, n := range w.Set {
		c := g.charset[n]
		if seenSet[c] || g.ids[n].IsLiteral() {
			continue
		}
		seenSet[c] = true
		for _, rd := range g.charsets[c] {
			if !seen[rd] {
				seen[rd] = true
				out = append(out, rd)
			}
		}
	}
	slices.Sort(out)
	return out
}

// With returns the same view over another snapshot of the same version (nil:
// keep), in which some names stand for given nodes only: how a link that the
// user pinned takes effect.
func (g *Graph) With(snap kg.Snapshot, pins map[string][]Node) *Graph {
	v := *g
	if snap != nil {
		v.snap = snap
	}
	v.pins = pins
	return &v
}
