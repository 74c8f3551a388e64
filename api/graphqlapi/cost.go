package graphqlapi

import (
	"fmt"

	"github.com/graphql-go/graphql/language/ast"

	"github.com/quaestor-kg/quaestor/api"
)

// Bounds of a request, counted on the parsed tree with fragments expanded.
const (
	MaxDepth = 15
	MaxCost  = 10_000
)

// measure holds a fragment's depth and cost once it is known.
type measure struct {
	depth, cost int
	open        bool // being measured: meeting it again is a cycle
}

// meter counts the depth and the number of fields of operations.
type meter struct {
	fragments map[string]*ast.FragmentDefinition
	known     map[string]*measure
}

// check refuses documents that are too deep or too large. It is linear in the
// size of the document: a fragment is measured once, however often it is used.
func check(doc *ast.Document) error {
	m := &meter{map[string]*ast.FragmentDefinition{}, map[string]*measure{}}
	for _, d := range doc.Definitions {
		if f, ok := d.(*ast.FragmentDefinition); ok && f.Name != nil {
			m.fragments[f.Name.Value] = f
		}
	}
	for _, d := range doc.Definitions {
		var set *ast.SelectionSet
		switch d := d.(type) {
		case *ast.OperationDefinition:
			set = d.SelectionSet
		case *ast.FragmentDefinition:
			set = d.SelectionSet // unused fragments are validated too
		default:
			continue
		}
		depth, cost, err := m.set(set, 0)
		if err != nil {
			return err
		}
		if depth > MaxDepth {
			return api.NewProblem("complexity", fmt.Sprintf("the query is %d levels deep; at most %d are allowed", depth, MaxDepth))
		}
		if cost > MaxCost {
			return api.NewProblem("complexity", fmt.Sprintf("the query asks for more than %d fields, fragments expanded", MaxCost))
		}
	}
	return nil
}

// set returns the depth and cost below a selection set. It gives up as soon as
// a bound is passed, so that neither numbers nor the stack overflow.
func (m *meter) set(s *ast.SelectionSet, level int) (depth, cost int, err error) {
	if s == nil {
		return 0, 0, nil
	}
	if level > 4*MaxDepth {
		return level, 0, nil
	}
	for _, sel := range s.Selections {
		d, c := 0, 0
		switch sel := sel.(type) {
		case *ast.Field:
			if d, c, err = m.set(sel.SelectionSet, level+1); err != nil {
				return 0, 0, err
			}
			d, c = d+1, c+1
		case *ast.InlineFragment:
			if d, c, err = m.set(sel.SelectionSet, level+1); err != nil {
				return 0, 0, err
			}
		case *ast.FragmentSpread:
			if d, c, err = m.fragment(sel.Name.Value, level); err != nil {
				return 0, 0, err
			}
		}
		depth = max(depth, d)
		cost = min(cost+c, MaxCost+1)
	}
	return depth, cost, nil
}

func (m *meter) fragment(name string, level int) (depth, cost int, err error) {
	if k := m.known[name]; k != nil {
		if k.open {
			return 0, 0, api.NewProblem("graphql-validation", fmt.Sprintf("fragment %q contains itself", name))
		}
		return k.depth, k.cost, nil
	}
	f := m.fragments[name]
	if f == nil {
		return 0, 0, nil // validation names it
	}
	k := &measure{open: true}
	m.known[name] = k
	k.depth, k.cost, err = m.set(f.SelectionSet, level+1)
	k.open = false
	return k.depth, k.cost, err
}
