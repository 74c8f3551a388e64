package sources

import (
	"cmp"
	"context"
	"github.com/quaestor-kg/quaestor/api"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// FactItem is a tagged fact of a document, with what other filings of the
// company state for the same thing.
type FactItem struct {
	ID       string        `json:"id"` // of the tag
	IRI      string        `json:"iri"`
	Concept  string        `json:"concept"` // IRI
	Name     string        `json:"name"`    // prefixed, such as us-gaap:Revenues
	Label    string        `json:"label"`
	Own      bool          `json:"own,omitempty"` // an extension of the company
	Value    string        `json:"value"`
	Numeric  bool          `json:"numeric,omitempty"`
	Nil      bool          `json:"nil,omitempty"`
	Unit     string        `json:"unit,omitempty"`
	Decimals string        `json:"decimals,omitempty"`
	Scale    int           `json:"scale,omitempty"`
	Start    string        `json:"start,omitempty"` // of the period; absent: a point in time
	End      string        `json:"end,omitempty"`
	Dims     []FactDim     `json:"dims,omitempty"`
	Row      string        `json:"row,omitempty"`
	Column   string        `json:"column,omitempty"`
	Footnote string        `json:"footnote,omitempty"`
	Page     int           `json:"page,omitempty"` // from 1; absent: hidden
	Span     FactSpan      `json:"span"`
	Versions []FactVersion `json:"versions,omitempty"` // other filings, oldest first
}

// FactDim is a dimension of a fact.
type FactDim struct {
	Axis   string `json:"axis"`
	Member string `json:"member"`
}

// FactSpan is where a fact stands.
type FactSpan struct {
	Doc    string `json:"doc"`
	Start  int64  `json:"start"`
	End    int64  `json:"end"`
	SHA256 string `json:"sha256"` // its beginning
}

// FactVersion is the same thing as another filing states it.
type FactVersion struct {
	Doc      string   `json:"doc"`
	Title    string   `json:"title"`
	Filed    string   `json:"filed,omitempty"`
	Value    string   `json:"value"`
	Decimals string   `json:"decimals,omitempty"`
	Differs  bool     `json:"differs,omitempty"` // beyond what rounding explains: a restatement
	Page     int      `json:"page,omitempty"`
	Span     FactSpan `json:"span"`
}

// FactQuery selects facts of a document.
type FactQuery struct {
	// As is "all" (as this document states them), "first" or "latest": the value
	// of the earliest or the newest filing that states the same thing.
	As      string
	Concept string // IRI or a part of the name or label
	Cursor  string
	K       int
}

// FactPage is a part of a document's facts.
type FactPage struct {
	Document DocumentItem `json:"document"`
	Items    []FactItem   `json:"items"`
	Total    int          `json:"total"`
	Next     string       `json:"next,omitempty"`
}

// DocumentFacts returns facts of a document in the order in which they stand.
func (s *Sources) DocumentFacts(ctx context.Context, id string, q FactQuery) (page *FactPage, err error) {
	if q.As != "" && q.As != "all" && q.As != "first" && q.As != "latest" {
		return nil, api.NewProblem("bad-parameter", "as: want all, first or latest")
	}
	from := 0
	if q.Cursor != "" {
		if from, err = strconv.Atoi(q.Cursor); err != nil || from < 0 {
			return nil, api.NewProblem("bad-parameter", "cursor: pass what next said")
		}
	}
	err = s.withSnapshot(func(snap kg.Snapshot) error {
		d, err := doc.Get(ctx, snap, documentIRI(id))
		if err != nil {
			return unknownDocument(id, err)
		}
		all, names, err := documents(ctx, snap)
		if err != nil {
			return err
		}
		labels, err := conceptLabels(ctx, snap)
		if err != nil {
			return err
		}
		reader, err := fact.Open(snap)
		if err != nil {
			return err
		}
		var facts []fact.Fact
		for f, err := range reader.InGraph(ctx, d.Graph) {
			if err != nil {
				return err
			}
			if q.Concept == "" || f.Concept == q.Concept || strings.Contains(strings.ToLower(f.Concept+" "+labels[f.Concept]), strings.ToLower(q.Concept)) {
				facts = append(facts, f)
			}
		}
		slices.SortStableFunc(facts, func(a, b fact.Fact) int {
			// hidden facts last
			return cmp.Or(cmp.Compare(hidden(a), hidden(b)), cmp.Compare(a.Span.Start, b.Span.Start), cmp.Compare(a.ID, b.ID))
		})
		page = &FactPage{Document: item(d, names), Items: []FactItem{}, Total: len(facts)}
		part := facts[min(from, len(facts)):min(from+q.K, len(facts))]
		if from+q.K < len(facts) {
			page.Next = strconv.Itoa(from + q.K)
		}
		others, err := s.versions(ctx, reader, d, all, names, part)
		if err != nil {
			return err
		}
		for i := range part {
			it := factItem(&part[i], labels)
			it.Versions = others[part[i].Key()]
			if pick := chosen(q.As, d, it.Versions); pick != nil {
				it.Value, it.Decimals, it.Page, it.Span = pick.Value, pick.Decimals, pick.Page, pick.Span
			}
			page.Items = append(page.Items, it)
		}
		return nil
	})
	return page, err
}

func hidden(f fact.Fact) int {
	if f.Span.Page < 0 {
		return 1
	}
	return 0
}

// chosen returns the version that "first" or "latest" asks for, or nil if it is
// the document's own.
func chosen(as string, d doc.Document, versions []FactVersion) *FactVersion {
	own := cmp.Or(d.Filed, d.PeriodEnd)
	switch {
	case len(versions) == 0:
	case as == "first" && versions[0].Filed < own:
		return &versions[0]
	case as == "latest" && versions[len(versions)-1].Filed > own:
		return &versions[len(versions)-1]
	}
	return nil
}

// versions finds, for facts of a document, what the company's other filings
// state under the same key.
func (s *Sources) versions(ctx context.Context, r *fact.Reader, d doc.Document, all []doc.Document, names map[string]string, facts []fact.Fact) (map[string][]FactVersion, error) {
	wanted := map[string]*fact.Fact{}
	for i := range facts {
		if facts[i].Numeric {
			wanted[facts[i].Key()] = &facts[i]
		}
	}
	out := map[string][]FactVersion{}
	if len(wanted) == 0 {
		return out, nil
	}
	for _, other := range all {
		if !other.Main() || other.Company != d.Company || other.ID == d.Graph {
			continue
		}
		for f, err := range r.InGraph(ctx, other.Graph) {
			if err != nil {
				return nil, err
			}
			mine, ok := wanted[f.Key()]
			if !ok || !f.Numeric || slices.ContainsFunc(out[f.Key()], func(v FactVersion) bool { return v.Doc == strings.TrimPrefix(other.ID, doc.Base) }) {
				continue
			}
			out[f.Key()] = append(out[f.Key()], FactVersion{
				Doc: strings.TrimPrefix(other.ID, doc.Base), Title: item(other, names).Title, Filed: cmp.Or(other.Filed, other.PeriodEnd),
				Value: f.Value, Decimals: f.Decimals, Differs: !fact.Consistent(mine, &f), Page: f.Span.Page + 1, Span: factSpan(f.Span),
			})
		}
	}
	for _, v := range out {
		slices.SortFunc(v, func(a, b FactVersion) int { return cmp.Or(cmp.Compare(a.Filed, b.Filed), cmp.Compare(a.Doc, b.Doc)) })
	}
	return out, nil
}

func conceptLabels(ctx context.Context, snap kg.Snapshot) (map[string]string, error) {
	concepts, err := fact.Concepts(ctx, snap)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{}
	for _, c := range concepts {
		labels[c.IRI] = c.Label
	}
	return labels, nil
}

func factSpan(s doc.Span) FactSpan {
	return FactSpan{Doc: strings.TrimPrefix(s.Doc, doc.Base), Start: s.Start, End: s.End, SHA256: s.Hash}
}

func factItem(f *fact.Fact, labels map[string]string) FactItem {
	name := func(iri string) string {
		if space, local, ok := fact.Name(iri); ok {
			return space + ":" + local
		}
		return iri
	}
	label := func(iri string) string {
		if l := labels[iri]; l != "" {
			return l
		}
		if _, local, ok := fact.Name(iri); ok {
			return fact.LabelOf(local)
		}
		return iri
	}
	it := FactItem{
		ID: f.LocalID(), IRI: f.ID, Concept: f.Concept, Name: name(f.Concept), Label: label(f.Concept), Value: f.Value, Numeric: f.Numeric, Nil: f.Nil,
		Unit: f.Unit, Decimals: f.Decimals, Scale: f.Scale, Start: f.Period.Start, End: f.Period.End,
		Row: f.Row, Column: f.Column, Footnote: f.Footnote, Page: f.Span.Page + 1, Span: factSpan(f.Span),
	}
	if space, _, ok := fact.Name(f.Concept); ok {
		it.Own = strings.Contains(space, ".") // a standard taxonomy has a prefix, a company an address
	}
	for _, d := range f.Dims {
		it.Dims = append(it.Dims, FactDim{label(d.Axis), label(d.Member)})
	}
	return it
}
