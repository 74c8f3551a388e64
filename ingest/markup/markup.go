// Package markup reads HTML and XHTML as it is filed, broken or not, into a
// doc.Tree whose text is mapped to the bytes of the file. Its Reader hands
// out every token with its place, so that readers of what is embedded in the
// page (inline XBRL) see the page and its text grow together.
package markup

import (
	"bytes"
	"html"
	"io"
	"strings"
	"unicode/utf8"

	xhtml "golang.org/x/net/html"

	"github.com/quaestor-kg/quaestor/ingest/chunk"
	"github.com/quaestor-kg/quaestor/kg/doc"
)

// Kind is the kind of a token.
type Kind uint8

// Kinds of token. A tag that closes itself is a Start followed by an End of
// no bytes.
const (
	Start Kind = iota
	End
	Text
)

// Attr is an attribute; its name is in lower case.
type Attr struct{ Name, Value string }

// Token is a tag or a piece of text. It is valid until the next one is read.
type Token struct {
	Kind     Kind
	Name     string // of a tag, in lower case
	Raw      []byte // as in the file
	From, To int64  // bytes of the file
	Attrs    []Attr
}

// Attr returns the value of an attribute, "" if there is none.
func (t *Token) Attr(name string) string {
	v, _ := t.Lookup(name)
	return v
}

// Lookup returns the value of an attribute, and whether there is one.
func (t *Token) Lookup(name string) (string, bool) {
	for _, a := range t.Attrs {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// maxDepth is the most elements that may be open; deeper ones are read as if
// they were not there.
const maxDepth = 2000

// Reader reads a page. Call Next until it returns false, then Tree.
type Reader struct {
	chunk.Builder
	z     *xhtml.Tokenizer
	at    int64
	tok   Token
	ends  bool // the token was self-closing: its End is due
	xml   bool // tags that close themselves do
	names map[string]string
	stack []element
	lost  int // depth beyond maxDepth

	para   bool // a paragraph is open
	bold   int  // bytes of its text that are set bold
	plain  int  // bytes that are not
	breaks int  // line breaks since its last text
	level  int  // heading level of the block it began in
	tables []table
	single bool // bytes above 127 are Windows-1252
	// Bad counts bytes that are no UTF-8 and were read as Windows-1252.
	Bad int
}

type element struct {
	name         string
	hidden, bold bool
	pageAfter    bool
}

// table is the state of an open table.
type table struct {
	depth    int   // of the stack at its start
	occupied []int // rows that a cell from above still takes, by column
	col      int
	row      bool
	cell     bool
	outer    bool // it is within a cell of another table
}

// New returns a Reader of a page.
func New(src []byte) *Reader {
	head := src[:min(len(src), 2048)]
	r := &Reader{z: xhtml.NewTokenizer(bytes.NewReader(src)), names: map[string]string{}}
	r.xml = bytes.Contains(head, []byte("<?xml")) || bytes.Contains(head, []byte("xmlns"))
	r.single = singleByte(head)
	r.Page()
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		r.z = xhtml.NewTokenizer(bytes.NewReader(src[3:]))
		r.at = 3
	}
	return r
}

// singleByte reports whether a page says that it is in Latin 1 or
// Windows-1252.
func singleByte(head []byte) bool {
	l := bytes.ToLower(head)
	for _, n := range []string{"iso-8859-1", "windows-1252", "latin1"} {
		if bytes.Contains(l, []byte("encoding=\""+n)) || bytes.Contains(l, []byte("encoding='"+n)) || bytes.Contains(l, []byte("charset="+n)) || bytes.Contains(l, []byte("charset=\""+n)) {
			return true
		}
	}
	return false
}

// Next reads the next token; its text has not been taken up yet: call Take
// for that. It returns nil at the end.
func (r *Reader) Next() *Token {
	if r.ends {
		r.ends = false
		r.tok.Kind, r.tok.From, r.tok.Raw, r.tok.Attrs = End, r.tok.To, nil, r.tok.Attrs[:0]
		return &r.tok
	}
	for {
		kind := r.z.Next()
		raw := r.z.Raw()
		from := r.at
		r.at += int64(len(raw))
		t := &r.tok
		t.Raw, t.From, t.To, t.Attrs = raw, from, r.at, t.Attrs[:0]
		switch kind {
		case xhtml.ErrorToken:
			if r.z.Err() != io.EOF || len(raw) == 0 {
				return nil
			}
			// What is left is a tag that does not end.
			return nil
		case xhtml.TextToken:
			t.Kind, t.Name = Text, ""
			return t
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
			name, more := r.z.TagName()
			t.Kind, t.Name = Start, r.intern(name)
			for more {
				var k, v []byte
				k, v, more = r.z.TagAttr()
				t.Attrs = append(t.Attrs, Attr{r.intern(k), string(v)})
			}
			if void(t.Name) || kind == xhtml.SelfClosingTagToken && r.xml {
				r.ends = true
				r.z.NextIsNotRawText()
			}
			return t
		case xhtml.EndTagToken:
			name, _ := r.z.TagName()
			t.Kind, t.Name = End, r.intern(name)
			if void(t.Name) {
				continue
			}
			return t
		}
	}
}

// intern keeps one copy of each name.
func (r *Reader) intern(b []byte) string {
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	s := string(b)
	r.names[s] = s
	return s
}

func void(name string) bool {
	switch name {
	case "br", "hr", "img", "meta", "link", "input", "col", "area", "base", "wbr", "param", "source", "track", "embed":
		return true
	}
	return false
}

func block(name string) bool {
	switch name {
	case "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "dl", "dt", "dd", "blockquote", "pre", "center", "section", "article", "header",
		"footer", "main", "nav", "aside", "figure", "figcaption", "address", "form", "fieldset", "hr", "body", "html", "caption", "details", "summary", "title",
		"document", "type", "sequence", "filename", "description", "text", "page":
		return true
	}
	return false
}

// Hidden reports whether text at this place is not shown.
func (r *Reader) Hidden() bool {
	return len(r.stack) > 0 && r.stack[len(r.stack)-1].hidden
}

// Hide hides the element whose start tag was taken last.
func (r *Reader) Hide() {
	if len(r.stack) > 0 && r.lost == 0 {
		r.stack[len(r.stack)-1].hidden = true
	}
}

// Take takes a token up into the page: text grows, blocks begin and end.
func (r *Reader) Take(t *Token) {
	switch t.Kind {
	case Text:
		if !r.Hidden() {
			r.words(t.Raw, t.From)
		}
	case Start:
		r.start(t)
	case End:
		r.end(t.Name)
	}
}

func (r *Reader) start(t *Token) {
	// Elements whose end tags may be left out.
	switch t.Name {
	case "p", "div", "table", "ul", "ol", "h1", "h2", "h3", "h4":
		r.implied("p")
	case "li":
		r.impliedWithin("li", "ul", "ol")
	case "tr":
		r.impliedWithin("tr", "table")
	case "td", "th":
		r.impliedWithin("td", "tr", "table")
		r.impliedWithin("th", "tr", "table")
	}
	e := element{name: t.Name}
	if n := len(r.stack); n > 0 {
		up := r.stack[n-1]
		e.hidden, e.bold = up.hidden, up.bold
	}
	before := false
	if s := t.Attr("style"); s != "" {
		p := parseStyle(s)
		e.hidden = e.hidden || p.hidden
		if p.weight != 0 {
			e.bold = p.weight > 0
		}
		e.pageAfter, before = p.pageAfter, p.pageBefore
	}
	if _, ok := t.Lookup("hidden"); ok {
		e.hidden = true
	}
	switch t.Name {
	case "b", "strong", "h1", "h2", "h3", "h4", "h5", "h6", "th":
		e.bold = true
	case "script", "style", "head", "template", "noscript", "object", "svg":
		e.hidden = true
	}
	if e.hidden {
		before, e.pageAfter = false, false
	}
	if before || t.Name == "page" && !e.hidden {
		r.breakPage()
	}
	if !e.hidden {
		r.open(t)
	}
	if len(r.stack) >= maxDepth {
		r.lost++
		return
	}
	r.stack = append(r.stack, e)
}

// open begins what a tag begins.
func (r *Reader) open(t *Token) {
	switch {
	case t.Name == "br":
		r.breaks++
		if r.inCell() {
			r.space(t.From, 0)
		} else if r.para {
			r.space(t.From, 0)
		}
		if r.breaks > 1 {
			r.flush()
		}
	case t.Name == "table":
		r.flush()
		outer := r.inCell()
		r.Open(chunk.Item{Kind: doc.Table})
		r.tables = append(r.tables, table{depth: len(r.stack), outer: outer})
	case t.Name == "tr":
		if tb := r.table(); tb != nil && !tb.cell {
			r.endRow()
			r.Open(chunk.Item{Kind: doc.Row})
			tb.row, tb.col = true, 0
		}
	case t.Name == "td" || t.Name == "th":
		r.startCell(t)
	case block(t.Name):
		if r.inCell() {
			r.space(t.From, 0)
			return
		}
		r.flush()
		if len(t.Name) == 2 && t.Name[0] == 'h' && t.Name[1] >= '1' && t.Name[1] <= '6' {
			r.level = int(t.Name[1] - '0')
		}
	}
}

func (r *Reader) startCell(t *Token) {
	tb := r.table()
	if tb == nil {
		return
	}
	r.endCell()
	if !tb.row {
		r.Open(chunk.Item{Kind: doc.Row})
		tb.row, tb.col = true, 0
	}
	for tb.col < len(tb.occupied) && tb.occupied[tb.col] > 0 {
		tb.occupied[tb.col]--
		tb.col++
	}
	cols, rows := number(t.Attr("colspan")), number(t.Attr("rowspan"))
	for len(tb.occupied) < tb.col+cols {
		tb.occupied = append(tb.occupied, 0)
	}
	for i := range cols {
		tb.occupied[tb.col+i] = rows - 1
	}
	r.glue(' ')
	r.Open(chunk.Item{Kind: doc.Cell, Col: tb.col, Span: cols, Head: t.Name == "th"})
	tb.col += cols
	tb.cell = true
}

// number reads a count of columns or rows.
func number(s string) int {
	n := 0
	for _, c := range strings.TrimSpace(s) {
		if c < '0' || c > '9' || n > 1000 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return min(max(n, 1), 1000)
}

func (r *Reader) table() *table {
	if len(r.tables) == 0 {
		return nil
	}
	return &r.tables[len(r.tables)-1]
}

func (r *Reader) inCell() bool { return len(r.tables) > 0 && r.tables[len(r.tables)-1].cell }

func (r *Reader) endCell() {
	if tb := r.table(); tb != nil && tb.cell {
		r.flush()
		r.Close()
		tb.cell = false
	}
}

func (r *Reader) endRow() {
	tb := r.table()
	if tb == nil {
		return
	}
	r.endCell()
	if tb.row {
		for tb.col < len(tb.occupied) {
			if tb.occupied[tb.col] > 0 {
				tb.occupied[tb.col]--
			}
			tb.col++
		}
		r.Close()
		r.glue('\n')
		tb.row = false
	}
}

func (r *Reader) endTable() {
	r.endRow()
	tb := r.table()
	i := len(r.Items)
	it := r.Close()
	if it.To == it.From || i == 0 {
		it.To = it.From
	}
	it.Bold = r.bold > 0 && r.plain == 0
	r.bold, r.plain = 0, 0
	outer := tb.outer
	r.tables = r.tables[:len(r.tables)-1]
	if outer {
		r.glue(' ')
	} else {
		r.glue('\n')
	}
}

// glue separates what stands on both sides.
func (r *Reader) glue(c byte) {
	switch last := r.Last(); {
	case last == '\n' || last == ' ' && c == ' ':
	default:
		r.Glue(c)
	}
}

// space puts a space between words, for bytes of the file.
func (r *Reader) space(at int64, n int) {
	if l := r.Last(); l == ' ' || l == '\n' {
		return
	}
	if n == 0 {
		r.Glue(' ')
	} else {
		r.Instead(" ", at, n)
	}
}

// flush ends the paragraph, if one is open.
func (r *Reader) flush() {
	r.breaks = 0
	if !r.para {
		r.level = 0
		return
	}
	it := r.Close()
	it.Bold = r.bold > 0 && r.plain == 0
	it.Level = r.level
	r.para = false
	r.bold, r.plain, r.level = 0, 0, 0
	r.glue('\n')
}

// breakPage begins a new page, unless nothing stands on the last.
func (r *Reader) breakPage() {
	r.flush()
	r.glue('\n')
	r.Page()
}

func (r *Reader) end(name string) {
	if r.lost > 0 {
		r.lost--
		return
	}
	i := len(r.stack) - 1
	for i >= 0 && r.stack[i].name != name {
		// An end tag of something within a cell does not end the cell.
		if r.stack[i].name == "td" || r.stack[i].name == "table" {
			if name != "tr" && name != "table" && name != "td" && name != "body" && name != "html" {
				return
			}
		}
		i--
	}
	if i < 0 {
		return
	}
	r.unwind(i)
}

// unwind closes the elements from i on.
func (r *Reader) unwind(i int) {
	for n := len(r.stack) - 1; n >= i; n-- {
		e := r.stack[n]
		r.stack = r.stack[:n]
		if e.hidden {
			continue
		}
		switch {
		case e.name == "table":
			if len(r.tables) > 0 {
				r.endTable()
			}
		case e.name == "tr":
			r.endRow()
		case e.name == "td" || e.name == "th":
			r.endCell()
		case block(e.name):
			if r.inCell() {
				r.space(0, 0)
			} else {
				r.flush()
			}
		}
		if e.pageAfter {
			r.breakPage()
		}
	}
}

// implied closes an open element that a start tag ends.
func (r *Reader) implied(name string) {
	if n := len(r.stack); n > 0 && r.stack[n-1].name == name {
		r.unwind(n - 1)
	}
}

// impliedWithin closes an open element unless one of the others is nearer.
func (r *Reader) impliedWithin(name string, within ...string) {
	for i := len(r.stack) - 1; i >= 0; i-- {
		e := r.stack[i].name
		if e == name {
			r.unwind(i)
			return
		}
		for _, w := range within {
			if e == w {
				return
			}
		}
	}
}

// words takes text up: entities become characters, white space one space.
func (r *Reader) words(raw []byte, at int64) {
	bold := len(r.stack) > 0 && r.stack[len(r.stack)-1].bold
	begin := func() {
		r.breaks = 0
		if !r.para && !r.inCell() {
			r.Open(chunk.Item{Kind: doc.Paragraph})
			r.para = true
		}
	}
	count := func(n int) {
		if bold {
			r.bold += n
		} else {
			r.plain += n
		}
	}
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f':
			j := i + 1
			for j < len(raw) && (raw[j] == ' ' || raw[j] == '\n' || raw[j] == '\r' || raw[j] == '\t' || raw[j] == '\f') {
				j++
			}
			if l := r.Last(); (r.para || r.inCell()) && l != ' ' && l != '\n' {
				if j == i+1 && c == ' ' {
					r.Verbatim(raw[i:j], at+int64(i))
				} else {
					r.Instead(" ", at+int64(i), j-i)
				}
			}
			i = j
		case c == '&':
			s, n := entity(raw[i:])
			switch {
			case s == "\u00a0" || s == " " || s == "\u2003" || s == "\u2002" || s == "\u2009" || s == "\n" || s == "\t":
				if r.para || r.inCell() {
					r.space(at+int64(i), n)
				}
			case s == "\u200b" || s == "\ufeff" || s == "\u00ad":
			default:
				begin()
				count(1)
				r.Instead(s, at+int64(i), n)
			}
			i += n
		case c >= utf8.RuneSelf:
			w, n := utf8.DecodeRune(raw[i:])
			switch {
			case w == utf8.RuneError && n <= 1 || r.single:
				begin()
				count(1)
				if !r.single {
					r.Bad++
				}
				r.Instead(string(windows1252(c)), at+int64(i), 1)
				i++
			case w == '\u00a0' || w == '\u2003' || w == '\u2002' || w == '\u2009' || w == '\u202f' || w == '\u2007':
				if r.para || r.inCell() {
					r.space(at+int64(i), n)
				}
				i += n
			case w == '\u200b' || w == '\ufeff' || w == '\u00ad':
				i += n
			default:
				begin()
				count(1)
				r.Verbatim(raw[i:i+n], at+int64(i))
				i += n
			}
		case c < ' ' || c == 0x7f:
			i++
		default:
			j := i + 1
			for j < len(raw) && raw[j] > ' ' && raw[j] < 0x7f && raw[j] != '&' {
				j++
			}
			begin()
			count(j - i)
			r.Verbatim(raw[i:j], at+int64(i))
			i = j
		}
	}
}

// entity reads the character reference that raw begins with; if there is none,
// the ampersand itself.
func entity(raw []byte) (string, int) {
	end := bytes.IndexByte(raw[:min(len(raw), 40)], ';')
	if end < 0 {
		return "&", 1
	}
	e := string(raw[:end+1])
	s := html.UnescapeString(e)
	if s == e || strings.HasPrefix(s, "&") && !strings.EqualFold(e, "&amp;") && e != "&#38;" && !strings.EqualFold(e, "&#x26;") {
		return "&", 1
	}
	return s, end + 1
}

// Unescape is the text of a token: entities become characters, bytes that are
// no UTF-8 are read as Windows-1252.
func (r *Reader) Unescape(raw []byte) string {
	if !r.single && utf8.Valid(raw) {
		return html.UnescapeString(string(raw))
	}
	var b strings.Builder
	for len(raw) > 0 {
		w, n := utf8.DecodeRune(raw)
		if w == utf8.RuneError && n <= 1 || r.single && raw[0] >= utf8.RuneSelf {
			b.WriteRune(windows1252(raw[0]))
			n = 1
		} else {
			b.Write(raw[:n])
		}
		raw = raw[n:]
	}
	return html.UnescapeString(b.String())
}

// windows1252 is the character of a byte from 128.
func windows1252(c byte) rune {
	if c < 0xa0 {
		return [32]rune{
			'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
			0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
		}[c-0x80]
	}
	return rune(c)
}

// Tree ends the page and returns its tree.
func (r *Reader) Tree() *doc.Tree {
	r.unwind(0)
	r.flush()
	for len(r.tables) > 0 {
		r.endTable()
	}
	return r.Builder.Tree()
}

// Read reads a whole page.
func Read(src []byte) *doc.Tree {
	r := New(src)
	for t := r.Next(); t != nil; t = r.Next() {
		r.Take(t)
	}
	return r.Tree()
}
