package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"

	"github.com/quaestor-kg/quaestor/kg"
)

// Keys of badger. The first byte tells the kind; on disk, never change one.
//
//	R                                  root record
//	B order(1) segment(8) ordinal(4)   block of quads
//	S segment(8) order(1) part(4)      directory of a segment's order
//	D run(8) tag(1) ordinal(4)         block of dictionary keys
//	H run(8) tag(1) part(4)            directory of a run's tag
//	W seq(8) part(4)                   log record of a small commit
const (
	kindRoot  = 'R'
	kindBlock = 'B'
	kindSegs  = 'S'
	kindDict  = 'D'
	kindHeads = 'H'
	kindLog   = 'W'
)

// partBytes is the size of the parts that long records are cut into: badger
// keeps values of up to 1 MiB in its tables.
const partBytes = 256 << 10

func blockKey(o kg.Order, seg uint64, ordinal int) []byte {
	k := append(make([]byte, 0, 14), kindBlock, byte(o))
	k = binary.BigEndian.AppendUint64(k, seg)
	return binary.BigEndian.AppendUint32(k, uint32(ordinal))
}

// recordKey is the key of everything but blocks of quads: kind, number, an
// optional tag or order, and a part.
func recordKey(kind byte, n uint64, sub int, part int) []byte {
	k := append(make([]byte, 0, 14), kind)
	k = binary.BigEndian.AppendUint64(k, n)
	if sub >= 0 {
		k = append(k, byte(sub))
	}
	return binary.BigEndian.AppendUint32(k, uint32(part))
}

// corrupt reports damage with its place.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s; run verify, and restore from a backup", kg.ErrCorrupt, fmt.Sprintf(format, args...))
}

// blob is a reference to a long record: its parts and its hash.
type blob struct {
	Parts int    `json:"parts"`
	Bytes int    `json:"bytes"`
	Hash  uint64 `json:"hash,string"`
}

// writer stages records that no root names yet.
type writer interface {
	Set(key, value []byte) error
}

// putBlob stages a long record in parts.
func putBlob(w writer, kind byte, n uint64, sub int, body []byte) (blob, error) {
	b := blob{Bytes: len(body), Hash: xxhash.Sum64(body)}
	for len(body) > 0 || b.Parts == 0 {
		part := body[:min(len(body), partBytes)]
		if err := w.Set(recordKey(kind, n, sub, b.Parts), part); err != nil {
			return blob{}, err
		}
		body = body[len(part):]
		b.Parts++
	}
	return b, nil
}

// getBlob reads a long record and checks its hash.
func getBlob(txn *badger.Txn, kind byte, n uint64, sub int, b blob) ([]byte, error) {
	body := make([]byte, 0, b.Bytes)
	for i := range b.Parts {
		item, err := txn.Get(recordKey(kind, n, sub, i))
		if err == nil {
			err = item.Value(func(v []byte) error {
				body = append(body, v...)
				return nil
			})
		}
		if err != nil {
			return nil, corrupt("record %c %d/%d part %d: %v", kind, n, sub, i, err)
		}
	}
	if len(body) != b.Bytes || xxhash.Sum64(body) != b.Hash {
		return nil, corrupt("record %c %d/%d: %d bytes with a wrong checksum", kind, n, sub, len(body))
	}
	return body, nil
}

// root is the record that names everything a state consists of.
type root struct {
	Format   int          `json:"format"`
	Seq      uint64       `json:"seq"`          // commit number
	Chain    uint64       `json:"chain,string"` // hash over all commits
	Segments []segmentRef `json:"segments"`
	Runs     []runRef     `json:"runs"`
	Log      []logRef     `json:"log"`  // small commits since the last compaction
	Next     uint64       `json:"next"` // number of the next segment or run
	// Named are snapshots kept by name.
	Named map[string]*root `json:"named,omitempty"`
}

// formatVersion is the newest layout this program reads and writes.
const formatVersion = 1

type logRef struct {
	Seq  uint64 `json:"seq"`
	Blob blob   `json:"blob"`
}

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
		return nil, fmt.Errorf("%w: format %d, this program reads up to %d", kg.ErrFormat, r.Format, formatVersion)
	}
	return r, nil
}

// readRoot returns the root record, or nil of an empty store.
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
