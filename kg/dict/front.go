package dict

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// BlockKeys is the largest number of keys in a front-coded block. On disk.
const BlockKeys = 64

// groupKeys is the number of keys from one that is written in full to the
// next. On disk.
const groupKeys = 16

var errBlock = errors.New("malformed block of keys")

// AppendBlock appends a block of 1 to BlockKeys sorted keys:
//
//	count (1 byte)
//	offset of each group of 16 keys but the first, from the end of the
//	header (4 bytes each, little-endian)
//	of each key: length of the prefix shared with the key before (uvarint,
//	left out at the start of a group), length of the rest (uvarint), the rest
func AppendBlock(b []byte, keys [][]byte) []byte {
	if len(keys) == 0 || len(keys) > BlockKeys {
		panic("dict: block of " + fmt.Sprint(len(keys)) + " keys")
	}
	b = append(b, byte(len(keys)))
	head := len(b)
	groups := (len(keys) + groupKeys - 1) / groupKeys
	b = append(b, make([]byte, 4*(groups-1))...)
	body := len(b)
	for i, k := range keys {
		shared := 0
		if i%groupKeys != 0 {
			prev := keys[i-1]
			for shared < len(k) && shared < len(prev) && k[shared] == prev[shared] {
				shared++
			}
			b = binary.AppendUvarint(b, uint64(shared))
		} else if i > 0 {
			binary.LittleEndian.PutUint32(b[head+4*(i/groupKeys-1):], uint32(len(b)-body))
		}
		b = binary.AppendUvarint(b, uint64(len(k)-shared))
		b = append(b, k[shared:]...)
	}
	return b
}

// Block is a front-coded block of keys. Its methods report malformed bytes as
// an error and never panic.
type Block []byte

// Len returns the number of keys.
func (b Block) Len() int {
	if len(b) == 0 {
		return 0
	}
	return int(b[0])
}

// group returns the bytes from the start of group g.
func (b Block) group(g int) ([]byte, error) {
	n := b.Len()
	groups := (n + groupKeys - 1) / groupKeys
	body := 1 + 4*(groups-1)
	if n == 0 || n > BlockKeys || g >= groups || len(b) < body {
		return nil, errBlock
	}
	if g == 0 {
		return b[body:], nil
	}
	at := uint64(binary.LittleEndian.Uint32(b[1+4*(g-1):])) + uint64(body)
	if at > uint64(len(b)) {
		return nil, errBlock
	}
	return b[at:], nil
}

// step decodes the next key onto the one before it, in key.
func step(p, key []byte, first bool) (rest, next []byte, err error) {
	var shared uint64
	if !first {
		var n int
		if shared, n = binary.Uvarint(p); n <= 0 || shared > uint64(len(key)) {
			return nil, nil, errBlock
		}
		p = p[n:]
	}
	size, n := binary.Uvarint(p)
	if n <= 0 || size > uint64(len(p)-n) {
		return nil, nil, errBlock
	}
	return p[n+int(size):], append(key[:shared], p[n:n+int(size)]...), nil
}

// Key returns key i in buf, which is reused.
func (b Block) Key(i int, buf []byte) ([]byte, error) {
	if i < 0 || i >= b.Len() {
		return nil, errBlock
	}
	p, err := b.group(i / groupKeys)
	if err != nil {
		return nil, err
	}
	buf = buf[:0]
	for j := range i%groupKeys + 1 {
		if p, buf, err = step(p, buf, j == 0); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// Find returns the position of a key, and false if the block lacks it.
func (b Block) Find(key []byte) (i int, ok bool, err error) {
	// The last group that starts at or before the key.
	lo, hi := 0, (b.Len()+groupKeys-1)/groupKeys
	for hi-lo > 1 {
		m := (lo + hi) / 2
		p, err := b.group(m)
		if err != nil {
			return 0, false, err
		}
		size, n := binary.Uvarint(p)
		if n <= 0 || size > uint64(len(p)-n) {
			return 0, false, errBlock
		}
		if bytes.Compare(p[n:n+int(size)], key) <= 0 {
			lo = m
		} else {
			hi = m
		}
	}
	p, err := b.group(lo)
	if err != nil {
		return 0, false, err
	}
	var stack [128]byte
	buf := stack[:0]
	for i = lo * groupKeys; i < min((lo+1)*groupKeys, b.Len()); i++ {
		if p, buf, err = step(p, buf, i%groupKeys == 0); err != nil {
			return 0, false, err
		}
		switch c := bytes.Compare(buf, key); {
		case c == 0:
			return i, true, nil
		case c > 0:
			return 0, false, nil
		}
	}
	return 0, false, nil
}

// Walk calls f with every key in turn; the key is reused.
func (b Block) Walk(f func(i int, key []byte) error) error {
	var p, buf []byte
	for i := range b.Len() {
		var err error
		if i%groupKeys == 0 {
			if p, err = b.group(i / groupKeys); err != nil {
				return err
			}
		}
		if p, buf, err = step(p, buf, i%groupKeys == 0); err != nil {
			return err
		}
		if err := f(i, buf); err != nil {
			return err
		}
	}
	return nil
}
