package doc

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// treeVersion is the first byte of an encoded tree.
const treeVersion = 1

// Encode writes a tree for Decode:
//
//	version (1)
//	length (uvarint), text
//	count (uvarint); of each page: distance to the one before (uvarint)
//	count (uvarint); of each run: gap in text, gap in bytes, length of text,
//	  length of bytes (uvarints)
//	count (uvarint); of each node: kind | head<<4 (1), level (1), distance to
//	  parent, descendants, page+1, distance of From to the parent's, length,
//	  and of cells column and columns (uvarints)
func (t *Tree) Encode() []byte {
	b := make([]byte, 0, len(t.Text)+len(t.Runs)*5+len(t.Nodes)*8+64)
	u := func(n int64) { b = binary.AppendUvarint(b, uint64(n)) }
	b = append(b, treeVersion)
	u(int64(len(t.Text)))
	b = append(b, t.Text...)
	u(int64(len(t.Pages)))
	last := int32(0)
	for _, p := range t.Pages {
		u(int64(p - last))
		last = p
	}
	u(int64(len(t.Runs)))
	var at, byt int64
	for _, r := range t.Runs {
		u(r.Text - at)
		u(r.Byte - byt)
		u(int64(r.TextLen))
		u(int64(r.ByteLen))
		at, byt = r.Text+int64(r.TextLen), r.Byte+int64(r.ByteLen)
	}
	u(int64(len(t.Nodes)))
	for i, n := range t.Nodes {
		head := byte(0)
		if n.Head {
			head = 1 << 4
		}
		b = append(b, byte(n.Kind)|head, n.Level)
		u(int64(i) - int64(n.Parent))
		u(int64(n.End) - int64(i))
		u(int64(n.Page) + 1)
		from := int32(0)
		if n.Parent >= 0 {
			from = t.Nodes[n.Parent].From
		}
		u(int64(n.From - from))
		u(int64(n.To - n.From))
		if n.Kind == Cell {
			u(int64(n.Col))
			u(int64(n.Span))
		}
	}
	return b
}

var errTree = errors.New("the tree is damaged: forget the document and ingest it again")

// Decode reads an encoded tree. Damaged input is an error, never a panic, and
// what is returned keeps all promises of Tree.
func Decode(b []byte) (*Tree, error) {
	bad := func(what string, n int) (*Tree, error) { return nil, fmt.Errorf("%w (%s %d)", errTree, what, n) }
	if len(b) == 0 || b[0] != treeVersion {
		return nil, fmt.Errorf("%w (it is of another version)", errTree)
	}
	b = b[1:]
	ok := true
	u := func(limit int64) int64 {
		n, m := binary.Uvarint(b)
		if m <= 0 || n > uint64(limit) {
			ok = false
			return 0
		}
		b = b[m:]
		return int64(n)
	}
	size := u(int64(len(b)))
	if !ok || size > int64(len(b)) {
		return bad("text", int(size))
	}
	t := &Tree{Text: string(b[:size])}
	b = b[size:]
	t.Pages = make([]int32, u(int64(len(b))))
	at := int64(0)
	for i := range t.Pages {
		at += u(size)
		if !ok || at > size {
			return bad("page", i)
		}
		t.Pages[i] = int32(at)
	}
	t.Runs = make([]Run, u(int64(len(b)/4)))
	at = 0
	var byt int64
	for i := range t.Runs {
		r := Run{Text: at + u(size), Byte: byt + u(1<<40)}
		r.TextLen, r.ByteLen = int32(u(size)), int32(u(1<<31-1))
		at, byt = r.Text+int64(r.TextLen), r.Byte+int64(r.ByteLen)
		if !ok || at > size {
			return bad("run", i)
		}
		t.Runs[i] = r
	}
	count := u(int64(len(b) / 7))
	t.Nodes = make([]Node, count)
	for i := range t.Nodes {
		if len(b) < 2 {
			return bad("node", i)
		}
		n := Node{Kind: Kind(b[0] & 15), Head: b[0]&16 != 0, Level: b[1]}
		b = b[2:]
		n.Parent = int32(int64(i) - u(int64(i)+1))
		n.End = int32(int64(i) + u(count-int64(i)))
		n.Page = int32(u(1<<30) - 1)
		from, end, to := int64(0), count, size
		if n.Parent >= 0 {
			p := t.Nodes[n.Parent]
			from, end, to = int64(p.From), int64(p.End), int64(p.To)
		}
		n.From = int32(from + u(size))
		n.To = n.From + int32(u(size))
		if n.Kind == Cell {
			n.Col, n.Span = uint16(u(1<<16-1)), uint16(u(1<<16-1))
		}
		if !ok || (i == 0) != (n.Parent < 0) || int64(n.End) > end || int64(n.To) > to || n.End <= int32(i) || int(n.Kind) >= len(kindNames) {
			return bad("node", i)
		}
		t.Nodes[i] = n
	}
	if !ok || len(b) != 0 || len(t.Nodes) == 0 {
		return bad("rest", len(b))
	}
	return t, nil
}
