package exec

import (
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/rows"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
)

// counted answers COUNT(*) over all triples, alone or by predicate, from the
// directory of the snapshot instead of reading them.
func (b *builder) counted(n *algebra.Group) (run.Op, bool, error) {
	d, ok := b.Env.Snap.(kg.DistinctScanner)
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
	sel, err := b.Env.Select(g)
	if err != nil || sel.ID == kg.Any || sel.None {
		return nil, false, err
	}
	var count int64
	others := false
	for id, n := range d.Distinct(b.Env.Context(), kg.GSPO) {
		if id == sel.ID {
			count = n
		} else {
			others = true
		}
	}
	give := func(vars []string, cols ...[]kg.ID) (run.Op, bool, error) {
		o := rows.Values(b.Env, "Counts", "from the directory", vars, cols, len(cols[0]))
		return b.done(o), true, b.Env.Check("Counts")
	}
	if len(n.Keys) == 0 {
		id, ok := dict.FromInt(count)
		if !ok {
			return nil, false, nil
		}
		return give([]string{n.Aggs[0].Var}, []kg.ID{id})
	}
	// Counts by predicate are over all graphs.
	if n.Keys[0] != t.P.Var || others {
		return nil, false, nil
	}
	var preds, counts []kg.ID
	for p, n := range d.Distinct(b.Env.Context(), kg.PSO) {
		id, ok := dict.FromInt(n)
		if !ok {
			return nil, false, nil
		}
		preds, counts = append(preds, p), append(counts, id)
	}
	return give([]string{n.Keys[0], n.Aggs[0].Var}, preds, counts)
}
