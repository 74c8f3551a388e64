package chunk

import (
	"bytes"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

// Plain reads plain text: empty lines end paragraphs, a form feed or a line
// "<PAGE>" ends a page. Lines that are not prose, such as tables drawn with
// spaces, stay lines of their own.
func Plain(body []byte) *doc.Tree {
	var b Builder
	b.Page()
	at := 0
	open, count := false, 0
	flush := func() {
		if open {
			it := b.Close()
			// A line of its own may be the heading of a part or an item; others cannot
			// be told from text.
			if l := Level(string(b.text[it.From:it.To]), true); count == 1 && l <= levelItem {
				it.Level = l
			}
			open = false
		}
		count = 0
	}
	for at < len(body) {
		end := bytes.IndexByte(body[at:], '\n')
		next := len(body)
		if end < 0 {
			end = len(body)
		} else {
			end += at
			next = end + 1
		}
		line := body[at:end]
		for {
			i := bytes.IndexByte(line, '\f')
			if i < 0 {
				break
			}
			flush()
			b.Page()
			at += i + 1
			line = line[i+1:]
		}
		trimmed := bytes.TrimSpace(line)
		switch {
		case bytes.EqualFold(trimmed, []byte("<page>")):
			flush()
			b.Page()
		case len(trimmed) == 0 || trimmed[0] == '<' && trimmed[len(trimmed)-1] == '>' && len(trimmed) < 40:
			flush()
		default:
			drawn := bytes.Contains(trimmed, []byte("   ")) || bytes.Contains(trimmed, []byte("\t")) || bytes.Contains(trimmed, []byte("....")) || bytes.HasPrefix(trimmed, []byte("---"))
			if drawn {
				flush()
			}
			if !open {
				if b.Last() != '\n' {
					b.Glue('\n')
				}
				b.Open(Item{Kind: doc.Paragraph})
				open = true
			} else if b.Last() != ' ' {
				b.Glue(' ')
			}
			count++
			b.line(trimmed, int64(at+bytes.Index(line, trimmed)), drawn)
			if drawn {
				flush()
			}
		}
		at = next
	}
	flush()
	return b.Tree()
}

// line appends a line; bytes that are no UTF-8 are dropped, but for keep, runs of
// spaces become one.
func (b *Builder) line(s []byte, at int64, keep bool) {
	for len(s) > 0 {
		i := 0
		for i < len(s) {
			if s[i] == ' ' || s[i] == '\t' {
				j := i
				for j < len(s) && (s[j] == ' ' || s[j] == '\t') {
					j++
				}
				if j > i+1 && !keep {
					break
				}
				i = j
				continue
			}
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n <= 1 || r < ' ' {
				break
			}
			i += n
		}
		b.Verbatim(s[:i], at)
		s, at = s[i:], at+int64(i)
		if len(s) == 0 {
			return
		}
		if s[0] == ' ' || s[0] == '\t' {
			n := len(s) - len(bytes.TrimLeft(s, " \t"))
			b.Instead(" ", at, n)
			s, at = s[n:], at+int64(n)
			continue
		}
		s, at = s[1:], at+1
	}
}
