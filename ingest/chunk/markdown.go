package chunk

import (
	"bytes"
	"regexp"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

var (
	atx       = regexp.MustCompile(`^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*$`)
	underline = regexp.MustCompile(`^ {0,3}(=+|-{3,})[ \t]*$`)
	fence     = regexp.MustCompile("^ {0,3}(```|~~~)")
	bullet    = regexp.MustCompile(`^[ \t]*([-*+]|\d{1,3}[.)])[ \t]+`)
	ruler     = regexp.MustCompile(`^[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$`)
)

// Markdown reads Markdown: headings open sections, list entries and blocks are
// paragraphs, tables are tables. Emphasis and links stay as written: what is
// cited is what stands in the file.
func Markdown(body []byte) *doc.Tree {
	var b Builder
	b.Page()
	open := false
	flush := func() {
		if open {
			b.Close()
			b.Glue('\n')
			open = false
		}
	}
	begin := func() {
		if !open {
			b.Open(Item{Kind: doc.Paragraph})
			open = true
		} else if b.Last() != ' ' {
			b.Glue(' ')
		}
	}
	lines := splitLines(body)
	fenced := false
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		text := bytes.TrimSpace(l.text)
		lead := int64(bytes.Index(l.text, text))
		switch {
		case fence.Match(l.text):
			flush()
			fenced = !fenced
		case fenced:
			if len(text) > 0 {
				begin()
				b.line(text, l.at+lead, true)
			}
		case len(text) == 0:
			flush()
		case atx.Match(l.text):
			flush()
			m := atx.FindSubmatchIndex(l.text)
			if m[5] > m[4] {
				b.Open(Item{Kind: doc.Paragraph})
				b.line(l.text[m[4]:m[5]], l.at+int64(m[4]), true)
				it := b.Close()
				it.Level = m[3] - m[2]
				b.Glue('\n')
			}
		case open && underline.Match(l.text):
			it := b.Close()
			open = false
			it.Level = 2
			if text[0] == '=' {
				it.Level = 1
			}
			b.Glue('\n')
		case bytes.ContainsRune(text, '|') && i+1 < len(lines) && ruler.Match(lines[i+1].text) && bytes.ContainsRune(lines[i+1].text, '|'):
			flush()
			i = b.table(lines, i)
		default:
			if bullet.Match(l.text) {
				flush()
			}
			begin()
			b.line(text, l.at+lead, false)
		}
	}
	flush()
	return b.Tree()
}

type textLine struct {
	text []byte
	at   int64
}

func splitLines(body []byte) []textLine {
	var lines []textLine
	at := 0
	for at < len(body) {
		end := bytes.IndexByte(body[at:], '\n')
		next := len(body)
		if end < 0 {
			end = len(body)
		} else {
			end += at
			next = end + 1
		}
		lines = append(lines, textLine{bytes.TrimSuffix(body[at:end], []byte("\r")), int64(at)})
		at = next
	}
	return lines
}

// table reads a table from its line of headings on and returns the index of
// its last line.
func (b *Builder) table(lines []textLine, i int) int {
	b.Open(Item{Kind: doc.Table})
	first := i
	for ; i < len(lines) && bytes.ContainsRune(lines[i].text, '|'); i++ {
		if i == first+1 {
			continue // the ruler
		}
		b.Open(Item{Kind: doc.Row})
		col := 0
		row := lines[i].text
		from := 0
		if t := bytes.TrimLeft(row, " \t"); len(t) > 0 && t[0] == '|' {
			from = len(row) - len(t) + 1
		}
		for from < len(row) {
			end := bytes.IndexByte(row[from:], '|')
			if end < 0 {
				end = len(row) - from
			}
			cell := row[from : from+end]
			text := bytes.TrimSpace(cell)
			if from+end >= len(row) && len(text) == 0 {
				break
			}
			if col > 0 {
				b.Glue(' ')
			}
			b.Open(Item{Kind: doc.Cell, Col: col, Span: 1, Head: i == first})
			b.line(text, lines[i].at+int64(from)+int64(bytes.Index(cell, text)), false)
			b.Close()
			col++
			from += end + 1
		}
		b.Close()
		b.Glue('\n')
	}
	b.Close()
	return i - 1
}
