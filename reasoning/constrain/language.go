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

// Operations.
const (
	Edge    = pipeline.Edge
	Type    = pipeline.Type
	With    = pipeline.With
	Without = pipeline.Without
	Max     = pipeline.Max
	Min     = pipeline.Min
	Where   = pipeline.Where
	Also    = pipeline.Also
	Most    = pipeline.Most
	Fewest  = pipeline.Fewest
	Having  = pipeline.Having
	Loop    = pipeline.Loop
	Reach   = pipeline.Reach
)

// Ends.
const (
	List  = pipeline.List
	Count = pipeline.Count
	Sum   = pipeline.Sum
	Avg   = pipeline.Avg
	Ask   = pipeline.Ask
	Diff  = pipeline.Diff
	Show  = pipeline.Show
	Group = pipeline.Group
	Calc  = pipeline.Calc
)

// Aggregates of groups.
const (
	CountAll = pipeline.CountAll
	SumOf    = pipeline.SumOf
	AvgOf    = pipeline.AvgOf
	MinOf    = pipeline.MinOf
	MaxOf    = pipeline.MaxOf
)

// Comparisons that are no single sign, and bounds of a query.
const (
	AtLeast     = pipeline.AtLeast
	AtMost      = pipeline.AtMost
	MaxSteps    = pipeline.MaxSteps
	MaxExtremes = pipeline.MaxExtremes
	MaxColumns  = pipeline.MaxColumns
	MaxN        = pipeline.MaxN
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
