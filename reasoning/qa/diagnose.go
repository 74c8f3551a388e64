package qa

import (
	"context"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Cause says at which step a question was lost.
type Cause string

// Causes, in the order in which they are looked for.
const (
	NoCause  Cause = ""         // right
	ByLink   Cause = "link"     // an entity of the gold query was not proposed
	Shape    Cause = "shape"    // its entities and relations are proposed, but no draft has its form
	Relation Cause = "relation" // a relation of the gold query is in no draft
	Literal  Cause = "literal"  // a number, date or text of the gold query is in no draft
	Cut      Cause = "cut"      // a right draft was enumerated, but not kept
	Ranking  Cause = "ranking"  // a right draft was kept, but not chosen
	Refusing Cause = "refusal"  // the right draft was chosen, and refused
)

// Diagnosis says how far a question got.
type Diagnosis struct {
	Linked     bool // every entity of the gold query was proposed
	Enumerated bool // a draft with the right answers was enumerated
	Kept       bool // ... and is among those that were judged
	Chosen     bool // ... and was chosen
	Cause      Cause
	// Entities of the gold query, and how many of them were among the first ten
	// candidates of a mention.
	Entities, Recalled int
	First, Right       string // the chosen draft and the best right one
}

// linkDepth is the k of recall@k of linking.
const linkDepth = 10

// enumerateAll is how many drafts are made to see whether a right one exists.
const enumerateAll = 4096

// diagnose takes a question as far as the choice of a draft and says where the
// right one was lost. answered tells whether the chosen one was given.
func diagnose(ctx context.Context, e *reasoning.Engine, s kg.Snapshot, q *Question, answered bool) (*Diagnosis, error) {
	d := &Diagnosis{}
	v, err := e.View(ctx, s)
	if err != nil {
		return nil, err
	}
	lq, err := v.Link.Link(q.Text)
	if err != nil {
		d.Cause = ByLink
		return d, nil
	}
	used := constantsOf(v.Graph, q.SPARQL)
	d.Entities = len(used.entities)
	d.Recalled, d.Linked = recalled(v.Graph, lq, used.entities)
	in, err := e.Inspect(ctx, s, reasoning.Question{Text: q.Text})
	if err != nil {
		return nil, err
	}
	gold := q.Gold()
	right := func(p constrain.Pipeline) (bool, error) {
		got, err := Answers(ctx, v.Graph, p)
		return err == nil && Compare(got, gold).Exact, err
	}
	var drafts []draft.Draft
	if in != nil {
		drafts = in.Drafts
		d.First = in.Chosen.Number(lq.Refs).String()
		if d.Chosen, err = right(in.Chosen); err != nil {
			return nil, err
		}
		for i := range drafts {
			ok, err := right(drafts[i].Pipeline)
			if err != nil {
				return nil, err
			}
			if ok {
				d.Kept, d.Right = true, drafts[i].Text
				break
			}
		}
	}
	d.Enumerated = d.Kept
	if !d.Kept {
		if drafts, err = v.Drafts.Drafts(ctx, lq, draft.Options{Keep: enumerateAll}); err != nil {
			return nil, err
		}
		for i := range drafts {
			ok, err := right(drafts[i].Pipeline)
			if err != nil {
				return nil, err
			}
			if ok {
				d.Enumerated, d.Right = true, drafts[i].Text
				break
			}
		}
	}
	switch {
	case d.Chosen && answered:
	case d.Chosen:
		d.Cause = Refusing
	case d.Kept:
		d.Cause = Ranking
	case !d.Linked:
		d.Cause = ByLink
	case d.Enumerated:
		d.Cause = Cut
	case !used.literalsIn(drafts):
		d.Cause = Literal
	case !used.relationsIn(drafts):
		d.Cause = Relation
	default:
		d.Cause = Shape
	}
	return d, nil
}

// used are the constants of a gold query.
type used struct {
	entities  []string // IRIs of things
	relations []string // names
	literals  []string // numbers and texts of filters and patterns
}

// constantsOf sorts the constants of a query into entities, relations and
// literals. Classes and datatypes count as none of these.
func constantsOf(g *constrain.Graph, sparql string) used {
	var u used
	rels, schema := map[string]string{}, map[string]bool{}
	for _, r := range g.Relations() {
		for _, p := range r.Preds {
			if t, err := g.Snapshot().Term(p); err == nil {
				rels[t.Value] = r.Name
			}
		}
	}
	for _, c := range g.Classes() {
		for _, id := range c.IDs {
			if t, err := g.Snapshot().Term(id); err == nil {
				schema[t.Value] = true
			}
		}
	}
	for _, m := range constants.FindAllStringSubmatch(sparql, -1) {
		switch iri := m[1]; {
		case m[2] != "":
			u.literals = append(u.literals, constrain.Fold(m[2]))
		case m[3] != "":
			u.literals = append(u.literals, m[3])
		case iri == "" || schema[iri] || strings.HasPrefix(iri, "http://www.w3.org/"):
		case rels[iri] != "":
			u.relations = append(u.relations, rels[iri])
		case !slices.Contains(u.entities, iri):
			u.entities = append(u.entities, iri)
		}
	}
	return u
}

// recalled counts the entities that stand among the first candidates of some
// mention, and reports whether all of them are candidates at all.
func recalled(g *constrain.Graph, lq *link.Linked, entities []string) (n int, all bool) {
	all = true
	for _, iri := range entities {
		at := -1
		for _, m := range lq.Mentions {
			for i, x := range m.Nodes {
				if t, err := g.Snapshot().Term(g.ID(x)); err == nil && t.Value == iri && (at < 0 || i < at) {
					at = i
				}
			}
		}
		if at >= 0 && at < linkDepth {
			n++
		}
		all = all && at >= 0
	}
	return n, all
}

// literalsIn reports whether every literal of the gold query stands in some draft.
func (u *used) literalsIn(ds []draft.Draft) bool {
	return !slices.ContainsFunc(u.literals, func(l string) bool {
		return !slices.ContainsFunc(ds, func(d draft.Draft) bool {
			return slices.Contains(d.Pipeline.Names(), l) || strings.Contains(d.Text, " "+l)
		})
	})
}

// relationsIn reports whether every relation of the gold query stands in some
// draft.
func (u *used) relationsIn(ds []draft.Draft) bool {
	return !slices.ContainsFunc(u.relations, func(r string) bool {
		return !slices.ContainsFunc(ds, func(d draft.Draft) bool { return slices.Contains(d.Pipeline.Relations(), r) })
	})
}
