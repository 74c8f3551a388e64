package graphqlapi

import (
	"encoding/json"
	"fmt"

	"github.com/graphql-go/graphql"

	"github.com/quaestor-kg/quaestor/api"
)

// inferredLinkType is a link with what it is: stated or inferred.
var inferredLinkType = graphql.NewObject(graphql.ObjectConfig{Name: "InferredLink", Description: "A link: stated by the graph, or inferred and only likely", Fields: graphql.Fields{
	"subject":     {Type: graphql.NewNonNull(graphql.ID)},
	"property":    {Type: graphql.NewNonNull(graphql.ID)},
	"object":      {Type: graphql.NewNonNull(graphql.ID)},
	"label":       {Type: graphql.String, Description: "subject, property and object in words"},
	"kind":        {Type: graphql.NewNonNull(graphql.String), Description: "stated or inferred"},
	"negated":     {Type: graphql.NewNonNull(graphql.Boolean), Description: "the query asks that it does not hold"},
	"probability": {Type: graphql.Float, Description: "of inferred links; null if the predictor is not calibrated"},
}})

// likelyType is a likely link of an entity with its reasons.
var likelyType = graphql.NewObject(graphql.ObjectConfig{Name: "Likely", Description: "A link that is likely but not stated", Fields: graphql.Fields{
	"link":    {Type: graphql.NewNonNull(inferredLinkType)},
	"meaning": {Type: graphql.String, Description: "what such a probability has meant on held-out statements"},
	"reasons": {Type: graphql.NewNonNull(graphql.NewList(graphql.NewNonNull(inferredLinkType))), Description: "stated links that speak for it"},
}})

// inferredRowType is a row that is likely but not stated.
var inferredRowType = graphql.NewObject(graphql.ObjectConfig{Name: "InferredRow", Description: "A row that is likely but not stated", Fields: graphql.Fields{
	"values":      {Type: graphql.NewNonNull(graphql.NewList(graphql.NewNonNull(inferredValueType)))},
	"probability": {Type: graphql.Float},
	"meaning":     {Type: graphql.String},
	"links":       {Type: graphql.NewNonNull(graphql.NewList(graphql.NewNonNull(inferredLinkType))), Description: "what the row rests on"},
}})

var inferredValueType = graphql.NewObject(graphql.ObjectConfig{Name: "InferredValue", Fields: graphql.Fields{
	"variable": {Type: graphql.NewNonNull(graphql.String)},
	"value":    {Type: graphql.NewNonNull(literalType)},
	"label":    {Type: graphql.String},
}})

// The names of the root fields of inference.
const (
	likelyField   = "_likely"
	inferredField = "_inferred"
)

// inferenceFields are the root fields of a service that infers. What is only
// likely has fields of its own: no field of a type ever holds it.
func inferenceFields(h *Handler) graphql.Fields {
	common := func(first string, t graphql.Output, desc string) graphql.FieldConfigArgument {
		return graphql.FieldConfigArgument{
			first:     {Type: graphql.NewNonNull(t), Description: desc},
			"limit":   {Type: graphql.Int, DefaultValue: 10},
			"minimum": {Type: graphql.Float, DefaultValue: 0.1, Description: "least probability"},
		}
	}
	return graphql.Fields{
		likelyField: {
			Type: graphql.NewNonNull(graphql.NewList(graphql.NewNonNull(likelyType))), Resolve: h.likely,
			Args: common("id", graphql.ID, "the IRI of an entity"), Description: "What is likely and not stated about an entity",
		},
		inferredField: {
			Type: graphql.NewNonNull(graphql.NewList(graphql.NewNonNull(inferredRowType))), Resolve: h.inferred,
			Args: common("sparql", graphql.String, "a SELECT or ASK query whose pattern is a tree of links"), Description: "Rows of a SPARQL query that are likely and not stated",
		},
	}
}

// inferenceSDL is how the fields read in the schema definition language.
const inferenceSDL = `  _likely(id: ID!, limit: Int = 10, minimum: Float = 0.1): [Likely!]!
  _inferred(sparql: String!, limit: Int = 10, minimum: Float = 0.1): [InferredRow!]!
`

const inferenceTypesSDL = `
type InferredLink { subject: ID! property: ID! object: ID! label: String kind: String! negated: Boolean! probability: Float }
type Likely { link: InferredLink! meaning: String reasons: [InferredLink!]! }
type InferredValue { variable: String! value: Literal! label: String }
type InferredRow { values: [InferredValue!]! probability: Float meaning: String links: [InferredLink!]! }
`

func bounds(p graphql.ResolveParams) (limit int, least float64, err error) {
	limit, _ = p.Args["limit"].(int)
	least, _ = p.Args["minimum"].(float64)
	if limit < 1 || limit > api.MaxInferred || !(least > 0 && least < 1) {
		return 0, 0, api.NewProblem("bad-parameter", fmt.Sprintf("limit: want 1 to %d; minimum: a probability between 0 and 1", api.MaxInferred))
	}
	return limit, least, nil
}

func (h *Handler) likely(p graphql.ResolveParams) (any, error) {
	limit, least, err := bounds(p)
	if err != nil {
		return nil, err
	}
	l, err := h.svc.Likely(p.Context, fmt.Sprint(p.Args["id"]), limit, least)
	if err != nil {
		return nil, fmt.Errorf("%w", api.Classify(err))
	}
	p.Context.Value(traceKey{}).(*trace).snapshot = api.SnapshotID(l.Version)
	out := []map[string]any{}
	for _, x := range l.Items {
		item := map[string]any{"link": linkObject(x.InferredLink), "meaning": optional(x.Meaning)}
		reasons := []map[string]any{}
		for _, r := range x.Reasons {
			for _, y := range r.Links {
				reasons = append(reasons, linkObject(y))
			}
		}
		item["reasons"] = reasons
		out = append(out, item)
	}
	return out, nil
}

func (h *Handler) inferred(p graphql.ResolveParams) (any, error) {
	limit, least, err := bounds(p)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprint(p.Args["sparql"])
	rows, _, version, err := h.svc.InferredRows(p.Context, api.InferRequest{Text: text, Limit: limit, Min: least})
	if err != nil {
		return nil, fmt.Errorf("%w", api.Classify(err))
	}
	tr := p.Context.Value(traceKey{}).(*trace)
	tr.queries, tr.snapshot = append(tr.queries, text), api.SnapshotID(version)
	out := []map[string]any{}
	for _, r := range rows {
		values, links := []map[string]any{}, []map[string]any{}
		for _, v := range r.Vars {
			if t, ok := r.Terms[v]; ok {
				values = append(values, map[string]any{"variable": v, "value": valueText(t), "label": optional(t.Label)})
			}
		}
		for _, l := range r.Links {
			links = append(links, linkObject(l))
		}
		row := map[string]any{"values": values, "links": links, "meaning": optional(r.Meaning)}
		if r.Probability != nil {
			row["probability"] = *r.Probability
		}
		out = append(out, row)
	}
	return out, nil
}

func linkObject(l api.InferredLink) map[string]any {
	out := map[string]any{
		"subject": valueText(l.S), "property": valueText(l.P), "object": valueText(l.O), "kind": l.Kind, "negated": l.Negated,
		"label": sentence(l),
	}
	if l.Probability != nil {
		out["probability"] = *l.Probability
	}
	return out
}

func sentence(l api.InferredLink) string {
	name := func(t api.Term) string {
		if t.Label != "" {
			return t.Label
		}
		return valueText(t)
	}
	return name(l.S) + " · " + name(l.P) + " · " + name(l.O)
}

// valueText is the value of a term as text.
func valueText(t api.Term) string {
	var s string
	if json.Unmarshal(t.Value, &s) != nil {
		return string(t.Value)
	}
	return s
}

func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}
