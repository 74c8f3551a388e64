package chunk

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

// Depths of sections by what their headings look like.
const (
	levelPart  = 1 // PART II
	levelItem  = 2 // Item 7. Management's Discussion
	levelNote  = 3 // Note 4 - Leases; CAPITALS
	levelOther = 4
	levelLine  = 5   // a sentence set bold, as risk factors are headed
	maxHeading = 400 // bytes
)

var (
	part = regexp.MustCompile(`(?i)^part\s+[IVX]{1,4}\b[\s.,:—–-]*`)
	item = regexp.MustCompile(`(?i)^item\s*\d{1,2}[A-C]?\s*[.:—–-]?(\s|$)`)
	note = regexp.MustCompile(`(?i)^(note\s+\d{1,2}\b|\d{1,2}\.\s+[A-Z])`)
	toc  = regexp.MustCompile(`\s\d{1,3}$`)
)

// Level says how deep a section its heading begins, 0 if the text is none.
func Level(text string, bold bool) int {
	if len(text) == 0 || len(text) > maxHeading || !strings.ContainsFunc(text, unicode.IsLetter) {
		return 0
	}
	upper := !strings.ContainsFunc(text, unicode.IsLower)
	listed := toc.MatchString(text) // a line of a table of contents
	switch {
	case part.MatchString(text) && (bold || upper) && len(text) < 100 && !listed:
		return levelPart
	case item.MatchString(text) && (bold || upper) && len(text) < 200 && !listed:
		return levelItem
	case !bold || text[0] == '(' || text[0] == '*':
		return 0
	case note.MatchString(text):
		return levelNote
	case strings.HasSuffix(text, ",") || listed:
		return 0
	case strings.HasSuffix(text, ".") && len(text) > 40 || len(text) > 150:
		return levelLine
	case upper && len(text) > 3:
		return levelNote
	}
	return levelOther
}

// assemble makes the nodes of a tree from its blocks: headings open sections,
// paragraphs and long cells are cut into sentences.
func assemble(t *doc.Tree, items []Item) {
	levels := headings(t, items)
	a := assembler{t: t, items: items, page: 0}
	a.push(doc.Node{Kind: doc.Root, From: 0, To: int32(len(t.Text)), Parent: -1})
	for i := 0; i < len(items); i = items[i].End {
		if l := levels[i]; l > 0 {
			for len(a.open) > 1 && int(t.Nodes[a.open[len(a.open)-1]].Level) >= l {
				a.pop(int32(items[i].From))
			}
			a.push(doc.Node{Kind: doc.Section, Level: uint8(l), From: int32(items[i].From)})
			a.push(doc.Node{Kind: doc.Heading, From: int32(items[i].From)})
			a.pop(int32(items[i].To))
			continue
		}
		a.block(i)
	}
	for len(a.open) > 0 {
		a.pop(int32(len(t.Text)))
	}
}

type assembler struct {
	t     *doc.Tree
	items []Item
	open  []int
	page  int
}

func (a *assembler) push(n doc.Node) {
	if len(a.open) > 0 {
		n.Parent = int32(a.open[len(a.open)-1])
	}
	for a.page+1 < len(a.t.Pages) && a.t.Pages[a.page+1] <= n.From {
		a.page++
	}
	n.Page = int32(a.page)
	a.open = append(a.open, len(a.t.Nodes))
	a.t.Nodes = append(a.t.Nodes, n)
}

func (a *assembler) pop(to int32) {
	n := &a.t.Nodes[a.open[len(a.open)-1]]
	n.To, n.End = max(to, n.From), int32(len(a.t.Nodes))
	a.open = a.open[:len(a.open)-1]
}

func (a *assembler) block(i int) {
	it := a.items[i]
	a.push(doc.Node{Kind: it.Kind, From: int32(it.From), Head: it.Head, Col: uint16(min(it.Col, 1<<16-1)), Span: uint16(min(it.Span, 1<<16-1))})
	parts := false
	for j := i + 1; j < it.End; j = a.items[j].End {
		a.block(j)
		parts = true
	}
	if !parts && (it.Kind == doc.Paragraph || it.Kind == doc.Cell && it.To-it.From > 120) {
		Sentences(a.t.Text[it.From:it.To], func(from, to int) bool {
			a.push(doc.Node{Kind: doc.Sentence, From: int32(it.From + from)})
			a.pop(int32(it.From + to))
			return true
		})
	}
	a.pop(int32(it.To))
}

// headings finds the levels of the blocks that are headings. Lines that recur
// on many pages are the furniture of pages, not headings.
func headings(t *doc.Tree, items []Item) []int {
	levels := make([]int, len(items))
	seen := map[string]int{}
	for i := 0; i < len(items); i = items[i].End {
		it := items[i]
		text := t.Text[it.From:it.To]
		switch it.Kind {
		case doc.Paragraph:
			levels[i] = it.Level
			if it.Level == 0 {
				levels[i] = Level(text, it.Bold)
			}
		case doc.Table:
			// A heading may be laid out as a table of one row: "Item 1A." | "Risk Factors".
			if rows := it.End - i; rows < 8 && it.To-it.From < maxHeading {
				if l := Level(strings.ReplaceAll(text, "\n", " "), it.Bold); l == levelItem || l == levelPart {
					levels[i] = l
				}
			}
		}
		if levels[i] > 0 {
			seen[furniture(text)]++
		}
	}
	for i := 0; i < len(items); i = items[i].End {
		if levels[i] > 0 && seen[furniture(t.Text[items[i].From:items[i].To])] > max(3, len(t.Pages)/12) {
			levels[i] = 0
		}
	}
	return levels
}

// furniture is a line without what changes from page to page.
func furniture(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
