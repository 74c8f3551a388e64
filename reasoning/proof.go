package reasoning

import (
	"fmt"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// Bounds of a proof: what a reader can follow.
const (
	maxStatements = 40
	maxProven     = 20 // answers that are proven
	maxWays       = 3  // ways to one answer
)

// proof is the statements behind an answer.
type proof struct {
	statements []Statement
	index      map[kg.Quad]int
	path       Path
	nodes      map[kg.ID]string
	more       bool          // not all statements are shown
	cites      map[int][]int // row -> statements
}

// prove walks the pipeline back from each answer to the anchor and collects the
// statements on the way: those that prove it.
func (t *task) prove(rows *resultRows) (*proof, error) {
	p := &proof{index: map[kg.Quad]int{}, nodes: map[kg.ID]string{}, cites: map[int][]int{}}
	g, d := t.view.Graph, t.drafts[t.chosen]
	walks := make([]constrain.Walk, len(d.Pipeline.Ops)+1)
	var err error
	if walks[0], err = g.Begin(d.Pipeline); err != nil {
		return nil, err
	}
	for i, op := range d.Pipeline.Ops {
		if walks[i+1], err = g.Then(walks[i], op); err != nil {
			return nil, err
		}
	}
	b := back{task: t, proof: p, ops: d.Pipeline.Ops, walks: walks, class: d.Pipeline.Class}
	end := walks[len(walks)-1].Set
	switch d.Pipeline.End.Kind {
	case constrain.List:
		// In the order of the rows, so that what is shown first is proven.
		for row, n := range rows.nodes {
			if row == maxProven {
				p.more = true
				break
			}
			if err := b.from(n, len(d.Pipeline.Ops), row); err != nil {
				return nil, err
			}
		}
	case constrain.Ask:
		var to constrain.Set
		for _, n := range g.Lookup(d.Pipeline.End.To.Name) {
			if end.Contains(n) {
				to = append(to, n)
			}
		}
		if len(to) == 0 {
			to = end[:min(len(end), 5)] // what is stated instead
		}
		for _, n := range to {
			if err := b.from(n, len(d.Pipeline.Ops), 0); err != nil {
				return nil, err
			}
		}
	default:
		for i, n := range end {
			if i == maxProven {
				p.more = true
				break
			}
			if err := b.from(n, len(d.Pipeline.Ops), 0); err != nil {
				return nil, err
			}
			if rel := d.Pipeline.End.Rel; rel != "" {
				if err := b.values(n, rel, 0); err != nil {
					return nil, err
				}
			}
		}
	}
	if p.statements == nil {
		p.statements = []Statement{}
	}
	t.answer.Evidence = p.statements
	t.answer.Path = &p.path
	t.emit(Event{"evidence", Evidence{Statements: p.statements, Spans: []Span{}}})
	if len(p.path.Edges) > 0 {
		t.emit(Event{"path", p.path})
	}
	return p, nil
}

// back walks one pipeline back.
type back struct {
	*task
	*proof
	ops   []constrain.Op
	walks []constrain.Walk
	class string
}

// from proves that node n is in the set after the first level operations.
func (b *back) from(n constrain.Node, level, row int) error {
	g := b.view.Graph
	if level == 0 {
		if b.class != "" {
			return b.types(n, b.class, row)
		}
		return nil
	}
	op := b.ops[level-1]
	switch op.Kind {
	case constrain.Edge:
		rd, err := g.RDOf(op.Step)
		if err != nil {
			return err
		}
		ways := 0
		for m := range g.Neighbours(n, rd^1) {
			if !b.walks[level-1].Set.Contains(m) {
				continue
			}
			if ways++; ways > maxWays {
				b.more = true
				break
			}
			if err := b.from(m, level-1, row); err != nil {
				return err
			}
			if err := b.edge(m, rd, n, row); err != nil {
				return err
			}
		}
		return nil
	case constrain.Type:
		if err := b.types(n, op.Class, row); err != nil {
			return err
		}
	case constrain.With:
		if err := b.branch(n, op, row); err != nil {
			return err
		}
	case constrain.Max, constrain.Min, constrain.Where:
		if err := b.values(n, op.Rel, row); err != nil {
			return err
		}
		if op.To != nil {
			for _, m := range g.Lookup(op.To.Name)[:1] {
				if err := b.values(m, op.Rel, row); err != nil {
					return err
				}
			}
		}
	case constrain.Most, constrain.Fewest, constrain.Having:
		if err := b.counted(n, op, row); err != nil {
			return err
		}
	case constrain.Loop:
		if err := b.loop(n, op, row); err != nil {
			return err
		}
	case constrain.Reach:
		return b.reached(n, level, row, map[constrain.Node]bool{n: true})
	case constrain.Also:
		if !b.walks[level-1].Set.Contains(n) {
			return b.branch(n, op, row)
		}
	}
	return b.from(n, level-1, row)
}

// counted states the edges that were counted.
func (b *back) counted(n constrain.Node, op constrain.Op, row int) error {
	g := b.view.Graph
	rd, err := g.RDOf(op.Step)
	if err != nil {
		return err
	}
	class, named := g.Class(op.Class)
	for m := range g.Neighbours(n, rd) {
		if named && !slices.Contains(g.ClassesOf(m), uint32(class)) {
			continue
		}
		if err := b.edge(n, rd, m, row); err != nil {
			return err
		}
	}
	return nil
}

// loop states the two edges that lead back.
func (b *back) loop(n constrain.Node, op constrain.Op, row int) error {
	g := b.view.Graph
	out, err := g.RDOf(op.Steps[0])
	if err != nil {
		return err
	}
	in, err := g.RDOf(op.Steps[1])
	if err != nil {
		return err
	}
	for m := range g.Neighbours(n, out) {
		for x := range g.Neighbours(m, in) {
			if x != n {
				continue
			}
			if err := b.edge(n, out, m, row); err != nil {
				return err
			}
			return b.edge(m, in, n, row)
		}
	}
	return nil
}

// reached states a chain of edges of one kind back to where it began.
func (b *back) reached(n constrain.Node, level, row int, seen map[constrain.Node]bool) error {
	g := b.view.Graph
	rd, err := g.RDOf(b.ops[level-1].Step)
	if err != nil {
		return err
	}
	begin := b.walks[level-1].Set
	for m := range g.Neighbours(n, rd^1) {
		if begin.Contains(m) {
			if err := b.from(m, level-1, row); err != nil {
				return err
			}
			return b.edge(m, rd, n, row)
		}
	}
	for m := range g.Neighbours(n, rd^1) {
		if seen[m] || !b.walks[level].Set.Contains(m) {
			continue
		}
		seen[m] = true
		if err := b.reached(m, level, row, seen); err != nil {
			return err
		}
		return b.edge(m, rd, n, row)
	}
	return nil
}

// branch states one path of an intersection.
func (b *back) branch(n constrain.Node, op constrain.Op, row int) error {
	g := b.view.Graph
	// goals[i] are the nodes from which the steps from i on lead to the anchor.
	for i := range op.Steps {
		goal, err := g.Reaching(op.Steps[i+1:], op.To)
		if err != nil {
			return err
		}
		rd, err := g.RDOf(op.Steps[i])
		if err != nil {
			return err
		}
		for m := range g.Neighbours(n, rd) {
			if goal.Contains(m) {
				if err := b.edge(n, rd, m, row); err != nil {
					return err
				}
				n = m
				break
			}
		}
	}
	return nil
}

// values states the values of a relation.
func (b *back) values(n constrain.Node, rel string, row int) error {
	rd, err := b.view.Graph.RDOf(constrain.Step{Rel: rel})
	if err != nil {
		return err
	}
	for m := range b.view.Graph.Neighbours(n, rd) {
		if err := b.edge(n, rd, m, row); err != nil {
			return err
		}
	}
	return nil
}

// edge states the quads of one edge.
func (b *back) edge(from constrain.Node, rd constrain.RD, to constrain.Node, row int) error {
	g := b.view.Graph
	if rd&1 == 1 {
		from, to = to, from
	}
	rel := g.Relations()[rd/2]
	for _, p := range rel.Preds {
		if err := b.quads(kg.Pattern{S: g.ID(from), P: p, O: g.ID(to)}, rel.Label, row); err != nil {
			return err
		}
	}
	return nil
}

// types states that a node is of a class.
func (b *back) types(n constrain.Node, class string, row int) error {
	g := b.view.Graph
	c, ok := g.Class(class)
	if !ok {
		return nil
	}
	for _, p := range g.TypePredicates() {
		for _, id := range g.Classes()[c].IDs {
			if err := b.quads(kg.Pattern{S: g.ID(n), P: p, O: id}, "type", row); err != nil {
				return err
			}
		}
	}
	return nil
}

// quads adds the stated quads of a pattern; of a statement in several graphs
// the first.
func (b *back) quads(pat kg.Pattern, label string, row int) error {
	c := b.snap.Scan(b.ctx, pat, kg.BestOrder(pat))
	defer c.Close()
	if !c.Next() {
		return c.Err()
	}
	return b.add(c.Quad(), label, row)
}

func (b *back) add(q kg.Quad, label string, row int) error {
	at, known := b.index[q]
	if !known {
		if len(b.statements) == maxStatements {
			b.more = true
			return nil
		}
		at = len(b.statements)
		b.index[q] = at
		st := Statement{ID: fmt.Sprintf("t%d", at+1), Kind: "stated", Spans: []string{}}
		var err error
		if st.S, err = b.term(q.S); err != nil {
			return err
		}
		if st.P, err = b.predicate(q.P, label); err != nil {
			return err
		}
		if st.O, err = b.term(q.O); err != nil {
			return err
		}
		if q.G != kg.DefaultGraph {
			gt, err := b.term(q.G)
			if err != nil {
				return err
			}
			st.G = &gt
		}
		b.statements = append(b.statements, st)
		b.path.Edges = append(b.path.Edges, PathEdge{ID: fmt.Sprintf("e%d", at+1), From: b.node(q.S, st.S), To: b.node(q.O, st.O), Label: label, Statement: st.ID, Kind: "stated"})
	}
	if st := &b.statements[at]; !slices.Contains(st.Rows, row) {
		st.Rows = append(st.Rows, row)
	}
	if !slices.Contains(b.cites[row], at) {
		b.cites[row] = append(b.cites[row], at)
	}
	return nil
}

func (b *back) node(id kg.ID, x Term) string {
	if n, ok := b.nodes[id]; ok {
		return n
	}
	n := fmt.Sprintf("n%d", len(b.nodes)+1)
	b.nodes[id] = n
	kind := "entity"
	if x.Type == "literal" {
		kind = "literal"
	}
	b.path.Nodes = append(b.path.Nodes, PathNode{ID: n, Term: &x, Label: x.shown(), Kind: kind})
	return n
}
