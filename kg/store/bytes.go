package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"
	"github.com/klauspost/compress/zstd"

	"github.com/quaestor-kg/quaestor/kg"
)

// Byte strings kept beside the quads. Their parts are staged first, their head
// last: without a head there is nothing. On disk, never change.
//
//	O length of name(2) name part(4)   part of the compressed bytes
//	O length of name(2) name ffffffff  head: bytes(8), xxhash64 of them(8),
//	                                   compressed bytes(8)
const (
	kindBytes = 'O'
	headPart  = math.MaxUint32
	headBytes = 24
	maxName   = 1 << 10
	maxBytes  = 1 << 30
)

var (
	_ kg.BlobStore  = (*Store)(nil)
	_ kg.BlobReader = (*snapshot)(nil)
	_ kg.BlobReader = (*tx)(nil)
)

func bytesKey(name string, part uint32) []byte {
	k := append(make([]byte, 0, 7+len(name)), kindBytes)
	k = binary.BigEndian.AppendUint16(k, uint16(len(name)))
	return binary.BigEndian.AppendUint32(append(k, name...), part)
}

// bytesName is the inverse of bytesKey.
func bytesName(key []byte) (name string, part uint32, ok bool) {
	if len(key) < 7 || len(key) != 7+int(binary.BigEndian.Uint16(key[1:])) {
		return "", 0, false
	}
	n := len(key) - 4
	return string(key[3:n]), binary.BigEndian.Uint32(key[n:]), true
}

// The coders are shared: their one-shot methods are safe for concurrent use.
var (
	compressor = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(4<<20))
	})
	expander = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBytes))
	})
)

// PutBlob implements kg.BlobStore. Bytes are compressed with zstd.
func (s *Store) PutBlob(ctx context.Context, name string, body []byte) error {
	if name == "" || len(name) > maxName || len(body) > maxBytes {
		return fmt.Errorf("store: bytes %.40q: want a name of at most %d bytes and at most %d MiB", name, maxName, maxBytes>>20)
	}
	z, err := compressor()
	if err != nil {
		return err
	}
	packed := z.EncodeAll(body, nil)
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer s.unlockWriter()
	if _, err := s.writable(ctx); err != nil {
		return err
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint64(make([]byte, 0, headBytes), uint64(len(body)))
	head = binary.LittleEndian.AppendUint64(head, xxhash.Sum64(body))
	head = binary.LittleEndian.AppendUint64(head, uint64(len(packed)))
	err = s.stage(func(w writer) error {
		_, err := putParts(w, func(part int) []byte { return bytesKey(name, uint32(part)) }, packed)
		return err
	})
	if err != nil {
		return err
	}
	return s.stage(func(w writer) error { return w.Set(bytesKey(name, headPart), head) })
}

// DeleteBlob implements kg.BlobStore.
func (s *Store) DeleteBlob(ctx context.Context, name string) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer s.unlockWriter()
	if _, err := s.writable(ctx); err != nil {
		return err
	}
	var parts [][]byte
	key := bytesKey(name, headPart)
	err := s.eachKey(key[:len(key)-4], func(k []byte) bool {
		if n, part, ok := bytesName(k); ok && n == name && part != headPart {
			parts = append(parts, append([]byte(nil), k...))
		}
		return true
	})
	if err != nil {
		return err
	}
	if err := s.deleteKeys([][]byte{key}); err != nil {
		return err
	}
	return s.deleteKeys(parts)
}

// Blobs implements kg.BlobStore.
func (s *Store) Blobs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		err := s.eachKey([]byte{kindBytes}, func(k []byte) bool {
			if name, part, ok := bytesName(k); ok && part == headPart {
				names = append(names, name)
			}
			return ctx.Err() == nil
		})
		if err = errors.Join(err, ctx.Err()); err != nil {
			yield("", err)
			return
		}
		slices.Sort(names)
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// Blob implements kg.BlobReader.
func (s *snapshot) Blob(name string) ([]byte, error) {
	if s.closed.Load() {
		return nil, kg.ErrClosed
	}
	return s.s.bytes(name)
}

func (s *Store) bytes(name string) (body []byte, err error) {
	err = s.view(func(txn *badger.Txn) error {
		item, err := txn.Get(bytesKey(name, headPart))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return fmt.Errorf("%w: %q", kg.ErrNoBlob, name)
		}
		var head []byte
		if err == nil {
			head, err = item.ValueCopy(nil)
		}
		if err != nil || len(head) != headBytes {
			return corrupt("head of bytes %q: %d bytes, %v", name, len(head), err)
		}
		size, sum := binary.LittleEndian.Uint64(head), binary.LittleEndian.Uint64(head[8:])
		stored := binary.LittleEndian.Uint64(head[16:])
		if size > maxBytes || stored > maxBytes {
			return corrupt("head of bytes %q: %d bytes, %d stored", name, size, stored)
		}
		packed, err := getParts(txn, func(part int) []byte { return bytesKey(name, uint32(part)) }, int(stored))
		if err != nil {
			return corrupt("bytes %q: %v", name, err)
		}
		z, err := expander()
		if err != nil {
			return err
		}
		body, err = z.DecodeAll(packed, make([]byte, 0, size))
		if err != nil || uint64(len(body)) != size || xxhash.Sum64(body) != sum {
			return corrupt("bytes %q: they contradict their checksum (%v)", name, err)
		}
		return nil
	})
	return body, err
}

// headless finds the parts of bytes whose head was not written or is deleted.
func (s *Store) headless() ([][]byte, error) {
	var parts [][]byte
	heads := map[string]bool{}
	err := s.eachKey([]byte{kindBytes}, func(k []byte) bool {
		if name, part, ok := bytesName(k); !ok || part != headPart {
			parts = append(parts, append([]byte(nil), k...))
		} else {
			heads[name] = true
		}
		return true
	})
	dead := parts[:0]
	for _, k := range parts {
		if name, _, ok := bytesName(k); !ok || !heads[name] {
			dead = append(dead, k)
		}
	}
	return dead, err
}
