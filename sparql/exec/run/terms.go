package run

import (
	"fmt"
	"slices"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
)

// Terms maps ids to terms and back for one run. Terms that the store does not
// have get ids of TagLocal; equal terms get equal ids.
type Terms struct {
	env   *Env
	local []*kg.Term
	ids   map[kg.Term]kg.ID // local ids and known store ids, of all but triple terms
	trip  map[string]kg.ID  // the same for triple terms, by their text
	cache []cacheEntry      // direct mapped
}

type cacheEntry struct {
	id kg.ID
	t  *kg.Term
}

const (
	cacheBits = 14
	// A term held in the cache or the table is charged with its struct, its map
	// entry and its text.
	termBytes = 240
)

func newTerms(e *Env) *Terms {
	return &Terms{env: e}
}

func cacheSlot(id kg.ID) int { return int(uint64(id) * 0x9E3779B97F4A7C15 >> (64 - cacheBits)) }

// Term returns the term of an id; the zero Term for Any.
func (t *Terms) Term(id kg.ID) (*kg.Term, error) {
	if id.Tag() == kg.TagLocal {
		if i := id.Payload(); i < uint64(len(t.local)) {
			return t.local[i], nil
		}
		return nil, fmt.Errorf("%w: %#x", kg.ErrUnknownID, uint64(id))
	}
	if t.cache == nil {
		t.cache = make([]cacheEntry, 1<<cacheBits)
	}
	c := &t.cache[cacheSlot(id)]
	if c.t != nil && c.id == id {
		return c.t, nil
	}
	var term kg.Term
	var err error
	if v, ok := dict.Value(id); ok {
		term = v
	} else if term, err = t.env.Snap.Term(id); err != nil {
		return nil, t.env.Fault("term look-up", err)
	}
	*c = cacheEntry{id: id, t: &term}
	return &term, nil
}

// Resolve writes the terms of many ids; dst has the length of ids. Snapshots
// that resolve batches do so for the ids that are not cached.
func (t *Terms) Resolve(ids []kg.ID, dst []kg.Term) error {
	b, ok := t.env.Snap.(kg.TermBatcher)
	var miss []kg.ID
	var at []int
	for i, id := range ids {
		switch {
		case id == kg.Any:
			dst[i] = kg.Term{}
		case id.Tag() == kg.TagLocal || !ok:
			p, err := t.Term(id)
			if err != nil {
				return err
			}
			dst[i] = *p
		case id.Inlined():
			dst[i], _ = dict.Value(id)
		default:
			miss, at = append(miss, id), append(at, i)
		}
	}
	if len(miss) == 0 {
		return nil
	}
	out := make([]kg.Term, len(miss))
	if err := b.Terms(miss, out); err != nil {
		return t.env.Fault("term look-up", err)
	}
	for i, j := range at {
		dst[j] = out[i]
	}
	return nil
}

// Intern returns the id of a term.
func (t *Terms) Intern(term kg.Term) (kg.ID, error) {
	if term.Kind == kg.None {
		return kg.Any, nil
	}
	if id, ok := dict.Inline(term); ok {
		return id, nil
	}
	key := ""
	if term.Kind == kg.Triple {
		key = term.String()
		if id, ok := t.trip[key]; ok {
			return id, nil
		}
	} else if id, ok := t.ids[term]; ok {
		return id, nil
	}
	id, ok, err := t.env.Snap.Lookup(term)
	if err != nil {
		return 0, t.env.Fault("term look-up", err)
	}
	if !ok {
		id = kg.MakeID(kg.TagLocal, uint64(len(t.local)))
		t.local = append(t.local, &term)
	}
	if err := t.env.Grow(termBytes+int64(len(term.Value)+len(key)), "computed terms"); err != nil {
		return 0, err
	}
	if term.Kind == kg.Triple {
		if t.trip == nil {
			t.trip = map[string]kg.ID{}
		}
		t.trip[key] = id
	} else {
		if t.ids == nil {
			t.ids = map[kg.Term]kg.ID{}
		}
		t.ids[term] = id
	}
	return id, nil
}

// Missing reports whether the id stands for a term that the store does not
// have, so that no quad can match it.
func Missing(id kg.ID) bool { return id.Tag() == kg.TagLocal }

// Prefetch brings the terms of many ids into the cache. It changes ids.
func (t *Terms) Prefetch(ids []kg.ID) error {
	b, ok := t.env.Snap.(kg.TermBatcher)
	if !ok {
		return nil
	}
	if t.cache == nil {
		t.cache = make([]cacheEntry, 1<<cacheBits)
	}
	n := 0
	for _, id := range ids {
		if tag := id.Tag(); tag == kg.TagReserved || tag == kg.TagLocal || id.Inlined() {
			continue
		}
		if c := &t.cache[cacheSlot(id)]; c.t == nil || c.id != id {
			ids[n] = id
			n++
		}
	}
	ids = ids[:n]
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return nil
	}
	terms := make([]kg.Term, len(ids))
	if err := b.Terms(ids, terms); err != nil {
		return t.env.Fault("term look-up", err)
	}
	for i, id := range ids {
		t.cache[cacheSlot(id)] = cacheEntry{id: id, t: &terms[i]}
	}
	return nil
}
