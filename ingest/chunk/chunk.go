// Package chunk cuts the text of documents into sections, paragraphs and
// sentences and makes the doc.Tree of them, whatever the format of the file:
// readers hand it text with the bytes it came from, and the blocks they saw.
package chunk

import (
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

// Item is a block that a reader saw: doc.Paragraph, doc.Table, doc.Row or
// doc.Cell. Items are listed parents first, as nodes of a doc.Tree are.
type Item struct {
	Kind     doc.Kind
	From, To int // text
	End      int // index after its last descendant
	// Level is the level of a heading: 0 is none; for paragraphs alone.
	Level int
	// Bold says that all of a paragraph's text is set bold.
	Bold bool
	Head bool // a cell marked as heading
	Col  int
	Span int
}

// Builder collects text and blocks. The zero Builder is empty and ready.
type Builder struct {
	text  []byte
	runs  []doc.Run
	pages []int32
	Items []Item
	open  []int // indexes of items that are not closed
}

// Len is the length of the text so far.
func (b *Builder) Len() int { return len(b.text) }

// Last is the last byte of the text; a newline if there is none.
func (b *Builder) Last() byte {
	if len(b.text) == 0 {
		return '\n'
	}
	return b.text[len(b.text)-1]
}

// Text is the text so far; it must not be changed.
func (b *Builder) Text() []byte { return b.text }

// Page begins a page here, unless the page before it is empty and begins here
// too.
func (b *Builder) Page() { b.pages = append(b.pages, int32(len(b.text))) }

// Pages is the number of pages so far.
func (b *Builder) Pages() int { return len(b.pages) }

// Verbatim appends bytes that stand at an offset of the file.
func (b *Builder) Verbatim(s []byte, at int64) {
	if len(s) == 0 {
		return
	}
	if n := len(b.runs); n > 0 {
		r := &b.runs[n-1]
		if r.TextLen == r.ByteLen && r.Text+int64(r.TextLen) == int64(len(b.text)) && r.Byte+int64(r.ByteLen) == at && r.TextLen < 1<<30 {
			r.TextLen += int32(len(s))
			r.ByteLen += int32(len(s))
			b.text = append(b.text, s...)
			return
		}
	}
	b.runs = append(b.runs, doc.Run{Text: int64(len(b.text)), Byte: at, TextLen: int32(len(s)), ByteLen: int32(len(s))})
	b.text = append(b.text, s...)
}

// Instead appends a text that stands for other bytes of the file.
func (b *Builder) Instead(s string, at int64, bytes int) {
	if len(s) == bytes {
		// Runs of equal length are verbatim, so this one gets two halves: the first
		// byte and the rest never are of equal length.
		if len(s) == 1 {
			b.runs = append(b.runs, doc.Run{Text: int64(len(b.text)), Byte: at, TextLen: 1, ByteLen: 1})
			b.text = append(b.text, s...)
			return
		}
		_, n := utf8.DecodeRuneInString(s)
		b.runs = append(b.runs,
			doc.Run{Text: int64(len(b.text)), Byte: at, TextLen: int32(n), ByteLen: int32(bytes)},
			doc.Run{Text: int64(len(b.text) + n), Byte: at + int64(bytes), TextLen: int32(len(s) - n), ByteLen: 0})
		b.text = append(b.text, s...)
		return
	}
	b.runs = append(b.runs, doc.Run{Text: int64(len(b.text)), Byte: at, TextLen: int32(len(s)), ByteLen: int32(bytes)})
	b.text = append(b.text, s...)
}

// Glue appends text that no bytes stand for, such as the end of a line.
func (b *Builder) Glue(c byte) { b.text = append(b.text, c) }

// Open begins a block here.
func (b *Builder) Open(it Item) {
	it.From = len(b.text)
	b.open = append(b.open, len(b.Items))
	b.Items = append(b.Items, it)
}

// Close ends the block that was opened last, and returns it for changes. Its
// text ends before spaces at the end.
func (b *Builder) Close() *Item {
	i := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	it := &b.Items[i]
	it.End = len(b.Items)
	it.To = max(it.From, len(b.text))
	for it.To > it.From && (b.text[it.To-1] == ' ' || b.text[it.To-1] == '\n') {
		it.To--
	}
	if it.End > i+1 { // an empty part may stand behind the last text
		it.To = max(it.To, b.Items[it.End-1].To)
	}
	return it
}

// Drop removes the block that was opened last, which has no parts.
func (b *Builder) Drop() {
	b.Items = b.Items[:b.open[len(b.open)-1]]
	b.open = b.open[:len(b.open)-1]
}

// Depth is the number of open blocks.
func (b *Builder) Depth() int { return len(b.open) }

// Tree closes what is open and makes the tree.
func (b *Builder) Tree() *doc.Tree {
	for len(b.open) > 0 {
		b.Close()
	}
	if len(b.pages) == 0 || b.pages[0] != 0 {
		b.pages = append([]int32{0}, b.pages...)
	}
	t := &doc.Tree{Text: string(b.text), Runs: b.runs, Pages: b.pages}
	assemble(t, b.Items)
	return t
}
