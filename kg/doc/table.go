package doc

import (
	"strings"
)

// Grid knows the headings of the cells of one table.
type Grid struct {
	t       *Tree
	table   int
	rows    []int    // nodes
	header  []bool   // rows that hold headings of columns
	group   []string // heading of the group of rows that a row is in
	byStart map[int]int
}

// Grid returns the headings of a table; table is a node of that kind.
func (t *Tree) Grid(table int) *Grid {
	g := &Grid{t: t, table: table, byStart: map[int]int{}}
	for r := range t.Children(table) {
		if t.Nodes[r].Kind == Row {
			g.byStart[r] = len(g.rows)
			g.rows = append(g.rows, r)
		}
	}
	g.header = make([]bool, len(g.rows))
	g.group = make([]string, len(g.rows))
	group := ""
	above := true // nothing but headings so far
	for i, r := range g.rows {
		label, figures, words, marked := g.survey(r)
		switch {
		case marked, figures == 0 && words > 0 && (label == "" || above || isScale(label)):
			g.header[i] = true
			if figures == 0 && words == 0 {
				g.header[i] = false
			}
		case figures == 0 && words == 0 && label != "":
			if strings.HasSuffix(label, ":") || !above {
				group = label
			} else {
				g.header[i] = isScale(label)
			}
			continue
		case figures > 0:
			above = false
		}
		g.group[i] = group
		if figures == 0 && !g.header[i] && label == "" && words == 0 {
			continue
		}
		if figures > 0 && isTotal(label) {
			group = ""
		}
	}
	return g
}

// survey counts what a row has beside its first cell.
func (g *Grid) survey(row int) (label string, figures, words int, marked bool) {
	marked = true
	any := false
	for c := range g.t.Children(row) {
		n := g.t.Nodes[c]
		s := strings.TrimSpace(g.t.Str(c))
		if s == "" {
			continue
		}
		any = true
		if !n.Head {
			marked = false
		}
		switch {
		case label == "" && n.Col == 0 && !figure(s):
			label = s
		case figure(s):
			figures++
		case len(s) > 1 || isLetter(s[0]):
			words++
		}
	}
	return label, figures, words, marked && any
}

func isLetter(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' || c >= 0x80 && c != 0xe2 }

// figure reports whether a cell holds a figure. Years and dates are none: they
// head columns.
func figure(s string) bool {
	s = strings.Trim(s, "$€£¥()%—–- *")
	if s == "" || s[0] < '0' && s[0] != '.' || s[0] > '9' {
		return false
	}
	if len(s) == 4 && (strings.HasPrefix(s, "19") || strings.HasPrefix(s, "20")) {
		return false
	}
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == ',' || c == '.' || c == ' ' || c == '%' || c == ')' || c == '(' || c == '$' || c == 'x':
		case c >= 0x80: // dashes and other marks
		default:
			return false
		}
	}
	return digits > 0
}

func isScale(label string) bool {
	l := strings.ToLower(label)
	return strings.HasPrefix(l, "(") && (strings.Contains(l, "million") || strings.Contains(l, "thousand") || strings.Contains(l, "billion") || strings.Contains(l, "dollars")) ||
		strings.HasPrefix(l, "in million") || strings.HasPrefix(l, "in thousand") || strings.HasPrefix(l, "dollars in")
}

func isTotal(label string) bool { return len(label) >= 5 && strings.EqualFold(label[:5], "total") }

// Headings returns the headings of a cell: that of its row, after that of the
// group of rows, and those of its columns from the top, each joined by " | ".
func (g *Grid) Headings(cell int) (row, column string) {
	at, ok := g.byStart[int(g.t.Nodes[cell].Parent)]
	if !ok {
		return "", ""
	}
	n := g.t.Nodes[cell]
	for c := range g.t.Children(g.rows[at]) {
		if s := strings.TrimSpace(g.t.Str(c)); c != cell && s != "" && !figure(s) && (len(s) > 1 || isLetter(s[0])) {
			row = flat(s)
			break
		}
	}
	if gr := g.group[at]; gr != "" && gr != row && row != "" {
		row = flat(gr) + " | " + row
	}
	var parts []string
	size := 0
	seenFigures := false
	for i := at - 1; i >= 0; i-- {
		if !g.header[i] {
			// Headings above other figures count for this cell too, as long as no
			// nearer headings do.
			seenFigures = true
			continue
		}
		if seenFigures && len(parts) > 0 {
			break
		}
		seenFigures = false
		best := ""
		for c := range g.t.Children(g.rows[i]) {
			m := g.t.Nodes[c]
			s := strings.TrimSpace(g.t.Str(c))
			if s == "" || m.Col >= n.Col+max(n.Span, 1) || m.Col+max(m.Span, 1) <= n.Col {
				continue
			}
			if best = flat(s); true {
				break
			}
		}
		if best != "" && size+len(best) < 300 && (len(parts) == 0 || parts[len(parts)-1] != best) {
			parts = append(parts, best)
			size += len(best)
		}
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return row, strings.Join(parts, " | ")
}

func flat(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return strings.Join(strings.Fields(s), " ")
}

// RowText is the text of a row with one space between its cells.
func (t *Tree) RowText(row int) string {
	return strings.Join(strings.Fields(t.Str(row)), " ")
}
