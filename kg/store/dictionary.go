package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
)

// dictTags are the tags that the dictionary numbers, triple terms last: their
// keys are made of other ids.
var dictTags = []kg.Tag{kg.TagBlank, kg.TagIRI, kg.TagString, kg.TagLang, kg.TagTyped, kg.TagTriple}

const numTags = 16

func inDictionary(t kg.Tag) bool { return t >= kg.TagBlank && t <= kg.TagTriple }

// runRef names a run in the root.
type runRef struct {
	ID   uint64            `json:"id"`
	Tags map[kg.Tag]tagRef `json:"tags"`
}

// tagRef is one tag of a run: the keys of the ordinals Base, Base+1, ...
type tagRef struct {
	Base  uint64 `json:"base"`
	Count int    `json:"count"`
	Heads blob   `json:"heads"`
	// Sorted tells that ordinals order as keys, as after a load. Otherwise
	// Heads holds the permutation too.
	Sorted bool `json:"sorted"`
}

// run is an immutable part of the dictionary: sorted keys in front-coded
// blocks, of which only the heads are in memory.
type run struct {
	ref  runRef
	tags [numTags]*tagRun
	pins int32 // states that hold it; guarded by Store.gc
}

type tagRun struct {
	tagRef
	heads  []string // first key of each block
	blocks []keyBlock
	rank   []uint32 // position of ordinal Base+i among the sorted keys; nil: i
	order  []uint32 // the inverse; nil: i
}

// keyBlock is the reference to a block of keys, and the block if it is cached.
type keyBlock struct {
	sum   uint64
	bytes int
	data  atomic.Pointer[dict.Block]
	used  atomic.Bool
}

// Forget implements forgetter.
func (b *keyBlock) Forget() (int, bool) {
	if b.used.Swap(false) {
		return 0, false
	}
	if d := b.data.Swap(nil); d != nil {
		return len(*d), true
	}
	return 0, true
}

// size is the number of terms.
func (r *run) size() (n int) {
	for _, t := range r.ref.Tags {
		n += t.Count
	}
	return n
}

// runWriter stages the keys of one tag of a run, in sorted order.
type runWriter struct {
	w     writer
	id    uint64
	tag   kg.Tag
	group [][]byte
	n     int
	heads []byte
}

func (w *runWriter) add(key []byte) error {
	w.group = append(w.group, key)
	if len(w.group) == dict.BlockKeys {
		return w.flush()
	}
	return nil
}

func (w *runWriter) flush() error {
	if len(w.group) == 0 {
		return nil
	}
	b := dict.AppendBlock(nil, w.group)
	i := w.n
	w.n++
	if _, err := putParts(w.w, func(part int) []byte { return dictKey(w.id, w.tag, i, part) }, b); err != nil {
		return err
	}
	w.heads = binary.AppendUvarint(w.heads, uint64(len(w.group[0])))
	w.heads = append(w.heads, w.group[0]...)
	w.heads = binary.AppendUvarint(w.heads, uint64(len(b)))
	w.heads = binary.LittleEndian.AppendUint64(w.heads, keySum(b, w.id, w.tag, i))
	w.group = w.group[:0]
	return nil
}

// keySum covers the bytes of a block of keys and its place.
func keySum(b []byte, run uint64, tag kg.Tag, ordinal int) uint64 {
	var d xxhash.Digest
	d.Reset()
	d.Write(b)
	d.Write(dictKey(run, tag, ordinal, 0))
	return d.Sum64()
}

// finish writes the directory. order holds the ordinals of the keys, less
// base; nil if they are 0, 1, ...
func (w *runWriter) finish(base uint64, count int, order []uint32) (tagRef, error) {
	if err := w.flush(); err != nil {
		return tagRef{}, err
	}
	sorted := true
	for i, o := range order {
		sorted = sorted && int(o) == i
	}
	if sorted {
		order = nil
	}
	ref := tagRef{Base: base, Count: count, Sorted: sorted}
	for _, o := range order {
		w.heads = binary.LittleEndian.AppendUint32(w.heads, o)
	}
	var err error
	ref.Heads, err = putBlob(w.w, kindHeads, w.id, int(w.tag), w.heads)
	return ref, err
}

func (s *Store) openRun(txn *badger.Txn, ref runRef) (*run, error) {
	r := &run{ref: ref}
	for tag, t := range ref.Tags {
		b, err := getBlob(txn, kindHeads, ref.ID, int(tag), t.Heads)
		if err != nil {
			return nil, err
		}
		if !inDictionary(tag) {
			return nil, corrupt("dictionary run %d: tag %d", ref.ID, tag)
		}
		if r.tags[tag], err = parseHeads(t, b); err != nil {
			return nil, corrupt("directory of dictionary run %d, tag %d: %v", ref.ID, tag, err)
		}
	}
	return r, nil
}

func parseHeads(t tagRef, b []byte) (*tagRun, error) {
	if t.Count <= 0 {
		return nil, errRecord
	}
	n := (t.Count + dict.BlockKeys - 1) / dict.BlockKeys
	if n > len(b) {
		return nil, errRecord
	}
	tr := &tagRun{tagRef: t, heads: make([]string, n), blocks: make([]keyBlock, n)}
	for i := range n {
		size, m := binary.Uvarint(b)
		if m <= 0 || size > uint64(len(b)-m) {
			return nil, errRecord
		}
		tr.heads[i] = string(b[m : m+int(size)])
		b = b[m+int(size):]
		bytes, m := binary.Uvarint(b)
		if m <= 0 || len(b)-m < 8 || bytes > 1<<40 {
			return nil, errRecord
		}
		tr.blocks[i].bytes = int(bytes)
		tr.blocks[i].sum = binary.LittleEndian.Uint64(b[m:])
		b = b[m+8:]
	}
	if t.Sorted {
		if len(b) != 0 {
			return nil, errRecord
		}
		return tr, nil
	}
	if len(b) != 4*t.Count {
		return nil, errRecord
	}
	tr.order, tr.rank = make([]uint32, t.Count), make([]uint32, t.Count)
	seen := make([]bool, t.Count)
	for i := range t.Count {
		o := binary.LittleEndian.Uint32(b[4*i:])
		if int(o) >= t.Count || seen[o] {
			return nil, errRecord
		}
		seen[o] = true
		tr.order[i], tr.rank[o] = o, uint32(i)
	}
	return tr, nil
}

// keys returns a block of keys.
func (s *Store) keys(r *run, tag kg.Tag, i int) (dict.Block, error) {
	kb := &r.tags[tag].blocks[i]
	if d := kb.data.Load(); d != nil {
		if !kb.used.Load() {
			kb.used.Store(true)
		}
		return *d, nil
	}
	var b dict.Block
	err := s.view(func(txn *badger.Txn) (err error) {
		b, err = getParts(txn, func(part int) []byte { return dictKey(r.ref.ID, tag, i, part) }, kb.bytes)
		return err
	})
	if errors.Is(err, kg.ErrClosed) {
		return nil, err
	}
	if err == nil && keySum(b, r.ref.ID, tag, i) != kb.sum {
		err = errors.New("wrong checksum")
	}
	if err == nil && b.Len() != min(dict.BlockKeys, r.tags[tag].Count-i*dict.BlockKeys) {
		err = errors.New("wrong number of keys")
	}
	if err != nil {
		return nil, corrupt("%s: block %d of dictionary run %d, tag %d: %v", s.dir, i, r.ref.ID, tag, err)
	}
	if kb.data.CompareAndSwap(nil, &b) {
		s.cache.add(kb, int64(len(b)))
	}
	return b, nil
}

// find returns the ordinal of a key in a run.
func (s *Store) find(r *run, tag kg.Tag, key []byte) (uint64, bool, error) {
	t := r.tags[tag]
	if t == nil {
		return 0, false, nil
	}
	i := sort.Search(len(t.heads), func(i int) bool { return t.heads[i] > string(key) }) - 1
	if i < 0 {
		return 0, false, nil
	}
	b, err := s.keys(r, tag, i)
	if err != nil {
		return 0, false, err
	}
	n, ok, err := b.Find(key)
	if err != nil {
		return 0, false, corrupt("%s: block %d of dictionary run %d, tag %d: %v", s.dir, i, r.ref.ID, tag, err)
	}
	if !ok {
		return 0, false, nil
	}
	n += i * dict.BlockKeys
	if t.order != nil {
		n = int(t.order[n])
	}
	return t.Base + uint64(n), true, nil
}

// keyOf returns the key of an ordinal of a run; buf is reused.
func (s *Store) keyOf(r *run, tag kg.Tag, ordinal uint64, buf []byte) ([]byte, error) {
	t := r.tags[tag]
	n := int(ordinal - t.Base)
	if t.rank != nil {
		n = int(t.rank[n])
	}
	i := n / dict.BlockKeys
	b, err := s.keys(r, tag, i)
	if err != nil {
		return nil, err
	}
	key, err := b.Key(n%dict.BlockKeys, buf)
	if err != nil {
		return nil, corrupt("%s: block %d of dictionary run %d, tag %d: %v", s.dir, i, r.ref.ID, tag, err)
	}
	return key, nil
}

// overflow is the part of the dictionary that commits add to until the next
// compaction. It only grows; each state sees the ordinals below its limits.
type overflow struct {
	mu   sync.RWMutex
	base [numTags]uint64 // first ordinal of each tag
	keys [numTags][]string
	ids  [numTags]map[string]uint64
}

func newOverflow(next [numTags]uint64) *overflow {
	o := &overflow{base: next}
	for i := range o.ids {
		o.ids[i] = map[string]uint64{}
	}
	return o
}

func (o *overflow) add(tag kg.Tag, key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids[tag][key] = o.base[tag] + uint64(len(o.keys[tag]))
	o.keys[tag] = append(o.keys[tag], key)
}

func (o *overflow) find(tag kg.Tag, key []byte) (uint64, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	n, ok := o.ids[tag][string(key)]
	return n, ok
}

func (o *overflow) key(tag kg.Tag, ordinal uint64) (string, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if ordinal < o.base[tag] || ordinal-o.base[tag] >= uint64(len(o.keys[tag])) {
		return "", false
	}
	return o.keys[tag][ordinal-o.base[tag]], true
}

// dictionary is the dictionary of one state.
type dictionary struct {
	s    *Store
	runs []*run // bases of each tag increase
	over *overflow
	next [numTags]uint64 // first unused ordinal of each tag
}

// lookup returns the id of a dictionary key.
func (d *dictionary) lookup(tag kg.Tag, key []byte) (kg.ID, bool, error) {
	if n, ok := d.over.find(tag, key); ok {
		return kg.MakeID(tag, n), n < d.next[tag], nil
	}
	for _, r := range d.runs {
		n, ok, err := d.s.find(r, tag, key)
		if err != nil || ok {
			return kg.MakeID(tag, n), ok, err
		}
	}
	return kg.Any, false, nil
}

// id returns the id of a term.
func (d *dictionary) id(t kg.Term) (kg.ID, bool, error) {
	if t.Kind == kg.None {
		return kg.Any, false, nil
	}
	if id, ok := dict.Inline(t); ok {
		return id, true, nil
	}
	var stack [128]byte
	tag, key, ok, err := keyFor(stack[:0], t, d.id)
	if err != nil || !ok {
		return kg.Any, false, err
	}
	return d.lookup(tag, key)
}

// keyFor makes the dictionary key of a term; sub gives the ids of the terms in
// a triple term.
func keyFor(buf []byte, t kg.Term, sub func(kg.Term) (kg.ID, bool, error)) (tag kg.Tag, key []byte, ok bool, err error) {
	if tag, err = dict.TagOf(t); err != nil {
		return 0, nil, false, err
	}
	if tag != kg.TagTriple {
		key, err = dict.AppendKey(buf, tag, t)
		return tag, key, err == nil, err
	}
	var ids [3]kg.ID
	for i, u := range t.Spo {
		if ids[i], ok, err = sub(u); err != nil || !ok {
			return 0, nil, false, err
		}
	}
	return tag, dict.AppendTripleKey(buf, ids[0], ids[1], ids[2]), true, nil
}

// term returns the term of an id.
func (d *dictionary) term(id kg.ID) (kg.Term, error) {
	switch {
	case id == kg.Any || id == kg.DefaultGraph:
		return kg.Term{}, nil
	case id.Inlined():
		if t, ok := dict.Value(id); ok {
			return t, nil
		}
		return kg.Term{}, unknown(id)
	}
	var stack [256]byte
	key, err := d.key(id, stack[:0])
	if err != nil {
		return kg.Term{}, err
	}
	return parseTerm(id.Tag(), key, d.term)
}

func unknown(id kg.ID) error { return fmt.Errorf("%w: %#x", kg.ErrUnknownID, uint64(id)) }

// parseTerm makes the term of a dictionary key; sub resolves the ids in the
// key of a triple term.
func parseTerm(tag kg.Tag, key []byte, sub func(kg.ID) (kg.Term, error)) (kg.Term, error) {
	if tag == kg.TagTriple {
		spo, ok := dict.ParseTripleKey(key)
		if !ok {
			return kg.Term{}, corrupt("dictionary: key %x of a triple term", key)
		}
		var ts [3]kg.Term
		for i, id := range spo {
			t, err := sub(id)
			if err != nil {
				return kg.Term{}, err
			}
			ts[i] = t
		}
		return kg.NewTriple(ts[0], ts[1], ts[2]), nil
	}
	t, ok := dict.ParseKey(tag, key)
	if !ok {
		return kg.Term{}, corrupt("dictionary: key %.80q of tag %d", key, tag)
	}
	return t, nil
}

func (d *dictionary) key(id kg.ID, buf []byte) ([]byte, error) {
	tag, n := id.Tag(), id.Payload()
	if n >= d.next[tag] {
		return nil, unknown(id)
	}
	if n >= d.over.base[tag] {
		if k, ok := d.over.key(tag, n); ok {
			return append(buf, k...), nil
		}
		return nil, unknown(id)
	}
	for _, r := range d.runs { // few, and not all have every tag
		if t := r.tags[tag]; t != nil && n >= t.Base && n < t.Base+uint64(t.Count) {
			return d.s.keyOf(r, tag, n, buf)
		}
	}
	return nil, unknown(id)
}

// terms resolves many ids: sorted, so that each block of keys is read once and
// equal ids are resolved once.
func (d *dictionary) terms(ids []kg.ID, dst []kg.Term) error {
	if len(ids) < 16 {
		for i, id := range ids {
			t, err := d.term(id)
			if err != nil {
				return err
			}
			dst[i] = t
		}
		return nil
	}
	perm := make([]int32, len(ids))
	for i := range perm {
		perm[i] = int32(i)
	}
	slices.SortFunc(perm, func(a, b int32) int {
		switch {
		case ids[a] < ids[b]:
			return -1
		case ids[a] > ids[b]:
			return 1
		}
		return 0
	})
	for j, i := range perm {
		if j > 0 && ids[perm[j-1]] == ids[i] {
			dst[i] = dst[perm[j-1]]
			continue
		}
		t, err := d.term(ids[i])
		if err != nil {
			return err
		}
		dst[i] = t
	}
	return nil
}

// flushOverflow stages the terms that commits have added to st as a run, and
// returns the run list. Small runs are merged with their neighbour, so that
// their number stays logarithmic.
func (s *Store) flushOverflow(w writer, st *state, r *root) error {
	var fresh [numTags]mergedTag
	found := false
	for _, tag := range dictTags {
		base := st.over.base[tag]
		n := int(st.next[tag] - base)
		f := &fresh[tag]
		f.base = base
		for i := range n {
			k, _ := st.over.key(tag, base+uint64(i))
			f.keys = append(f.keys, []byte(k))
			f.order = append(f.order, uint32(i))
			found = true
		}
		f.sort()
	}
	if !found {
		return nil
	}
	runs := slices.Clone(r.Runs)
	size := 0
	for i := range fresh {
		size += len(fresh[i].keys)
	}
	for i := len(st.runs) - 1; i >= 0 && st.runs[i].size() <= 2*size; i-- {
		if err := s.mergeRun(st.runs[i], &fresh); err != nil {
			return err
		}
		size += st.runs[i].size()
		runs = runs[:len(runs)-1]
	}
	run := runRef{ID: s.number(), Tags: map[kg.Tag]tagRef{}}
	for _, tag := range dictTags {
		f := &fresh[tag]
		if len(f.keys) == 0 {
			continue
		}
		rw := runWriter{w: w, id: run.ID, tag: tag}
		for _, k := range f.keys {
			if err := rw.add(k); err != nil {
				return err
			}
		}
		ref, err := rw.finish(f.base, len(f.keys), f.order)
		if err != nil {
			return err
		}
		run.Tags[tag] = ref
	}
	r.Runs = append(runs, run)
	return nil
}

// mergedTag is the content of one tag of a run to be: sorted keys and their
// ordinals, less base.
type mergedTag struct {
	base  uint64
	keys  [][]byte
	order []uint32
}

func (m *mergedTag) sort() {
	perm := make([]int, len(m.keys))
	for i := range perm {
		perm[i] = i
	}
	slices.SortFunc(perm, func(a, b int) int { return bytes.Compare(m.keys[a], m.keys[b]) })
	keys, order := make([][]byte, len(perm)), make([]uint32, len(perm))
	for i, p := range perm {
		keys[i], order[i] = m.keys[p], m.order[p]
	}
	m.keys, m.order = keys, order
}

// mergeRun puts the keys of an older run in front.
func (s *Store) mergeRun(r *run, into *[numTags]mergedTag) error {
	for _, tag := range dictTags {
		t := r.tags[tag]
		if t == nil {
			continue
		}
		m := &into[tag]
		shift := uint32(0)
		if len(m.keys) > 0 {
			shift = uint32(m.base - t.Base)
		}
		for i := range m.order {
			m.order[i] += shift
		}
		m.base = t.Base
		for i := range t.blocks {
			b, err := s.keys(r, tag, i)
			if err != nil {
				return err
			}
			err = b.Walk(func(j int, key []byte) error {
				n := uint32(i*dict.BlockKeys + j)
				if t.order != nil {
					n = t.order[n]
				}
				m.keys = append(m.keys, bytes.Clone(key))
				m.order = append(m.order, n)
				return nil
			})
			if err != nil {
				return corrupt("%s: block %d of dictionary run %d, tag %d: %v", s.dir, i, r.ref.ID, tag, err)
			}
		}
		m.sort()
	}
	return nil
}
