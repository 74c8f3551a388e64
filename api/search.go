package api

import (
	"context"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/text"
)

// Found is one result of a search.
type Found struct {
	Kind   string `json:"kind"` // entity, class, property or literal
	IRI    string `json:"iri,omitempty"`
	Label  string `json:"label"`
	Curie  string `json:"curie,omitempty"`
	Class  string `json:"class,omitempty"`
	Degree int64  `json:"degree,omitempty"`
	Match  string `json:"match,omitempty"` // the name that matched, if it is not the label
}

// Search finds entities, classes and properties by name: names that start with
// the text first, then by words. kinds limits what is returned; empty means
// all but literals.
func (s *Service) Search(ctx context.Context, q string, kinds []string, k int) ([]Found, error) {
	found := []Found{}
	err := s.withSnapshot(func(snap kg.Snapshot) error {
		view, err := s.View(ctx, snap)
		if err != nil {
			return err
		}
		d := describer{snap, view}
		seen := map[kg.ID]bool{}
		take := func(id kg.ID, match string) error {
			if seen[id] || len(found) >= k {
				return nil
			}
			seen[id] = true
			f, err := s.found(ctx, d, id)
			if err != nil || !wanted(kinds, f.Kind) {
				return err
			}
			if match != f.Label {
				f.Match = match
			}
			found = append(found, f)
			return nil
		}
		if t := parseNode(q); q != "" {
			if id, ok, err := snap.Lookup(t); err != nil {
				return err
			} else if ok {
				if err := take(id, ""); err != nil {
					return err
				}
			}
		}
		// Classes and properties without a stated label go by their local name.
		if key := text.Fold(q); key != "" {
			for _, c := range view.Shape.Classes {
				if strings.HasPrefix(text.Fold(c.Label), key) {
					if err := take(c.ID, c.Label); err != nil {
						return err
					}
				}
			}
			for _, p := range view.Shape.Properties {
				if strings.HasPrefix(text.Fold(p.Label), key) {
					if err := take(p.ID, p.Label); err != nil {
						return err
					}
				}
			}
		}
		for _, e := range view.Text.Prefix(q, 4*k) {
			if err := take(e.ID, e.Label); err != nil {
				return err
			}
		}
		for _, h := range view.Text.Search(q, 8*k) {
			if err := take(h.ID, ""); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

func wanted(kinds []string, kind string) bool {
	if len(kinds) == 0 {
		return kind != "literal"
	}
	return slices.Contains(kinds, kind)
}

func (s *Service) found(ctx context.Context, d describer, id kg.ID) (Found, error) {
	t, err := d.snap.Term(id)
	if err != nil {
		return Found{}, err
	}
	if t.Kind == kg.Literal {
		return Found{Kind: "literal", Label: t.Value}, nil
	}
	f := Found{Kind: "entity", IRI: t.Value, Label: d.label(id, t), Curie: Curie(t.Value)}
	if t.Kind == kg.Blank {
		f.IRI = t.String()
	}
	for _, c := range d.view.Shape.Classes {
		if c.ID == id {
			f.Kind, f.Degree = "class", c.Instances
			return f, nil
		}
	}
	for _, p := range d.view.Shape.Properties {
		if p.ID == id {
			f.Kind, f.Degree = "property", p.Count
			return f, nil
		}
	}
	f.Degree = int64(d.snap.Estimate(kg.Pattern{S: id}) + d.snap.Estimate(kg.Pattern{O: id}))
	p, ok, err := d.snap.Lookup(kg.NewIRI(kg.RDFType))
	if err != nil || !ok {
		return f, err
	}
	c := d.snap.Scan(ctx, kg.Pattern{S: id, P: p}, kg.SPO)
	defer c.Close()
	if c.Next() {
		class := c.Quad().O
		ct, err := d.snap.Term(class)
		if err != nil {
			return f, err
		}
		f.Class = d.label(class, ct)
	}
	return f, c.Err()
}
