package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
)

// tx is a write transaction: a state, and what is to change in it.
type tx struct {
	snapshot
	base    *state
	added   map[kg.Quad]bool // not in base
	removed map[kg.Quad]bool // in base
	terms   []newTerm
	ids     [numTags]map[string]kg.ID
	dirty   bool // state does not show added and removed
}

type newTerm struct {
	tag kg.Tag
	key string
}

var _ kg.Tx = (*tx)(nil)

// Update implements kg.Store.
func (s *Store) Update(ctx context.Context, fn func(kg.Tx) error) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	base, err := s.current(ctx)
	if err != nil {
		return err
	}
	x := s.begin(base)
	err = fn(x)
	x.closed.Store(true)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.commit(x); err != nil {
		return err
	}
	if s.cur.delta.size() > s.opt.MaxDelta {
		return s.compact(ctx)
	}
	return nil
}

func (s *Store) begin(base *state) *tx {
	x := &tx{base: base, added: map[kg.Quad]bool{}, removed: map[kg.Quad]bool{}}
	x.state = x.derive(base.delta)
	for i := range x.ids {
		x.ids[i] = map[string]kg.ID{}
	}
	return x
}

// derive copies the base state with another delta.
func (x *tx) derive(d *delta) *state {
	st := &state{dictionary: x.base.dictionary, root: x.base.root, segments: x.base.segments, delta: d, version: x.base.version}
	st.size = x.base.size + int64(len(x.added)) - int64(len(x.removed))
	return st
}

// show makes the transaction's own writes visible to its scans.
func (x *tx) show() {
	if !x.dirty {
		return
	}
	x.dirty = false
	x.state = x.derive(x.base.delta.with(x.added, x.removed))
}

// with returns the delta with changes: quads that are added may cancel
// removals of the base, and the other way round.
func (d *delta) with(added, removed map[kg.Quad]bool) *delta {
	var plus, back, minus, undo []kg.Quad
	for q := range added {
		if d.removed.has(q) {
			back = append(back, q)
		} else {
			plus = append(plus, q)
		}
	}
	for q := range removed {
		if d.added.has(q) {
			undo = append(undo, q)
		} else {
			minus = append(minus, q)
		}
	}
	return &delta{added: d.added.with(plus, undo), removed: d.removed.with(minus, back)}
}

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

func (x *tx) Size() int64 { return x.base.size + int64(len(x.added)) - int64(len(x.removed)) }

func (x *tx) Lookup(t kg.Term) (kg.ID, bool, error) {
	if x.closed.Load() {
		return 0, false, kg.ErrClosed
	}
	return x.find(t)
}

// find looks a term up in the transaction and its base.
func (x *tx) find(t kg.Term) (kg.ID, bool, error) {
	if t.Kind == kg.None {
		return 0, false, nil
	}
	if id, ok := dict.Inline(t); ok {
		return id, true, nil
	}
	tag, key, ok, err := keyFor(t, x.find)
	if err != nil || !ok {
		return 0, false, err
	}
	if id, ok := x.ids[tag][string(key)]; ok {
		return id, true, nil
	}
	return x.base.lookup(tag, key)
}

func (x *tx) Term(id kg.ID) (kg.Term, error) {
	if x.closed.Load() {
		return kg.Term{}, kg.ErrClosed
	}
	if tag, n := id.Tag(), id.Payload(); !id.Inlined() && tag > kg.TagReserved && n >= x.base.next[tag] {
		for _, t := range x.terms {
			if t.tag != tag {
				continue
			}
			if x.ids[tag][t.key] == id {
				return x.parse(tag, []byte(t.key))
			}
		}
	}
	return x.base.term(id)
}

func (x *tx) parse(tag kg.Tag, key []byte) (kg.Term, error) {
	if tag == kg.TagTriple {
		spo, _ := dict.ParseTripleKey(key)
		var ts [3]kg.Term
		for i, id := range spo {
			t, err := x.Term(id)
			if err != nil {
				return kg.Term{}, err
			}
			ts[i] = t
		}
		return kg.NewTriple(ts[0], ts[1], ts[2]), nil
	}
	t, ok := dict.ParseKey(tag, key)
	if !ok {
		return kg.Term{}, fmt.Errorf("store: key %q of a new term", key)
	}
	return t, nil
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

// maxOrdinals bounds a tag's numbers so that ids keep their tag.
const maxOrdinals = uint64(kg.PayloadMask)

// Intern implements kg.Tx.
func (x *tx) Intern(t kg.Term) (kg.ID, error) {
	if x.closed.Load() {
		return 0, kg.ErrClosed
	}
	if id, ok := dict.Inline(t); ok {
		return id, nil
	}
	tag, key, _, err := keyFor(t, func(u kg.Term) (kg.ID, bool, error) {
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
	if id, ok, err := x.base.lookup(tag, key); err != nil || ok {
		return id, err
	}
	n := x.base.next[tag] + uint64(len(x.ids[tag]))
	if n >= maxOrdinals {
		return 0, fmt.Errorf("store: too many terms")
	}
	id := kg.MakeID(tag, n)
	k := string(key)
	x.ids[tag][k] = id
	x.terms = append(x.terms, newTerm{tag, k})
	return id, nil
}

// check refuses quads that no store may hold.
func (x *tx) check(q kg.Quad) error {
	switch {
	case x.closed.Load():
		return kg.ErrClosed
	case q.S == kg.Any || q.P == kg.Any || q.O == kg.Any || q.G == kg.Any:
		return errors.New("store: a quad with an open position cannot be written")
	case q.G != kg.DefaultGraph && q.G.Tag() != kg.TagIRI && q.G.Tag() != kg.TagBlank:
		return errors.New("store: a graph is named by an IRI or a blank node")
	}
	return nil
}

// Insert implements kg.Tx.
func (x *tx) Insert(q kg.Quad) (bool, error) {
	if err := x.check(q); err != nil {
		return false, err
	}
	if x.added[q] {
		return false, nil
	}
	if x.removed[q] {
		delete(x.removed, q)
		x.dirty = true
		return true, nil
	}
	if ok, err := x.base.contains(q); err != nil || ok {
		return false, err
	}
	x.added[q] = true
	x.dirty = true
	return true, nil
}

// Delete implements kg.Tx.
func (x *tx) Delete(q kg.Quad) (bool, error) {
	if x.closed.Load() {
		return false, kg.ErrClosed
	}
	if x.added[q] {
		delete(x.added, q)
		x.dirty = true
		return true, nil
	}
	if x.removed[q] {
		return false, nil
	}
	if ok, err := x.base.contains(q); err != nil || !ok {
		return false, err
	}
	x.removed[q] = true
	x.dirty = true
	return true, nil
}

// logRecord encodes a small commit:
//
//	count of terms, then tag, length, key of each
//	count of additions, then four ids each
//	count of removals, then four ids each
func (x *tx) logRecord() []byte {
	b := binary.AppendUvarint(nil, uint64(len(x.terms)))
	for _, t := range x.terms {
		b = append(b, byte(t.tag))
		b = binary.AppendUvarint(b, uint64(len(t.key)))
		b = append(b, t.key...)
	}
	for _, set := range []map[kg.Quad]bool{x.added, x.removed} {
		b = binary.AppendUvarint(b, uint64(len(set)))
		for q := range set {
			for _, id := range []kg.ID{q.S, q.P, q.O, q.G} {
				b = binary.LittleEndian.AppendUint64(b, uint64(id))
			}
		}
	}
	return b
}

var errRecord = errors.New("malformed")

// replay applies a log record to a state under construction.
func (st *state) replay(b []byte) error {
	uvarint := func() (int, error) {
		n, m := binary.Uvarint(b)
		if m <= 0 || n > math.MaxInt32 {
			return 0, errRecord
		}
		b = b[m:]
		return int(n), nil
	}
	n, err := uvarint()
	if err != nil {
		return err
	}
	for range n {
		if len(b) == 0 || b[0] >= numTags {
			return errRecord
		}
		tag := kg.Tag(b[0])
		b = b[1:]
		size, err := uvarint()
		if err != nil || size > len(b) {
			return errRecord
		}
		st.over.add(tag, string(b[:size]))
		st.next[tag]++
		b = b[size:]
	}
	var sets [2]map[kg.Quad]bool
	for i := range sets {
		n, err := uvarint()
		if err != nil || n > len(b)/32 {
			return errRecord
		}
		sets[i] = make(map[kg.Quad]bool, n)
		for range n {
			var ids [4]kg.ID
			for j := range ids {
				ids[j] = kg.ID(binary.LittleEndian.Uint64(b[8*j:]))
			}
			sets[i][kg.Quad{S: ids[0], P: ids[1], O: ids[2], G: ids[3]}] = true
			b = b[32:]
		}
	}
	st.delta = st.delta.with(sets[0], sets[1])
	st.size += int64(len(sets[0])) - int64(len(sets[1]))
	return nil
}

// chain hashes a commit onto those before it.
func chain(prev, record uint64) uint64 {
	b := binary.LittleEndian.AppendUint64(nil, prev)
	return xxhash.Sum64(binary.LittleEndian.AppendUint64(b, record))
}

// commit writes what a transaction changed.
func (s *Store) commit(x *tx) error {
	if len(x.added) == 0 && len(x.removed) == 0 {
		return nil
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	record := x.logRecord()
	r := *x.base.root
	r.Seq++
	r.Chain = chain(r.Chain, xxhash.Sum64(record))
	var ref blob
	stage := func(w writer) (err error) {
		ref, err = putBlob(w, kindLog, r.Seq, -1, record)
		return err
	}
	small := len(record) < partBytes
	if !small {
		// Too long for one badger transaction: stage it first.
		if err := s.stage(stage); err != nil {
			return err
		}
	} else if err := stage(discard{}); err != nil { // the reference, for the root
		return err
	}
	r.Log = append(r.Log[:len(r.Log):len(r.Log)], logRef{r.Seq, ref})
	next := x.derive(x.base.delta.with(x.added, x.removed))
	next.root, next.version = &r, r.Seq
	for _, t := range x.terms {
		next.over.add(t.tag, t.key)
		next.next[t.tag]++
	}
	var with func(writer) error
	if small {
		with = stage
	}
	return s.flip(&r, next, with)
}

// discard is a writer that keeps nothing.
type discard struct{}

func (discard) Set(_, _ []byte) error { return nil }

// stage writes records that no root names yet.
func (s *Store) stage(put func(writer) error) error {
	wb := s.db.NewWriteBatch()
	defer wb.Cancel()
	if err := put(wb); err != nil {
		return s.poison(err)
	}
	if err := wb.Flush(); err != nil {
		return s.poison(err)
	}
	return nil
}

var _ writer = (*badger.WriteBatch)(nil)
