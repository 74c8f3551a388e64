package edgar

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/edgar/transform"
	"github.com/quaestor-kg/quaestor/ingest/markup"
	"github.com/quaestor-kg/quaestor/kg/doc"
)

// Namespaces of inline XBRL.
const (
	inline11 = "http://www.xbrl.org/2013/inlineXBRL"
	inline10 = "http://www.xbrl.org/2008/inlineXBRL"
)

// capture is an open element whose text is wanted: a fact, a continuation or a
// footnote.
type capture struct {
	fact    int // index, or -1
	id      string
	next    string // continuedAt
	note    bool
	numeric bool
	from    int // of raw
	pieces  []Piece
	cut     bool // something was excluded: the next text begins a piece
	depth   int  // of open elements
	markup  bool // a number with markup inside
	part    string
}

// fragment is what a continuation or a footnote holds.
type fragment struct {
	pieces []Piece
	text   string
	next   string
}

// inlinePage reads one page.
type inlinePage struct {
	file    int
	name    string
	r       *markup.Reader
	names   names
	res     *resources
	f       *Filing
	parts   map[string]*fragment // continuations
	notes   map[string]*fragment // footnotes
	links   []relation
	raw     []byte // text of the page, in which captures are ranges
	open    []capture
	depth   int // open elements
	exclude int // depth of an open ix:exclude
	header  int // depth of an open ix:header
	within  int // depth of ix:resources
	tags    int
	local   map[string]string // tag -> local name in inline XBRL
	shape   map[int]fraction
}

// fraction is the two parts of an ix:fraction.
type fraction struct{ num, den string }

// relation ties facts to footnotes.
type relation struct {
	from, to []string
}

// read reads the page; contexts and units may be in other pages of the set.
func (p *inlinePage) read(body []byte) *doc.Tree {
	p.r = markup.New(body)
	p.local = map[string]string{}
	p.shape = map[int]fraction{}
	for t := p.r.Next(); t != nil; t = p.r.Next() {
		switch t.Kind {
		case markup.Start:
			p.depth++
			for _, a := range t.Attrs {
				if strings.HasPrefix(a.Name, "xmlns") {
					p.names.declare(a.Name, a.Value)
				}
			}
			p.start(t)
		case markup.End:
			p.end(t)
			p.depth--
		default:
			p.text(t)
		}
	}
	for i := len(p.open) - 1; i >= 0; i-- {
		p.problem(p.open[i].id, "its tag does not end")
		p.close(i)
	}
	if p.r.Bad > 0 {
		p.f.problem(p.name, -1, "%d bytes are no UTF-8 and were read as Windows-1252", p.r.Bad)
	}
	return p.r.Tree()
}

func (p *inlinePage) problem(id, format string, args ...any) {
	at := int64(-1)
	p.f.problem(p.name, at, "%s: %s", id, fmt.Sprintf(format, args...))
}

// ix returns the local name of an inline XBRL tag, "" if it is none.
func (p *inlinePage) ix(tag string) string {
	if l, ok := p.local[tag]; ok {
		return l
	}
	l := ""
	if prefix, local, ok := strings.Cut(tag, ":"); ok {
		if uri := p.names[prefix]; uri == inline11 || uri == inline10 || uri == "" && prefix == "ix" {
			l = local
		}
	}
	p.local[tag] = l
	return l
}

func (p *inlinePage) start(t *markup.Token) {
	local := ""
	if strings.IndexByte(t.Name, ':') > 0 {
		local = p.ix(t.Name)
	}
	switch local {
	case "":
		for i := range p.open {
			p.open[i].markup = true
		}
		if p.within > 0 {
			p.res.start(after(t.Name), t.Attr, p.names)
		}
	case "header", "hidden":
		p.r.Take(t)
		p.r.Hide()
		if p.header == 0 {
			p.header = p.depth
		}
		return
	case "resources":
		p.within = p.depth
	case "exclude":
		if p.exclude == 0 {
			p.exclude = p.depth
			for i := range p.open {
				p.open[i].cut = true
			}
		}
	case "nonfraction", "nonnumeric", "fraction":
		p.tags++
		p.openFact(t, local)
	case "numerator", "denominator":
		p.open = append(p.open, capture{fact: -1, part: local, from: len(p.raw), depth: p.depth, next: t.Attr("format") + "|" + t.Attr("scale") + "|" + t.Attr("sign")})
	case "continuation":
		p.open = append(p.open, capture{fact: -1, id: t.Attr("id"), next: t.Attr("continuedat"), from: len(p.raw), depth: p.depth})
	case "footnote":
		p.open = append(p.open, capture{fact: -1, note: true, id: t.Attr("id"), next: t.Attr("continuedat"), from: len(p.raw), depth: p.depth})
	case "relationship":
		p.links = append(p.links, relation{strings.Fields(t.Attr("fromrefs")), strings.Fields(t.Attr("torefs"))})
	case "tuple":
		p.f.problem(p.name, t.From, "%s: tuples are not read", t.Attr("id"))
	}
	p.r.Take(t)
}

func after(tag string) string { return tag[strings.IndexByte(tag, ':')+1:] }

func (p *inlinePage) openFact(t *markup.Token, local string) {
	x := Fact{
		ID: t.Attr("id"), CtxRef: strings.TrimSpace(t.Attr("contextref")), UnitRef: strings.TrimSpace(t.Attr("unitref")), Numeric: local != "nonnumeric",
		Decimals: strings.TrimSpace(t.Attr("decimals")), Scale: strings.TrimSpace(t.Attr("scale")), Format: strings.TrimSpace(t.Attr("format")),
		File: p.file, Tag: t.From, escape: t.Attr("escape") == "true" || t.Attr("escape") == "1", continuedAt: t.Attr("continuedat"),
	}
	if x.ID == "" {
		x.ID = "b" + strconv.FormatInt(t.From, 10)
	}
	for _, a := range t.Attrs {
		if strings.HasSuffix(a.Name, ":nil") && (a.Value == "true" || a.Value == "1") {
			x.Nil = true
		}
	}
	var ok bool
	if x.Concept, ok = p.names.resolve(t.Attr("name")); !ok {
		p.f.problem(p.name, t.From, "%s: concept %q: its prefix is not declared", x.ID, t.Attr("name"))
	}
	x.Page = p.r.Pages() - 1
	if p.header > 0 {
		x.Page = doc.Hidden
	}
	if t.Attr("sign") == "-" {
		x.Value = "-" // until the value is known
	}
	if local == "fraction" {
		p.shape[len(p.f.Facts)] = fraction{}
	}
	p.f.Facts = append(p.f.Facts, x)
	p.open = append(p.open, capture{fact: len(p.f.Facts) - 1, id: x.ID, next: x.continuedAt, numeric: x.Numeric, from: len(p.raw), depth: p.depth})
}

func (p *inlinePage) text(t *markup.Token) {
	if p.within > 0 {
		p.res.chars(p.r.Unescape(t.Raw))
		return
	}
	if len(p.open) > 0 && p.exclude == 0 {
		raw := t.Raw
		from := t.From
		for len(raw) > 0 && blank(raw[0]) {
			raw = raw[1:]
			from++
		}
		for len(raw) > 0 && blank(raw[len(raw)-1]) {
			raw = raw[:len(raw)-1]
		}
		if to := from + int64(len(raw)); len(raw) > 0 {
			for i := range p.open {
				c := &p.open[i]
				if n := len(c.pieces); n == 0 || c.cut {
					c.pieces = append(c.pieces, Piece{p.file, from, to})
					c.cut = false
				} else {
					c.pieces[n-1].End = to
				}
			}
		}
		p.raw = append(p.raw, p.r.Unescape(t.Raw)...)
	}
	p.r.Take(t)
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (p *inlinePage) end(t *markup.Token) {
	p.r.Take(t)
	local := ""
	if strings.IndexByte(t.Name, ':') > 0 {
		local = p.ix(t.Name)
	}
	switch local {
	case "":
		if p.within > 0 {
			p.res.end(after(t.Name), p.names)
		}
	case "header":
		p.header = 0
	case "resources":
		p.within = 0
	case "exclude":
		p.exclude = 0
	case "nonfraction", "nonnumeric", "fraction", "continuation", "footnote", "numerator", "denominator":
		for i := len(p.open) - 1; i >= 0; i-- {
			if p.kind(i) == local {
				p.close(i)
				break
			}
		}
	}
	// Text blocks: what stands in two blocks is two words.
	if len(p.open) > 0 && len(p.raw) > 0 && (t.Name == "div" || t.Name == "p" || t.Name == "td" || t.Name == "tr" || t.Name == "li" || t.Name == "br") {
		if c := p.open[len(p.open)-1]; (c.note || c.fact < 0 || p.f.Facts[c.fact].escape) && !blank(p.raw[len(p.raw)-1]) {
			p.raw = append(p.raw, '\n')
		}
	}
}

func (p *inlinePage) kind(i int) string {
	c := p.open[i]
	switch {
	case c.part != "":
		return c.part
	case c.note:
		return "footnote"
	case c.fact < 0:
		return "continuation"
	case p.f.Facts[c.fact].Numeric:
		if _, ok := p.shape[c.fact]; ok {
			return "fraction"
		}
		return "nonfraction"
	}
	return "nonnumeric"
}

// close ends a capture; those opened after it have lost their end tags and
// end too.
func (p *inlinePage) close(i int) {
	for n := len(p.open) - 1; n >= i; n-- {
		c := p.open[n]
		p.open = p.open[:n]
		text := string(p.raw[c.from:])
		switch {
		case c.part != "":
			p.closePart(c, text)
		case c.note:
			p.notes[c.id] = &fragment{pieces: c.pieces, text: text, next: c.next}
		case c.fact < 0:
			if p.parts[c.id] != nil {
				p.problem(c.id, "there are two continuations of this id: the first is used")
				continue
			}
			p.parts[c.id] = &fragment{pieces: c.pieces, text: text, next: c.next}
		default:
			x := &p.f.Facts[c.fact]
			x.Spans, x.Text = c.pieces, text
			if x.Numeric && c.markup && len(c.pieces) > 0 && !x.Nil {
				p.problem(x.ID, "there is markup inside the number; its text %q is read as if there were none", strings.TrimSpace(text))
			}
		}
	}
}

// closePart ends the numerator or denominator of the fraction around it.
func (p *inlinePage) closePart(c capture, text string) {
	for i := len(p.open) - 1; i >= 0; i-- {
		at := p.open[i].fact
		if at < 0 {
			continue
		}
		a := strings.SplitN(c.next, "|", 3)
		v, err := p.number(text, a[0], a[1], a[2] == "-")
		if err != nil {
			p.problem(p.open[i].id, "%s: %v", c.part, err)
		}
		fr := p.shape[at]
		if c.part == "numerator" {
			fr.num = v
		} else {
			fr.den = v
		}
		p.shape[at] = fr
		return
	}
}

// number reads the text of a number.
func (p *inlinePage) number(text, format, scale string, negative bool) (string, error) {
	var v string
	var err error
	if format == "" {
		v, err = transform.Plain(text)
	} else {
		q, ok := p.names.resolve(format)
		if !ok {
			return "", fmt.Errorf("format %q: its prefix is not declared", format)
		}
		v, err = transform.Value(q.URI, q.Local, text)
	}
	if err != nil {
		return "", err
	}
	if scale != "" && scale != "0" {
		n, err := strconv.Atoi(scale)
		if err != nil || n < -30 || n > 30 {
			return "", fmt.Errorf("scale %q is no power of ten", scale)
		}
		v = shift(v, n)
	}
	if negative && strings.Trim(v, "0.") != "" {
		if strings.HasPrefix(v, "-") {
			return v[1:], nil
		}
		v = "-" + v
	}
	return v, nil
}

// shift moves the point of a plain decimal by n places to the right.
func shift(v string, n int) string {
	if strings.Trim(v, "0123456789.-") != "" {
		return v // INF, NaN
	}
	neg := strings.HasPrefix(v, "-")
	v = strings.TrimPrefix(v, "-")
	whole, part, _ := strings.Cut(v, ".")
	if n >= 0 {
		for len(part) < n {
			part += "0"
		}
		whole, part = whole+part[:n], part[n:]
	} else {
		for len(whole) < -n {
			whole = "0" + whole
		}
		whole, part = whole[:len(whole)+n], whole[len(whole)+n:]+part
	}
	whole = strings.TrimLeft(whole, "0")
	part = strings.TrimRight(part, "0")
	if whole == "" {
		whole = "0"
	}
	if part != "" {
		whole += "." + part
	}
	if neg && strings.Trim(whole, "0.") != "" {
		whole = "-" + whole
	}
	return whole
}
