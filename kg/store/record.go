package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/index"
)

// Keys of badger. The first byte tells the kind; on disk, never change one.
//
//	R                                  root record
//	B order(1) segment(8) ordinal(4)   block of quads
//	S segment(8) order(1) part(4)      directory of an order, statistics
//	D run(8) tag(1) ordinal(4) part(4) block of dictionary keys
//	H run(8) tag(1) part(4)            directory of a run's tag
//	W commit(8) part(4)                log record of a commit
const (
	kindRoot  = 'R'
	kindBlock = 'B'
	kindDir   = 'S'
	kindDict  = 'D'
	kindHeads = 'H'
	kindLog   = 'W'
)

// statsPart takes the place of the order in the key of a segment's statistics.
const statsPart = kg.Orders

// partBytes is the size of the parts that long records are cut into: values
// stay well below badger's value threshold of 1 MiB.
const partBytes = 256 << 10

func blockKey(p index.Place) []byte {
	k := append(make([]byte, 0, 14), kindBlock, byte(p.Order))
	k = binary.BigEndian.AppendUint64(k, p.Segment)
	return binary.BigEndian.AppendUint32(k, p.Ordinal)
}

func dictKey(run uint64, tag kg.Tag, ordinal, part int) []byte {
	k := append(make([]byte, 0, 18), kindDict)
	k = binary.BigEndian.AppendUint64(k, run)
	k = append(k, byte(tag))
	k = binary.BigEndian.AppendUint32(k, uint32(ordinal))
	return binary.BigEndian.AppendUint32(k, uint32(part))
}

// partKey is the key of a part of a long record: kind, number, an order or tag
// (or -1), and the part.
func partKey(kind byte, n uint64, sub, part int) []byte {
	k := append(make([]byte, 0, 14), kind)
	k = binary.BigEndian.AppendUint64(k, n)
	if sub >= 0 {
		k = append(k, byte(sub))
	}
	return binary.BigEndian.AppendUint32(k, uint32(part))
}

// corrupt reports damage with its place and the remedy.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s; run verify, and restore from a backup", kg.ErrCorrupt, fmt.Sprintf(format, args...))
}

// blob is a reference to a long record: its parts and its hash.
type blob struct {
	Parts int    `json:"parts"`
	Bytes int    `json:"bytes"`
	Hash  uint64 `json:"hash,string"`
}

// writer stages records that no root names yet. The value belongs to it.
type writer interface {
	Set(key, value []byte) error
}

// putParts writes a value in parts under the keys that key makes.
func putParts(w writer, key func(part int) []byte, body []byte) (parts int, err error) {
	for len(body) > 0 || parts == 0 {
		part := body[:min(len(body), partBytes)]
		if err := w.Set(key(parts), part); err != nil {
			return parts, err
		}
		body = body[len(part):]
		parts++
	}
	return parts, nil
}

// getParts reads what putParts wrote.
func getParts(txn *badger.Txn, key func(part int) []byte, bytes int) ([]byte, error) {
	body := make([]byte, 0, bytes)
	for i := 0; i == 0 || len(body) < bytes; i++ {
		item, err := txn.Get(key(i))
		if err == nil {
			err = item.Value(func(v []byte) error {
				if len(v) == 0 && bytes > 0 {
					return errors.New("empty")
				}
				body = append(body, v...)
				return nil
			})
		}
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", i, err)
		}
	}
	if len(body) != bytes {
		return nil, fmt.Errorf("%d bytes instead of %d", len(body), bytes)
	}
	return body, nil
}

// putBlob stages a long record.
func putBlob(w writer, kind byte, n uint64, sub int, body []byte) (blob, error) {
	parts, err := putParts(w, func(part int) []byte { return partKey(kind, n, sub, part) }, body)
	return blob{Parts: parts, Bytes: len(body), Hash: xxhash.Sum64(body)}, err
}

// getBlob reads a long record and checks its hash.
func getBlob(txn *badger.Txn, kind byte, n uint64, sub int, b blob) ([]byte, error) {
	body, err := getParts(txn, func(part int) []byte { return partKey(kind, n, sub, part) }, b.Bytes)
	if err != nil {
		return nil, corrupt("record %c %d/%d: %v", kind, n, sub, err)
	}
	if xxhash.Sum64(body) != b.Hash {
		return nil, corrupt("record %c %d/%d: its %d bytes have another checksum than its reference", kind, n, sub, len(body))
	}
	return body, nil
}

// root is the record that names everything a state consists of, but for the
// log records that follow it.
type root struct {
	Format int     `json:"format"`
	Seq    uint64  `json:"seq"`          // commit number
	Chain  uint64  `json:"chain,string"` // hash over all commits
	Next   uint64  `json:"next"`         // number of the next segment or run
	Base   baseRef `json:"base"`
	Runs   []runRef
	// Saved is when a named snapshot was made.
	Saved time.Time `json:"saved,omitzero"`
	// Named are snapshots kept by name.
	Named map[string]*root `json:"named,omitempty"`
}

// baseRef names the directories. Those of unchanged orders may be older than
// the rest.
type baseRef struct {
	ID    uint64          `json:"id"` // segment that wrote the directories; 0: empty
	Quads int64           `json:"quads"`
	Graph kg.ID           `json:"graph"` // of all quads, if there is no order GSPO
	Dirs  [kg.Orders]blob `json:"dirs"`
	Stats blob            `json:"stats"`
}

// formatVersion is the newest layout this program reads and writes.
const formatVersion = 1

func (r *root) encode() ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint64(nil, xxhash.Sum64(body)), body...), nil
}

func decodeRoot(b []byte) (*root, error) {
	if len(b) < 8 || binary.BigEndian.Uint64(b) != xxhash.Sum64(b[8:]) {
		return nil, corrupt("root record: wrong checksum")
	}
	r := &root{}
	if err := json.Unmarshal(b[8:], r); err != nil {
		return nil, corrupt("root record: %v", err)
	}
	if r.Format > formatVersion {
		return nil, fmt.Errorf("%w: root record of format %d, this program reads up to %d; use a newer quaestor", kg.ErrFormat, r.Format, formatVersion)
	}
	return r, nil
}

// readRoot returns the root record, or nil if there is none.
func readRoot(db *badger.DB) (*root, error) {
	var r *root
	err := db.View(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte{kindRoot})
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return corrupt("root record: %v", err)
		}
		return item.Value(func(b []byte) (err error) {
			r, err = decodeRoot(b)
			return err
		})
	})
	return r, err
}

// chainHash hashes a commit onto those before it.
func chainHash(prev, record uint64) uint64 {
	b := binary.LittleEndian.AppendUint64(nil, prev)
	return xxhash.Sum64(binary.LittleEndian.AppendUint64(b, record))
}

// change is one commit's effect, as its log record holds it.
type change struct {
	terms   []newTerm
	added   []kg.Quad
	removed []kg.Quad
}

type newTerm struct {
	tag kg.Tag
	key string
}

// encode makes the body of a log record:
//
//	count of terms (uvarint), then tag (1), length (uvarint), key of each
//	count of additions (uvarint), then four ids (8 each) of each
//	count of removals (uvarint), then four ids (8 each) of each
func (c *change) encode() []byte {
	size := 32 * (len(c.added) + len(c.removed))
	for _, t := range c.terms {
		size += len(t.key) + 6
	}
	b := binary.AppendUvarint(make([]byte, 0, size+30), uint64(len(c.terms)))
	for _, t := range c.terms {
		b = append(b, byte(t.tag))
		b = binary.AppendUvarint(b, uint64(len(t.key)))
		b = append(b, t.key...)
	}
	for _, set := range [][]kg.Quad{c.added, c.removed} {
		b = binary.AppendUvarint(b, uint64(len(set)))
		for _, q := range set {
			for _, id := range [4]kg.ID{q.S, q.P, q.O, q.G} {
				b = binary.LittleEndian.AppendUint64(b, uint64(id))
			}
		}
	}
	return b
}

var errRecord = errors.New("malformed")

func decodeChange(b []byte) (*change, error) {
	count := func(least int) (int, bool) {
		n, m := binary.Uvarint(b)
		if m <= 0 || n > uint64(len(b)-m)/uint64(least) {
			return 0, false
		}
		b = b[m:]
		return int(n), true
	}
	c := &change{}
	n, ok := count(2)
	if !ok {
		return nil, errRecord
	}
	for range n {
		if len(b) == 0 {
			return nil, errRecord
		}
		tag := kg.Tag(b[0])
		b = b[1:]
		size, ok := count(1)
		if !ok || !inDictionary(tag) {
			return nil, errRecord
		}
		c.terms = append(c.terms, newTerm{tag, string(b[:size])})
		b = b[size:]
	}
	for _, set := range []*[]kg.Quad{&c.added, &c.removed} {
		n, ok := count(32)
		if !ok {
			return nil, errRecord
		}
		*set = make([]kg.Quad, n)
		for i := range *set {
			var ids [4]kg.ID
			for j := range ids {
				ids[j] = kg.ID(binary.LittleEndian.Uint64(b[8*j:]))
			}
			(*set)[i] = kg.Quad{S: ids[0], P: ids[1], O: ids[2], G: ids[3]}
			b = b[32:]
		}
	}
	if len(b) != 0 {
		return nil, errRecord
	}
	return c, nil
}

// A log record's first part begins with the chain's hash before it, the hash
// and the length of its body. Later parts are staged before the first one is
// committed, so the first makes the record exist.
const logHead = 24

// putLog stages all of a record but its first part, which it returns.
func putLog(seq, prev uint64, body []byte, stage func(func(writer) error) error) (first []byte, err error) {
	first = binary.LittleEndian.AppendUint64(nil, prev)
	first = binary.LittleEndian.AppendUint64(first, xxhash.Sum64(body))
	first = binary.LittleEndian.AppendUint64(first, uint64(len(body)))
	n := min(len(body), partBytes)
	first = append(first, body[:n]...)
	if n == len(body) {
		return first, nil
	}
	return first, stage(func(w writer) error {
		_, err := putParts(w, func(part int) []byte { return partKey(kindLog, seq, -1, part+1) }, body[n:])
		return err
	})
}

// logHash returns the hash of a record's body, from its first part.
func logHash(first []byte) uint64 { return binary.LittleEndian.Uint64(first[8:]) }

// getLog reads the record of a commit; nil if there is none.
func getLog(txn *badger.Txn, seq, prev uint64) (c *change, chain uint64, err error) {
	item, err := txn.Get(partKey(kindLog, seq, -1, 0))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, 0, nil
	}
	var first []byte
	if err == nil {
		first, err = item.ValueCopy(nil)
	}
	if err != nil {
		return nil, 0, corrupt("log record %d: %v", seq, err)
	}
	if len(first) < logHead {
		return nil, 0, corrupt("log record %d: %d bytes", seq, len(first))
	}
	hash, size := binary.LittleEndian.Uint64(first[8:]), binary.LittleEndian.Uint64(first[16:])
	if got := binary.LittleEndian.Uint64(first); got != prev {
		return nil, 0, corrupt("log record %d: it follows commit %016x, not %016x", seq, got, prev)
	}
	body := first[logHead:]
	if rest := size - uint64(len(body)); size > uint64(len(body)) {
		if rest > 1<<40 {
			return nil, 0, corrupt("log record %d: length %d", seq, size)
		}
		more, err := getParts(txn, func(part int) []byte { return partKey(kindLog, seq, -1, part+1) }, int(rest))
		if err != nil {
			return nil, 0, corrupt("log record %d: %v", seq, err)
		}
		body = append(body, more...)
	}
	if xxhash.Sum64(body) != hash {
		return nil, 0, corrupt("log record %d: wrong checksum", seq)
	}
	if c, err = decodeChange(body); err != nil {
		return nil, 0, corrupt("log record %d: %v", seq, err)
	}
	return c, chainHash(prev, hash), nil
}
