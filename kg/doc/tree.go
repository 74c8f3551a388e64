package doc

import (
	"iter"
	"sort"
)

// Kind tells the parts of a document apart. Values are on disk: never change
// one.
type Kind uint8

// Kinds of part.
const (
	Root      Kind = iota // the whole document
	Section               // a heading and what stands below it
	Heading               // the heading of the section it is in
	Paragraph             // a block of running text
	Sentence              // a sentence of a paragraph
	Table                 // rows of cells
	Row
	Cell
)

var kindNames = [...]string{"document", "section", "heading", "paragraph", "sentence", "table", "row", "cell"}

// String returns the name of the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Node is a part of a document: section, paragraph, sentence, table, row or
// cell (the deep document model of arXiv 2405.15374).
type Node struct {
	Kind   Kind
	Parent int32 // index of the node it is part of; -1 for the root
	End    int32 // index after its last descendant: its parts are the nodes between
	Page   int32 // index of the page it begins on, from 0; Hidden
	// From and To are its text, a range of Tree.Text.
	From, To int32
	// Level is the depth of a section, from 1.
	Level uint8
	// Head marks cells that are headings of their column.
	Head bool
	// Col is the first column of a cell, Span the number of its columns.
	Col, Span uint16
}

// Run says that a piece of a document's text stands in a range of its bytes.
// Runs are ordered in both; between them is what the text leaves out, such as
// markup.
type Run struct {
	Text, Byte int64 // where it begins
	TextLen    int32
	ByteLen    int32 // differs from TextLen if the bytes are an entity or white space
}

// Tree is a document without its markup. Node 0 is the root; the others follow
// in the order of the text, parents before children.
type Tree struct {
	Text  string
	Runs  []Run
	Nodes []Node
	Pages []int32 // where each page begins in Text; Pages[0] is 0 if there is any text
}

// Str returns the text of a node.
func (t *Tree) Str(n int) string { return t.Text[t.Nodes[n].From:t.Nodes[n].To] }

// Children yields the indexes of the direct parts of a node.
func (t *Tree) Children(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := n + 1; i < int(t.Nodes[n].End); i = int(t.Nodes[i].End) {
			if !yield(i) {
				return
			}
		}
	}
}

// At returns the smallest node whose text contains the offset.
func (t *Tree) At(text int) int {
	n := 0
down:
	for {
		for c := range t.Children(n) {
			if int(t.Nodes[c].From) <= text && text < int(t.Nodes[c].To) {
				n = c
				continue down
			}
		}
		return n
	}
}

// Within returns the closest ancestor of a node, or itself, that is of the
// kind; -1 if there is none.
func (t *Tree) Within(n int, k Kind) int {
	for n >= 0 && t.Nodes[n].Kind != k {
		n = int(t.Nodes[n].Parent)
	}
	return n
}

// Headings returns the headings of the sections that a node is in, outermost
// first.
func (t *Tree) Headings(n int) []string {
	var up []string
	for ; n >= 0; n = int(t.Nodes[n].Parent) {
		if t.Nodes[n].Kind != Section {
			continue
		}
		if h := n + 1; h < len(t.Nodes) && t.Nodes[h].Kind == Heading {
			up = append(up, t.Str(h))
		}
	}
	for i, j := 0, len(up)-1; i < j; i, j = i+1, j-1 {
		up[i], up[j] = up[j], up[i]
	}
	return up
}

// Page returns the index of the page that a text offset is on.
func (t *Tree) Page(text int) int {
	return max(0, sort.Search(len(t.Pages), func(i int) bool { return int(t.Pages[i]) > text })-1)
}

// PageText returns the text of a page.
func (t *Tree) PageText(p int) string {
	if p < 0 || p >= len(t.Pages) {
		return ""
	}
	end := len(t.Text)
	if p+1 < len(t.Pages) {
		end = int(t.Pages[p+1])
	}
	return t.Text[t.Pages[p]:end]
}

// Bytes returns the bytes of the file in which a range of text stands. The
// range may begin or end within markup's gap; the bytes never do.
func (t *Tree) Bytes(from, to int) (start, end int64) {
	i := sort.Search(len(t.Runs), func(i int) bool { r := t.Runs[i]; return r.Text+int64(r.TextLen) > int64(from) })
	if i == len(t.Runs) {
		if i == 0 {
			return 0, 0
		}
		r := t.Runs[i-1]
		return r.Byte + int64(r.ByteLen), r.Byte + int64(r.ByteLen)
	}
	r := t.Runs[i]
	start = r.Byte
	if r.TextLen == r.ByteLen && int64(from) > r.Text {
		start += int64(from) - r.Text
	}
	if to <= from {
		return start, start
	}
	j := sort.Search(len(t.Runs), func(j int) bool { return t.Runs[j].Text >= int64(to) }) - 1
	if j < i {
		return start, start
	}
	r = t.Runs[j]
	end = r.Byte + int64(r.ByteLen)
	if past := r.Text + int64(r.TextLen) - int64(to); r.TextLen == r.ByteLen && past > 0 {
		end -= past
	}
	return start, end
}

// TextRange returns the text that stands in a range of bytes; an empty range,
// at the place where it would be, if none does.
func (t *Tree) TextRange(start, end int64) (from, to int) {
	i := sort.Search(len(t.Runs), func(i int) bool { r := t.Runs[i]; return r.Byte+int64(r.ByteLen) > start })
	if i == len(t.Runs) {
		return len(t.Text), len(t.Text)
	}
	r := t.Runs[i]
	from = int(r.Text)
	if r.TextLen == r.ByteLen && start > r.Byte {
		from += int(start - r.Byte)
	}
	j := sort.Search(len(t.Runs), func(j int) bool { return t.Runs[j].Byte >= end }) - 1
	if j < i {
		return from, from
	}
	r = t.Runs[j]
	to = int(r.Text) + int(r.TextLen)
	if past := r.Byte + int64(r.ByteLen) - end; r.TextLen == r.ByteLen && past > 0 {
		to -= int(past)
	}
	return from, max(from, to)
}
