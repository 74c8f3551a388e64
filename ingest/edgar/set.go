package edgar

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/chunk"
	"github.com/quaestor-kg/quaestor/ingest/edgar/transform"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// Read reads files that were filed as one. Contexts, units and continuations
// of inline pages are shared by all of them. What cannot be read is in
// Problems; an error is a cancelled context alone.
func Read(ctx context.Context, files []File) (*Filing, error) {
	f := &Filing{}
	res := newResources(func(format string, args ...any) { f.problem("", -1, format, args...) })
	parts, notes := map[string]*fragment{}, map[string]*fragment{}
	var pages []*inlinePage
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if file.Tree != nil {
			f.Files = append(f.Files, Page{File: file, Text: true})
			continue
		}
		switch kindOf(file) {
		case kindSkip:
		case kindLinkbase:
			f.Links.read(f, file)
		case kindInstance:
			f.Files = append(f.Files, Page{File: file, Inline: true})
			f.readInstance(len(f.Files)-1, file, res)
		case kindText:
			file.Tree = chunk.Plain(file.Body)
			f.Files = append(f.Files, Page{File: file, Text: true})
		case kindPage:
			p := &inlinePage{file: len(f.Files), name: file.Name, names: names{}, res: res, f: f, parts: parts, notes: notes}
			from := len(f.Facts)
			file.Tree = p.read(file.Body)
			if tail := bytes.ToLower(file.Body[max(0, len(file.Body)-2048):]); bytes.Contains(bytes.ToLower(file.Body[:min(len(file.Body), 4096)]), []byte("<html")) && !bytes.Contains(tail, []byte("</html")) {
				f.problem(file.Name, int64(len(file.Body)), "it ends without </html>: it may have been cut off; compare it with its source")
			}
			f.Files = append(f.Files, Page{File: file, Inline: p.tags > 0})
			for i := from; i < len(f.Facts); i++ {
				p.value(&f.Facts[i], i)
			}
			pages = append(pages, p)
		}
	}
	for _, p := range pages {
		p.settle()
	}
	f.resolve(res)
	f.taxonomies()
	f.headings()
	return f, nil
}

// taxonomies remarks on taxonomies of another time than the facts.
func (f *Filing) taxonomies() {
	years := map[string]int{}
	end := ""
	for i := range f.Facts {
		x := &f.Facts[i]
		if x.Context != nil && x.Context.Period.End > end && x.Concept.Prefix == "dei" {
			end = x.Context.Period.End
		}
		if x.Concept.Standard() && years[x.Concept.URI] == 0 {
			years[x.Concept.URI] = yearOf(x.Concept.URI)
		}
	}
	if len(end) < 4 {
		return
	}
	year, _ := strconv.Atoi(end[:4])
	uris := make([]string, 0, len(years))
	for u := range years {
		uris = append(uris, u)
	}
	slices.Sort(uris)
	for _, u := range uris {
		if y := years[u]; y > 0 && (y < year-2 || y > year+2) {
			f.problem("", -1, "the taxonomy %s is of %d, the filing of %d: its concepts are taken by name", u, y, year)
		}
	}
}

func yearOf(uri string) int {
	for _, seg := range strings.Split(uri, "/") {
		if dateLike(seg) {
			y, _ := strconv.Atoi(seg[:4])
			return y
		}
	}
	return 0
}

// kinds of file.
type fileKind uint8

const (
	kindSkip fileKind = iota
	kindPage
	kindText
	kindInstance
	kindLinkbase
)

// kindOf tells what a file is by its content.
func kindOf(f File) fileKind {
	head := f.Body[:min(len(f.Body), 4096)]
	l := bytes.ToLower(head)
	switch {
	case bytes.HasPrefix(head, []byte("%PDF-")), bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.IndexByte(head, 0) >= 0:
		return kindSkip
	case bytes.Contains(l, []byte("<html")), bytes.Contains(l, []byte("<!doctype html")):
		return kindPage
	case bytes.Contains(l, []byte(":linkbase")), bytes.Contains(l, []byte("<linkbase")):
		return kindLinkbase
	case bytes.Contains(l, []byte("<xbrl")), bytes.Contains(l, []byte(":xbrl ")), bytes.Contains(l, []byte(":xbrl>")), bytes.Contains(l, []byte(":xbrl\n")):
		return kindInstance
	case bytes.Contains(l, []byte("<xs:schema")), bytes.Contains(l, []byte("<xsd:schema")), bytes.Contains(l, []byte("<schema")), bytes.HasPrefix(bytes.TrimSpace(l), []byte("<?xml")):
		return kindSkip
	case bytes.Contains(l, []byte("<body")), bytes.Contains(l, []byte("<div")), bytes.Contains(l, []byte("<table")) && bytes.Contains(l, []byte("<tr")), bytes.Contains(l, []byte("<p>")) && bytes.Contains(l, []byte("</p>")):
		return kindPage
	}
	return kindText
}

// value makes the value of a fact from its text.
func (p *inlinePage) value(x *Fact, i int) {
	negative := x.Value == "-"
	x.Value = ""
	switch {
	case x.Nil:
	case x.Numeric:
		if fr, ok := p.shape[i]; ok {
			x.Value, x.Valid = divide(fr.num, fr.den)
			if !x.Valid {
				p.problem(x.ID, "the fraction %q/%q has no value", fr.num, fr.den)
			}
			break
		}
		v, err := p.number(x.Text, x.Format, x.Scale, negative)
		if err != nil {
			p.problem(x.ID, "%v", err)
			break
		}
		x.Value, x.Valid = v, true
	default:
		x.Value, x.Valid = x.Text, true // settled when continuations are known
	}
	if x.Decimals != "" && x.Decimals != "INF" {
		if _, err := strconv.Atoi(x.Decimals); err != nil {
			p.problem(x.ID, "decimals %q is neither a number nor INF", x.Decimals)
			x.Decimals = ""
		}
	}
	x.Text = strings.Join(strings.Fields(x.Text), " ")
}

func divide(num, den string) (string, bool) {
	a, err := xsd.ParseDecimal(num)
	if err != nil {
		return "", false
	}
	b, err := xsd.ParseDecimal(den)
	if err != nil || b.Sign() == 0 {
		return "", false
	}
	q, err := a.Div(b)
	return q.String(), err == nil
}

// settle joins the texts of facts and footnotes with their continuations, and
// gives facts their footnotes.
func (p *inlinePage) settle() {
	byID := map[string]*Fact{}
	for i := range p.f.Facts {
		x := &p.f.Facts[i]
		if x.File != p.file {
			continue
		}
		byID[x.ID] = x
		if x.Numeric || x.Nil {
			continue
		}
		text := x.Value
		x.Spans, text = p.follow(x.ID, x.Spans, text, x.continuedAt)
		x.Value = text
		if x.Format != "" {
			q, ok := p.names.resolve(x.Format)
			v, err := "", error(nil)
			if ok {
				v, err = transform.Value(q.URI, q.Local, text)
			}
			switch {
			case !ok:
				p.problem(x.ID, "format %q: its prefix is not declared", x.Format)
				x.Valid = false
			case err != nil:
				p.problem(x.ID, "%v", err)
				x.Valid = false
			default:
				x.Value = v
			}
		} else if !x.escape {
			x.Value = strings.TrimSpace(x.Value)
		}
	}
	for _, l := range p.links {
		for _, to := range l.to {
			n := p.notes[to]
			if n == nil {
				p.problem(to, "there is no footnote of this id")
				continue
			}
			_, text := p.follow(to, n.pieces, n.text, n.next)
			text = strings.Join(strings.Fields(text), " ")
			for _, from := range l.from {
				if x := byID[from]; x != nil && text != "" {
					x.Notes = append(x.Notes, text)
				}
			}
		}
	}
}

// follow walks a chain of continuations.
func (p *inlinePage) follow(id string, pieces []Piece, text, next string) ([]Piece, string) {
	var b strings.Builder
	b.WriteString(text)
	seen := map[string]bool{}
	for next != "" {
		part := p.parts[next]
		switch {
		case part == nil:
			p.problem(id, "there is no continuation %q: its text ends before it", next)
			return pieces, b.String()
		case seen[next]:
			p.problem(id, "its continuations form a ring at %q", next)
			return pieces, b.String()
		}
		seen[next] = true
		pieces = append(pieces, part.pieces...)
		b.WriteString(part.text)
		next = part.next
	}
	return pieces, b.String()
}

// resolve ties facts to contexts and units.
func (f *Filing) resolve(res *resources) {
	ids := map[string]int{}
	for i := range f.Facts {
		x := &f.Facts[i]
		name := f.Files[x.File].Name
		if n := ids[x.ID]; n > 0 {
			f.problem(name, x.Tag, "%s: there are several tags of this id", x.ID)
			x.ID += "~" + strconv.Itoa(n+1)
		}
		ids[x.ID]++
		if x.Context = res.contexts[x.CtxRef]; x.Context == nil {
			f.problem(name, x.Tag, "%s: there is no context %q: the fact is left out", x.ID, x.CtxRef)
			x.Valid = false
		}
		if x.Numeric {
			if x.Unit = res.units[x.UnitRef]; x.Unit == "" {
				f.problem(name, x.Tag, "%s: there is no unit %q: the fact is left out", x.ID, x.UnitRef)
				x.Valid = false
			}
		}
		if x.Concept.URI == "" {
			x.Valid = false
		}
	}
}

// headings finds the row, column and sentence that each fact stands in.
func (f *Filing) headings() {
	grids := map[[2]int]*doc.Grid{}
	for i := range f.Facts {
		x := &f.Facts[i]
		t := f.Files[x.File].Tree
		if t == nil || x.Page == doc.Hidden || len(x.Spans) == 0 {
			continue
		}
		from, to := t.TextRange(x.Spans[0].Start, x.Spans[0].End)
		if to <= from {
			continue
		}
		n := t.At(from)
		cell := t.Within(n, doc.Cell)
		if cell < 0 {
			if x.Numeric || to-from < 200 {
				if int(t.Nodes[n].To-t.Nodes[n].From) < 2000 {
					x.Row = strings.Join(strings.Fields(t.Str(n)), " ")
				}
				x.RowText = x.Row
			}
			continue
		}
		row := int(t.Nodes[cell].Parent)
		table := t.Within(row, doc.Table)
		key := [2]int{x.File, table}
		g := grids[key]
		if g == nil {
			g = t.Grid(table)
			grids[key] = g
		}
		x.Row, x.Column = g.Headings(cell)
		x.RowText = t.RowText(row)
		if t.Nodes[n].Kind == doc.Sentence { // a long cell is running text
			x.Row, x.Column = strings.Join(strings.Fields(t.Str(n)), " "), ""
			x.RowText = x.Row
		}
	}
}
