package qa

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
)

// OpenReport are the figures of choosing thing, relation and direction with no
// help from what the graph states of the thing.
type OpenReport struct {
	N     int     `json:"n"`
	Exact float64 `json:"exact"`  // thing, relation and direction
	Thing float64 `json:"thing"`  // the thing alone
	Kept  float64 `json:"kept"`   // the right choice is among those that are judged
	Alike float64 `json:"either"` // as Exact, in any direction
}

// openKeep is how many choices the decoder judges.
const openKeep = 64

// Open measures one-step questions (fields topic, an IRI, and path, one relation
// with "~" for inverse) under a vocabulary-level constraint.
func Open(ctx context.Context, v *reasoning.View, d reasoning.Decoder, w rank.Weights, qs []Question) (*OpenReport, error) {
	r := &OpenReport{}
	for i := range qs {
		var topic string
		var path []string
		if json.Unmarshal(qs[i].Topic, &topic) != nil || json.Unmarshal(qs[i].Path, &path) != nil || len(path) != 1 {
			continue
		}
		r.N++
		lq, err := v.Link.Link(qs[i].Text)
		if err != nil {
			continue
		}
		ds := v.Drafts.Open(lq, openKeep)
		fs, err := reasoning.Features(ctx, d, lq, ds)
		if err != nil {
			return nil, err
		}
		best := -1
		kept := false
		for j := range ds {
			if best < 0 || w.Score(fs[j]) > w.Score(fs[best]) {
				best = j
			}
			c := openChoice(v, ds[j].Pipeline.Ops[0].Step.Rel, ds[j].Pipeline.Start.Name)
			kept = kept || c.is(topic, path[0], ds[j].Pipeline.Ops[0].Step.Inverse)
		}
		if kept {
			r.Kept++
		}
		if best < 0 {
			continue
		}
		step := ds[best].Pipeline.Ops[0].Step
		c := openChoice(v, step.Rel, ds[best].Pipeline.Start.Name)
		if c.thing == topic {
			r.Thing++
		}
		if c.is(topic, path[0], step.Inverse) {
			r.Exact++
		}
		if c.is(topic, path[0], step.Inverse) || c.is(topic, path[0], !step.Inverse) {
			r.Alike++
		}
	}
	n := float64(max(r.N, 1))
	r.Exact, r.Thing, r.Kept, r.Alike = r.Exact/n, r.Thing/n, r.Kept/n, r.Alike/n
	return r, nil
}

// choice is the thing with most edges of a name, and a relation's IRIs.
type choice struct {
	thing string
	rel   []string
}

func openChoice(v *reasoning.View, rel, name string) choice {
	var c choice
	iri := func(id kg.ID) string {
		t, err := v.Graph.Snapshot().Term(id)
		if err != nil {
			return ""
		}
		return t.Value
	}
	if nodes := v.Graph.Lookup(name); len(nodes) > 0 {
		c.thing = iri(v.Graph.ID(nodes[0]))
	}
	if r, ok := v.Graph.Relation(rel); ok {
		for _, p := range v.Graph.Relations()[r].Preds {
			c.rel = append(c.rel, iri(p))
		}
	}
	return c
}

// is compares a choice with the gold topic and path.
func (c choice) is(topic, path string, inverse bool) bool {
	rel, gold := strings.CutPrefix(path, "~")
	if c.thing != topic || gold != inverse {
		return false
	}
	for _, iri := range c.rel {
		if iri == rel || strings.HasSuffix(iri, "/"+rel) || strings.HasSuffix(iri, "#"+rel) {
			return true
		}
	}
	return false
}
