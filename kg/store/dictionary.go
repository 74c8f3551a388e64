package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
)

// tags that the dictionary numbers; others are inlined in the id.
var dictTags = []kg.Tag{kg.TagBlank, kg.TagIRI, kg.TagString, kg.TagLang, kg.TagTyped, kg.TagTriple}

const numTags = 16

// runKeys is the number of keys in a block of the dictionary.
const runKeys = 64

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
}

type tagRun struct {
	tagRef
	heads []string // first key of each block
	sums  []uint64
	rank  []uint32 // position of ordinal Base+i among the sorted keys; nil: i
	order []uint32 // the inverse; nil: i
}

// encodeRun stages the keys of one tag. keys are sorted; ordinals are those of
// the keys, or nil if they are base, base+1, ...
func encodeRun(w writer, id uint64, tag kg.Tag, base uint64, keys [][]byte, ordinals []uint64) (tagRef, error) {
	ref := tagRef{Base: base, Count: len(keys), Sorted: ordinals == nil}
	head := []byte{}
	for i := 0; i < len(keys); i += runKeys {
		group := keys[i:min(i+runKeys, len(keys))]
		b := appendFrontCoded(nil, group)
		sum := xxhash.Sum64(b)
		if err := w.Set(recordKey(kindDict, id, int(tag), i/runKeys), b); err != nil {
			return tagRef{}, err
		}
		head = binary.AppendUvarint(head, uint64(len(group[0])))
		head = append(head, group[0]...)
		head = binary.LittleEndian.AppendUint64(head, sum)
	}
	if ordinals != nil {
		for _, o := range ordinals {
			head = binary.LittleEndian.AppendUint32(head, uint32(o-base))
		}
	}
	var err error
	ref.Heads, err = putBlob(w, kindHeads, id, int(tag), head)
	return ref, err
}

// appendFrontCoded writes keys as (shared prefix, rest) pairs.
func appendFrontCoded(b []byte, keys [][]byte) []byte {
	var prev []byte
	for _, k := range keys {
		n := 0
		for n < len(k) && n < len(prev) && k[n] == prev[n] {
			n++
		}
		b = binary.AppendUvarint(b, uint64(n))
		b = binary.AppendUvarint(b, uint64(len(k)-n))
		b = append(b, k[n:]...)
		prev = k
	}
	return b
}

// frontCoded walks a block of keys.
type frontCoded struct {
	rest []byte
	key  []byte
}

func (f *frontCoded) next() bool {
	shared, n := binary.Uvarint(f.rest)
	if n <= 0 || shared > uint64(len(f.key)) {
		return false
	}
	size, m := binary.Uvarint(f.rest[n:])
	if m <= 0 || size > uint64(len(f.rest)-n-m) {
		return false
	}
	f.rest = f.rest[n+m:]
	f.key = append(f.key[:shared], f.rest[:size]...)
	f.rest = f.rest[size:]
	return true
}

func (s *Store) openRun(txn *badger.Txn, ref runRef) (*run, error) {
	r := &run{ref: ref}
	for tag, t := range ref.Tags {
		b, err := getBlob(txn, kindHeads, ref.ID, int(tag), t.Heads)
		if err != nil {
			return nil, err
		}
		tr := &tagRun{tagRef: t}
		bad := corrupt("directory of dictionary run %d, tag %d", ref.ID, tag)
		for range (t.Count + runKeys - 1) / runKeys {
			n, m := binary.Uvarint(b)
			if m <= 0 || n > uint64(len(b)-m) || uint64(len(b)-m)-n < 8 {
				return nil, bad
			}
			tr.heads = append(tr.heads, string(b[m:m+int(n)]))
			b = b[m+int(n):]
			tr.sums = append(tr.sums, binary.LittleEndian.Uint64(b))
			b = b[8:]
		}
		if !t.Sorted {
			if len(b) != 4*t.Count {
				return nil, bad
			}
			tr.order, tr.rank = make([]uint32, t.Count), make([]uint32, t.Count)
			for i := range t.Count {
				o := binary.LittleEndian.Uint32(b[4*i:])
				if int(o) >= t.Count {
					return nil, bad
				}
				tr.order[i], tr.rank[o] = o, uint32(i)
			}
		}
		if int(tag) >= numTags {
			return nil, bad
		}
		r.tags[tag] = tr
	}
	return r, nil
}

// dictBlock returns the bytes of a block of keys.
func (s *Store) dictBlock(r *run, tag kg.Tag, i int) ([]byte, error) {
	key := cacheKey{r.ref.ID, uint32(i), 128 + uint8(tag)}
	if b := s.cache.get(key); b != nil {
		return b.([]byte), nil
	}
	var b []byte
	err := s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(recordKey(kindDict, r.ref.ID, int(tag), i))
		if err != nil {
			return err
		}
		b, err = item.ValueCopy(nil)
		return err
	})
	if err == nil && xxhash.Sum64(b) != r.tags[tag].sums[i] {
		err = fmt.Errorf("wrong checksum")
	}
	if err != nil {
		return nil, corrupt("block %d of dictionary run %d, tag %d: %v", i, r.ref.ID, tag, err)
	}
	s.cache.put(key, b, int64(len(b)))
	return b, nil
}

// find returns the ordinal of a key.
func (s *Store) find(r *run, tag kg.Tag, key []byte) (uint64, bool, error) {
	t := r.tags[tag]
	if t == nil {
		return 0, false, nil
	}
	i := sort.Search(len(t.heads), func(i int) bool { return compareKey(t.heads[i], key) > 0 }) - 1
	if i < 0 {
		return 0, false, nil
	}
	b, err := s.dictBlock(r, tag, i)
	if err != nil {
		return 0, false, err
	}
	f := frontCoded{rest: b}
	for n := i * runKeys; f.next(); n++ {
		switch c := bytes.Compare(f.key, key); {
		case c == 0:
			if t.order != nil {
				n = int(t.order[n])
			}
			return t.Base + uint64(n), true, nil
		case c > 0:
			return 0, false, nil
		}
	}
	return 0, false, nil
}

func compareKey(s string, b []byte) int {
	n := min(len(s), len(b))
	if c := strings.Compare(s[:n], string(b[:n])); c != 0 {
		return c
	}
	return len(s) - len(b)
}

// keyOf returns the key of an ordinal; buf is reused.
func (s *Store) keyOf(r *run, tag kg.Tag, ordinal uint64, buf []byte) ([]byte, error) {
	t := r.tags[tag]
	n := int(ordinal - t.Base)
	if t.rank != nil {
		n = int(t.rank[n])
	}
	b, err := s.dictBlock(r, tag, n/runKeys)
	if err != nil {
		return nil, err
	}
	f := frontCoded{rest: b, key: buf[:0]}
	for range n%runKeys + 1 {
		if !f.next() {
			return nil, corrupt("block %d of dictionary run %d, tag %d: too few keys", n/runKeys, r.ref.ID, tag)
		}
	}
	return f.key, nil
}

// overflow is the part of the dictionary that small commits add to. It only
// grows; each state sees the ordinals below its own limits.
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

// lookup returns the id of a term that is not inlined, by its key.
func (d *dictionary) lookup(tag kg.Tag, key []byte) (kg.ID, bool, error) {
	if n, ok := d.over.find(tag, key); ok {
		return kg.MakeID(tag, n), n < d.next[tag], nil
	}
	for i := len(d.runs) - 1; i >= 0; i-- {
		n, ok, err := d.s.find(d.runs[i], tag, key)
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
	tag, key, ok, err := keyFor(t, func(u kg.Term) (kg.ID, bool, error) { return d.id(u) })
	if err != nil || !ok {
		return kg.Any, false, err
	}
	return d.lookup(tag, key)
}

// keyFor makes the dictionary key of a term; sub gives the ids of the terms in
// a triple term.
func keyFor(t kg.Term, sub func(kg.Term) (kg.ID, bool, error)) (tag kg.Tag, key []byte, ok bool, err error) {
	if tag, err = dict.TagOf(t); err != nil {
		return 0, nil, false, err
	}
	if tag != kg.TagTriple {
		key, err = dict.AppendKey(nil, tag, t)
		return tag, key, err == nil, err
	}
	var ids [3]kg.ID
	for i, u := range t.Spo {
		if ids[i], ok, err = sub(u); err != nil || !ok {
			return 0, nil, false, err
		}
	}
	return tag, dict.AppendTripleKey(nil, ids[0], ids[1], ids[2]), true, nil
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
		return kg.Term{}, fmt.Errorf("%w: %#x", kg.ErrUnknownID, uint64(id))
	}
	key, err := d.key(id)
	if err != nil {
		return kg.Term{}, err
	}
	if id.Tag() == kg.TagTriple {
		spo, ok := dict.ParseTripleKey(key)
		if !ok {
			return kg.Term{}, corrupt("dictionary: key of triple term %#x", uint64(id))
		}
		var ts [3]kg.Term
		for i, x := range spo {
			if ts[i], err = d.term(x); err != nil {
				return kg.Term{}, err
			}
		}
		return kg.NewTriple(ts[0], ts[1], ts[2]), nil
	}
	t, ok := dict.ParseKey(id.Tag(), key)
	if !ok {
		return kg.Term{}, corrupt("dictionary: key of id %#x", uint64(id))
	}
	return t, nil
}

func (d *dictionary) key(id kg.ID) ([]byte, error) {
	tag, n := id.Tag(), id.Payload()
	if n < d.next[tag] {
		if k, ok := d.over.key(tag, n); ok {
			return []byte(k), nil
		}
		// Few runs, and not all have every tag: walk them.
		for i := len(d.runs) - 1; i >= 0; i-- {
			if t := d.runs[i].tags[tag]; t != nil && n >= t.Base && n < t.Base+uint64(t.Count) {
				return d.s.keyOf(d.runs[i], tag, n, nil)
			}
		}
	}
	return nil, fmt.Errorf("%w: %#x", kg.ErrUnknownID, uint64(id))
}
