package constrain

import (
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain/pipeline"
)

// The language of package pipeline, under the names by which everything that has
// a graph uses it.
type (
	Pipeline   = pipeline.Pipeline
	Anchor     = pipeline.Anchor
	Step       = pipeline.Step
	Op         = pipeline.Op
	OpKind     = pipeline.OpKind
	End        = pipeline.End
	EndKind    = pipeline.EndKind
	Aggregate  = pipeline.Aggregate
	ParseError = pipeline.ParseError
)

// Operations, ends, aggregates, comparisons and bounds of a query.
const (
	Edge, Type, With, Without, Max, Min, Where            = pipeline.Edge, pipeline.Type, pipeline.With, pipeline.Without, pipeline.Max, pipeline.Min, pipeline.Where
	Also, Most, Fewest, Having, Loop, Reach               = pipeline.Also, pipeline.Most, pipeline.Fewest, pipeline.Having, pipeline.Loop, pipeline.Reach
	List, Count, Sum, Avg, Ask, Diff, Show, Group, Calc   = pipeline.List, pipeline.Count, pipeline.Sum, pipeline.Avg, pipeline.Ask, pipeline.Diff, pipeline.Show, pipeline.Group, pipeline.Calc
	CountAll, SumOf, AvgOf, MinOf, MaxOf, AtLeast, AtMost = pipeline.CountAll, pipeline.SumOf, pipeline.AvgOf, pipeline.MinOf, pipeline.MaxOf, pipeline.AtLeast, pipeline.AtMost
	MaxSteps, MaxExtremes, MaxColumns, MaxN               = pipeline.MaxSteps, pipeline.MaxExtremes, pipeline.MaxColumns, pipeline.MaxN
)

// Parse reads the text of a pipeline.
func Parse(text string) (Pipeline, error) { return pipeline.Parse(text) }

// IsNumber reports whether a word is a number that a filter can copy.
func IsNumber(s string) bool { return pipeline.IsNumber(s) }

// IsDate reports whether a word is a day or a month.
func IsDate(s string) bool { return pipeline.IsDate(s) }

// compareSign is a comparison as SPARQL writes it.
func compareSign(cmp byte) string { return strings.TrimSpace(pipeline.CompareText(cmp)) }

// Reading says in English what a bound pipeline asks.
func (g *Graph) Reading(p Pipeline) string {
	return pipeline.Reading(p, func(a Anchor) string {
		if ns := g.Lookup(a.Name); len(ns) > 0 {
			return g.Label(ns[0])
		}
		return a.Name
	})
}
