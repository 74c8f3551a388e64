package exec

import (
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// counted answers COUNT(*) over all triples, alone or by predicate, from the
// directory of the snapshot instead of reading them.
func (b *builder) counted(n *algebra.Group) (op, bool, error) {
	d, ok := b.env.Snap.(kg.DistinctScanner)
	if !ok || len(n.Aggs) != 1 || len(n.Keys) > 1 {
		return nil, false, nil
	}
	if a := n.Aggs[0]; a.Name != "COUNT" || a.Arg != nil || a.Distinct {
		return nil, false, nil
	}
	var t algebra.Triple
	var g algebra.GraphRef
	switch x := n.Input.(type) {
	case *algebra.Scan:
		t, g = x.Triple, x.Graph
	case *algebra.BGP:
		if len(x.Triples) != 1 {
			return nil, false, nil
		}
		t, g = x.Triples[0], x.Graph
	default:
		return nil, false, nil
	}
	if !t.S.IsVar() || !t.P.IsVar() || !t.O.IsVar() || tripleVars(algebra.GraphRef{}, t).Len() != 3 {
		return nil, false, nil
	}
	sel, err := b.env.graph(g)
	if err != nil || sel.id == kg.Any || sel.none {
		return nil, false, err
	}
	var count int64
	others := false
	for id, n := range d.Distinct(b.env.ctx, kg.GSPO) {
		if id == sel.id {
			count = n
		} else {
			others = true
		}
	}
	v := &valuesOp{base: base{env: b.env}}
	v.node = planOf("Counts", "from the directory", -1)
	put := func(n int64) bool {
		id, ok := dict.FromInt(n)
		v.cols[len(v.cols)-1] = append(v.cols[len(v.cols)-1], id)
		v.n++
		return ok
	}
	if len(n.Keys) == 0 {
		v.names, v.cols = []string{n.Aggs[0].Var}, make([][]kg.ID, 1)
		if !put(count) {
			return nil, false, nil
		}
		return b.done(v), true, b.env.Check("Counts")
	}
	// Counts by predicate are over all graphs.
	if n.Keys[0] != t.P.Var || others {
		return nil, false, nil
	}
	v.names, v.cols = []string{n.Keys[0], n.Aggs[0].Var}, make([][]kg.ID, 2)
	for id, n := range d.Distinct(b.env.ctx, kg.PSO) {
		v.cols[0] = append(v.cols[0], id)
		if !put(n) {
			return nil, false, nil
		}
	}
	return b.done(v), true, b.env.Check("Counts")
}
