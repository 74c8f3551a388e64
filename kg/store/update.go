package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// tx is a write transaction: a state with a delta of its own.
type tx struct {
	snapshot                  // view.Delta is frozen and may lack the newest writes
	from     *state           // what the transaction began with
	delta    *index.Delta     // with all writes
	stale    bool             // view.Delta lacks writes
	changed  map[kg.Quad]bool // presence of the quads that differ from from's
	terms    [numTags][]string
	ids      [numTags]map[string]kg.ID
	order    []newTerm // terms as they were interned
}

var _ kg.Tx = (*tx)(nil)

// Update implements kg.Store.
func (s *Store) Update(ctx context.Context, fn func(kg.Tx) error) error {
	wait, err := s.update(ctx, fn)
	if wait != nil {
		// Updates outrun the compaction: let it catch up.
		select {
		case <-wait.done:
		case <-ctx.Done():
		}
	}
	return err
}

func (s *Store) update(ctx context.Context, fn func(kg.Tx) error) (wait *job, err error) {
	if err := s.lockWriter(ctx); err != nil {
		return nil, err
	}
	defer s.unlockWriter()
	from, err := s.writable(ctx)
	if err != nil {
		return nil, err
	}
	x := begin(from)
	defer x.closed.Store(true)
	if err := fn(x); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.commit(x); err != nil {
		return nil, err
	}
	if s.excess(s.cur) > 4 {
		wait = s.background
	}
	return wait, nil
}

func begin(from *state) *tx {
	x := &tx{from: from, delta: from.view.Delta.Fork(), changed: map[kg.Quad]bool{}}
	x.state = &state{dictionary: from.dictionary, view: from.view, base: from.base, root: from.root, version: from.version}
	for i := range x.ids {
		x.ids[i] = map[string]kg.ID{}
	}
	return x
}

// show makes the transaction's own writes visible to scans that begin now.
func (x *tx) show() {
	if x.stale {
		x.view.Delta = x.delta.Freeze()
		x.stale = false
	}
}

// Close does nothing: Update ends the transaction.
func (x *tx) Close() error { return nil }

func (x *tx) Scan(ctx context.Context, p kg.Pattern, o kg.Order) kg.Cursor {
	x.show()
	return x.snapshot.Scan(ctx, p, o)
}

func (x *tx) Estimate(p kg.Pattern) float64 {
	x.show()
	return x.snapshot.Estimate(p)
}

func (x *tx) PredicateStats(p kg.ID) (kg.PredicateStats, bool) {
	x.show()
	return x.snapshot.PredicateStats(p)
}

func (x *tx) Distinct(ctx context.Context, o kg.Order) iter.Seq2[kg.ID, int64] {
	x.show()
	return x.snapshot.Distinct(ctx, o)
}

func (x *tx) Size() int64 {
	x.show()
	return x.snapshot.Size()
}

func (x *tx) Lookup(t kg.Term) (kg.ID, bool, error) {
	if x.closed.Load() {
		return 0, false, kg.ErrClosed
	}
	return x.find(t)
}

// find looks a term up in the transaction and in what it began with.
func (x *tx) find(t kg.Term) (kg.ID, bool, error) {
	if t.Kind == kg.None {
		return 0, false, nil
	}
	if id, ok := dict.Inline(t); ok {
		return id, true, nil
	}
	tag, key, ok, err := keyFor(nil, t, x.find)
	if err != nil || !ok {
		return 0, false, err
	}
	if id, ok := x.ids[tag][string(key)]; ok {
		return id, true, nil
	}
	return x.from.lookup(tag, key)
}

func (x *tx) Term(id kg.ID) (kg.Term, error) {
	if x.closed.Load() {
		return kg.Term{}, kg.ErrClosed
	}
	if tag := id.Tag(); inDictionary(tag) && id.Payload() >= x.from.next[tag] {
		n := id.Payload() - x.from.next[tag]
		if n >= uint64(len(x.terms[tag])) {
			return kg.Term{}, unknown(id)
		}
		return parseTerm(tag, []byte(x.terms[tag][n]), x.Term)
	}
	return x.from.term(id)
}

func (x *tx) Terms(ids []kg.ID, dst []kg.Term) error {
	for i, id := range ids {
		t, err := x.Term(id)
		if err != nil {
			return err
		}
		dst[i] = t
	}
	return nil
}

// Intern implements kg.Tx.
func (x *tx) Intern(t kg.Term) (kg.ID, error) {
	if x.closed.Load() {
		return 0, kg.ErrClosed
	}
	if id, ok := dict.Inline(t); ok {
		return id, nil
	}
	tag, key, _, err := keyFor(nil, t, func(u kg.Term) (kg.ID, bool, error) {
		id, err := x.Intern(u)
		return id, err == nil, err
	})
	if err != nil {
		return 0, err
	}
	return x.internKey(tag, key)
}

func (x *tx) internKey(tag kg.Tag, key []byte) (kg.ID, error) {
	if id, ok := x.ids[tag][string(key)]; ok {
		return id, nil
	}
	if id, ok, err := x.from.lookup(tag, key); err != nil || ok {
		return id, err
	}
	id := kg.MakeID(tag, x.from.next[tag]+uint64(len(x.terms[tag])))
	k := string(key)
	x.ids[tag][k] = id
	x.terms[tag] = append(x.terms[tag], k)
	x.order = append(x.order, newTerm{tag, k})
	return id, nil
}

func (x *tx) knows(id kg.ID) bool {
	if tag := id.Tag(); inDictionary(tag) {
		return id.Payload() < x.from.next[tag]+uint64(len(x.terms[tag]))
	}
	return x.from.known(id)
}

// check refuses quads that no store may hold.
func (x *tx) check(q kg.Quad) error {
	if x.closed.Load() {
		return kg.ErrClosed
	}
	for i, id := range [3]kg.ID{q.S, q.P, q.O} {
		if !x.knows(id) {
			return fmt.Errorf("store: insert %v: %s: %w", q, [3]string{"subject", "predicate", "object"}[i], unknown(id))
		}
	}
	if tag := q.G.Tag(); q.G != kg.DefaultGraph && (tag != kg.TagIRI && tag != kg.TagBlank || !x.knows(q.G)) {
		return fmt.Errorf("store: insert %v: the graph must be the default graph, a known IRI or a known blank node", q)
	}
	return nil
}

// has reports whether a quad is present, its own writes included.
func (x *tx) has(q kg.Quad) (present, stored bool, err error) {
	added, deleted := x.delta.Get(q)
	switch {
	case added:
		return true, false, nil
	case deleted:
		return false, true, nil
	}
	stored, err = x.view.Stored(q)
	return stored, stored, err
}

// Insert implements kg.Tx.
func (x *tx) Insert(q kg.Quad) (bool, error) {
	if err := x.check(q); err != nil {
		return false, err
	}
	present, stored, err := x.has(q)
	if err != nil || present {
		return false, err
	}
	if stored {
		x.delta.Drop(q)
	} else {
		x.delta.Put(q, false)
	}
	x.flip(q, true)
	return true, nil
}

// Delete implements kg.Tx.
func (x *tx) Delete(q kg.Quad) (bool, error) {
	if x.closed.Load() {
		return false, kg.ErrClosed
	}
	present, stored, err := x.has(q)
	if err != nil || !present {
		return false, err
	}
	if stored {
		x.delta.Put(q, true)
	} else {
		x.delta.Drop(q)
	}
	x.flip(q, false)
	return true, nil
}

func (x *tx) flip(q kg.Quad, present bool) {
	x.stale = true
	if _, ok := x.changed[q]; ok {
		delete(x.changed, q) // back to what it was
	} else {
		x.changed[q] = present
	}
}

// apply repeats a commit's changes on a delta. What they add is absent before,
// and what they remove is present, so the delta alone tells what to do.
func (c *change) apply(d *index.Delta) {
	for _, q := range c.added {
		if _, deleted := d.Get(q); deleted {
			d.Drop(q)
		} else {
			d.Put(q, false)
		}
	}
	for _, q := range c.removed {
		if added, _ := d.Get(q); added {
			d.Drop(q)
		} else {
			d.Put(q, true)
		}
	}
}

// extend adds a commit's terms to a dictionary.
func (d *dictionary) extend(terms []newTerm) {
	for _, t := range terms {
		d.over.add(t.tag, t.key)
		d.next[t.tag]++
	}
}

// commit logs what a transaction changed and makes it visible. The caller
// holds the writer's lock.
func (s *Store) commit(x *tx) error {
	if len(x.changed) == 0 {
		return nil
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	c := &change{terms: x.order}
	for q, present := range x.changed {
		if present {
			c.added = append(c.added, q)
		} else {
			c.removed = append(c.removed, q)
		}
	}
	next := &state{dictionary: x.from.dictionary, view: x.from.view, base: x.from.base, root: x.from.root, version: x.from.version + 1}
	next.view.Delta = x.delta.Freeze()
	body := c.encode()
	first, err := putLog(next.version, x.from.chain, body, s.stage)
	if err != nil {
		return s.poison(err)
	}
	next.chain = chainHash(x.from.chain, logHash(first))
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	if err := txn.Set(partKey(kindLog, next.version, -1, 0), first); err != nil {
		return s.poison(err)
	}
	if err := txn.Commit(); err != nil {
		return s.poison(err)
	}
	if err := s.acknowledge(next.version, next.chain); err != nil {
		return s.poison(err)
	}
	next.extend(c.terms)
	if s.tail != nil {
		s.tail.add(c)
	}
	s.publish(next)
	s.compactIfLarge(next)
	return nil
}
