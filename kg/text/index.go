// Package text is full-text search over one snapshot: labels of entities and
// string literals, ranked by BM25, and labels by prefix for completion.
//
// The index is built in memory from a snapshot and never changes; whoever
// serves a store builds a new one when the version moves on.
package text

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// LabelPredicates are the properties whose values name their subject, best
// first.
var LabelPredicates = []string{
	kg.RDFSLabel,
	"http://www.w3.org/2004/02/skos/core#prefLabel",
	"http://schema.org/name",
	"https://schema.org/name",
	"http://xmlns.com/foaf/0.1/name",
	"http://purl.org/dc/terms/title",
	"http://purl.org/dc/elements/1.1/title",
}

// AliasPredicates are the properties whose values are further names.
var AliasPredicates = []string{
	"http://www.w3.org/2004/02/skos/core#altLabel",
	"http://schema.org/alternateName",
	"https://schema.org/alternateName",
	"http://xmlns.com/foaf/0.1/nick",
}

// Entry is one name of one entity.
type Entry struct {
	ID     kg.ID
	Label  string // as written
	Folded string // Fold(Label)
	Alias  bool   // from AliasPredicates
}

// BM25 parameters (Robertson and Zaragoza, The Probabilistic Relevance
// Framework, 2009, section 3.4): the usual values.
const (
	k1 = 1.2
	b  = 0.75
)

type posting struct {
	doc uint32
	tf  uint32
}

// Index answers text queries on the snapshot it was built from. It is safe for
// concurrent use.
type Index struct {
	version  uint64
	names    []Entry          // sorted by Folded, then ID
	label    map[kg.ID]string // the preferred label
	docs     []kg.ID          // a document is an entity (its name) or a literal
	lengths  []float32        // in words
	average  float64
	words    map[string]int // word -> index of postings
	postings [][]posting
}

var _ interface {
	Search(string, int) []kg.Hit
} = (*Index)(nil)

// Version is the commit number of the indexed snapshot.
func (x *Index) Version() uint64 { return x.version }

// Names returns every name, sorted by folded form. The caller must not change
// the slice.
func (x *Index) Names() []Entry { return x.names }

// Label returns the preferred label of an entity, or "".
func (x *Index) Label(id kg.ID) string { return x.label[id] }

// Build indexes a snapshot. It reads the label properties and every distinct
// string literal once.
func Build(ctx context.Context, s kg.Snapshot) (*Index, error) {
	x := &Index{version: s.Version(), label: map[kg.ID]string{}, words: map[string]int{}}
	rank := map[kg.ID]int{} // how good the label kept so far is: less is better
	seen := map[kg.ID]bool{}
	read := func(predicates []string, alias bool) error {
		for i, iri := range predicates {
			p, ok, err := s.Lookup(kg.NewIRI(iri))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := x.readNames(ctx, s, p, i, alias, rank, seen); err != nil {
				return err
			}
		}
		return nil
	}
	if err := read(LabelPredicates, false); err != nil {
		return nil, err
	}
	if err := read(AliasPredicates, true); err != nil {
		return nil, err
	}
	slices.SortFunc(x.names, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Folded, b.Folded), cmp.Compare(a.ID, b.ID), strings.Compare(a.Label, b.Label))
	})
	x.names = slices.Compact(x.names)
	if err := x.readLiterals(ctx, s, seen); err != nil {
		return nil, err
	}
	total := 0.0
	for _, n := range x.lengths {
		total += float64(n)
	}
	if len(x.docs) > 0 {
		x.average = total / float64(len(x.docs))
	}
	return x, nil
}

// languageRank prefers English and untagged labels; others come last.
func languageRank(t kg.Term) int {
	switch {
	case t.Lang == "en":
		return 0
	case t.Lang == "":
		return 1
	case strings.HasPrefix(t.Lang, "en-"):
		return 2
	}
	return 3
}

const batch = 1024

// readNames adds the names stated by one predicate. seen collects the literals
// that are names, so that readLiterals does not index them twice.
func (x *Index) readNames(ctx context.Context, s kg.Snapshot, p kg.ID, nth int, alias bool, rank map[kg.ID]int, seen map[kg.ID]bool) error {
	c := s.Scan(ctx, kg.Pattern{P: p}, kg.PSO)
	defer c.Close()
	quads := make([]kg.Quad, batch)
	ids := make([]kg.ID, batch)
	terms := make([]kg.Term, batch)
	for {
		n := kg.NextBatch(c, quads)
		if n == 0 {
			return c.Err()
		}
		for i, q := range quads[:n] {
			ids[i] = q.O
		}
		if err := kg.Terms(s, ids[:n], terms[:n]); err != nil {
			return err
		}
		for i, q := range quads[:n] {
			t := terms[i]
			if t.Kind != kg.Literal {
				continue
			}
			seen[q.O] = true
			e := Entry{ID: q.S, Label: t.Value, Folded: Fold(t.Value), Alias: alias}
			if e.Folded == "" {
				continue
			}
			x.names = append(x.names, e)
			x.add(q.S, t.Value)
			if r := nth*4 + languageRank(t); !alias {
				if old, ok := rank[q.S]; !ok || r < old {
					rank[q.S], x.label[q.S] = r, t.Value
				}
			}
		}
	}
}

func (x *Index) readLiterals(ctx context.Context, s kg.Snapshot, seen map[kg.ID]bool) error {
	var ids []kg.ID
	flush := func() error {
		terms := make([]kg.Term, len(ids))
		if err := kg.Terms(s, ids, terms); err != nil {
			return err
		}
		for i, t := range terms {
			x.add(ids[i], t.Value)
		}
		ids = ids[:0]
		return nil
	}
	take := func(id kg.ID) error {
		switch id.Tag() {
		case kg.TagString, kg.TagShort, kg.TagLang:
			if !seen[id] {
				ids = append(ids, id)
			}
		}
		if len(ids) >= batch {
			return flush()
		}
		return nil
	}
	if d, ok := s.(kg.DistinctScanner); ok {
		for id := range d.Distinct(ctx, kg.OSP) {
			if err := take(id); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return flush()
	}
	c := s.Scan(ctx, kg.Pattern{}, kg.OSP)
	defer c.Close()
	last := kg.Any
	for c.Next() {
		if o := c.Quad().O; o != last {
			last = o
			if err := take(o); err != nil {
				return err
			}
		}
	}
	if err := c.Err(); err != nil {
		return err
	}
	return flush()
}

// add indexes one document.
func (x *Index) add(id kg.ID, s string) {
	words := Tokens(s)
	if len(words) == 0 {
		return
	}
	doc := uint32(len(x.docs))
	x.docs = append(x.docs, id)
	x.lengths = append(x.lengths, float32(len(words)))
	for _, w := range words {
		i, ok := x.words[w]
		if !ok {
			i = len(x.postings)
			x.words[strings.Clone(w)] = i
			x.postings = append(x.postings, nil)
		}
		ps := x.postings[i]
		if n := len(ps); n > 0 && ps[n-1].doc == doc {
			ps[n-1].tf++
			continue
		}
		x.postings[i] = append(ps, posting{doc: doc, tf: 1})
	}
}

// Search returns the k best documents for the words of a query, best first:
// entities by their names, and literals. An entity counts with its best name.
// Equal scores order by id.
func (x *Index) Search(query string, k int) []kg.Hit {
	words := Tokens(query)
	slices.Sort(words)
	words = slices.Compact(words)
	scores := map[uint32]float64{}
	for _, w := range words {
		i, ok := x.words[w]
		if !ok {
			continue
		}
		df := float64(len(x.postings[i]))
		idf := math.Log(1 + (float64(len(x.docs))-df+0.5)/(df+0.5))
		for _, p := range x.postings[i] {
			tf := float64(p.tf)
			norm := k1 * (1 - b + b*float64(x.lengths[p.doc])/x.average)
			scores[p.doc] += idf * tf * (k1 + 1) / (tf + norm)
		}
	}
	best := map[kg.ID]float64{}
	for doc, sc := range scores {
		if id := x.docs[doc]; sc > best[id] {
			best[id] = sc
		}
	}
	hits := make([]kg.Hit, 0, len(best))
	for id, sc := range best {
		hits = append(hits, kg.Hit{ID: id, Score: sc})
	}
	slices.SortFunc(hits, func(a, b kg.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return hits[:min(k, len(hits))]
}

// Prefix returns up to k names whose folded form starts with the folded
// prefix, shortest first.
func (x *Index) Prefix(prefix string, k int) []Entry {
	p := Fold(prefix)
	lo := sort.Search(len(x.names), func(i int) bool { return x.names[i].Folded >= p })
	hi := lo + sort.Search(len(x.names)-lo, func(i int) bool { return !strings.HasPrefix(x.names[lo+i].Folded, p) })
	found := slices.Clone(x.names[lo:hi])
	slices.SortStableFunc(found, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(len(a.Folded), len(b.Folded)), strings.Compare(a.Folded, b.Folded))
	})
	return found[:min(k, len(found))]
}

// Exact returns the names whose folded form equals the folded string.
func (x *Index) Exact(name string) []Entry {
	p := Fold(name)
	lo := sort.Search(len(x.names), func(i int) bool { return x.names[i].Folded >= p })
	hi := lo
	for hi < len(x.names) && x.names[hi].Folded == p {
		hi++
	}
	return x.names[lo:hi]
}
