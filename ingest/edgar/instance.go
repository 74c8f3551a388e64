package edgar

import (
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/edgar/transform"
	"github.com/quaestor-kg/quaestor/ingest/markup"
	"github.com/quaestor-kg/quaestor/kg/doc"
)

// readInstance reads a plain XBRL instance: its facts are elements, not
// shown on any page.
func (f *Filing) readInstance(at int, file File, res *resources) {
	ns := names{}
	depth := 0
	within := 0 // depth of the context or unit that is open
	open := -1  // fact whose end is awaited
	openDepth := 0
	var text []byte
	var first, last int64
	notes := map[string]string{}   // footnote label -> text
	locs := map[string]string{}    // locator label -> fact id
	links := map[string][]string{} // locator label -> footnote labels
	note := ""
	byID := map[string]int{}
	root := false
	xmlTokens(file.Body, func(t *markup.Token, name string) {
		switch t.Kind {
		case markup.Text:
			switch {
			case within > 0:
				res.chars(unescapeXML(string(t.Raw)))
			case open >= 0 || note != "":
				raw := strings.TrimSpace(string(t.Raw))
				if raw != "" {
					lead := int64(strings.Index(string(t.Raw), raw))
					if first < 0 {
						first = t.From + lead
					}
					last = t.From + lead + int64(len(raw))
				}
				text = append(text, t.Raw...)
			}
		case markup.Start:
			depth++
			for _, a := range t.Attrs {
				if strings.HasPrefix(a.Name, "xmlns") {
					ns.declare(a.Name, a.Value)
				}
			}
			local := localName(name)
			q, _ := ns.resolve(name)
			switch {
			case local == "xbrl":
				root = true
			case within > 0:
				res.start(strings.ToLower(local), t.Attr, ns)
			case open >= 0:
			case q.Prefix == "xbrli" && (local == "context" || local == "unit"):
				within = depth
				res.start(strings.ToLower(local), t.Attr, ns)
			case local == "footnote":
				note, text, first = t.Attr("xlink:label"), text[:0], -1
			case local == "loc":
				locs[t.Attr("xlink:label")] = fragmentOf(t.Attr("xlink:href"))
			case local == "footnoteArc":
				links[t.Attr("xlink:from")] = append(links[t.Attr("xlink:from")], t.Attr("xlink:to"))
			case t.Attr("contextref") != "":
				x := Fact{ID: t.Attr("id"), Concept: q, CtxRef: t.Attr("contextref"), UnitRef: t.Attr("unitref"), Decimals: t.Attr("decimals"), File: at, Tag: t.From, Page: doc.Hidden}
				x.Numeric = x.UnitRef != ""
				if x.ID == "" {
					x.ID = "b" + strconv.FormatInt(t.From, 10)
				}
				for _, a := range t.Attrs {
					if strings.HasSuffix(a.Name, ":nil") && (a.Value == "true" || a.Value == "1") {
						x.Nil = true
					}
				}
				if q.URI == "" {
					f.problem(file.Name, t.From, "%s: concept %q: its prefix is not declared", x.ID, name)
				}
				f.Facts = append(f.Facts, x)
				open, openDepth, text, first = len(f.Facts)-1, depth, text[:0], -1
				byID[x.ID] = open
			}
		case markup.End:
			local := localName(name)
			if name == "" || t.Raw == nil {
				local = localName(t.Name)
			}
			switch {
			case within > 0:
				res.end(strings.ToLower(local), ns)
				if depth == within {
					within = 0
				}
			case open >= 0 && depth == openDepth:
				x := &f.Facts[open]
				open = -1
				f.instanceValue(file, x, string(text))
				if first >= 0 {
					x.Spans = []Piece{{at, first, last}}
				}
			case note != "" && strings.EqualFold(local, "footnote"):
				notes[note] = strings.Join(strings.Fields(stripTags(unescapeXML(string(text)))), " ")
				note = ""
			}
			depth--
		}
	})
	if !root {
		f.problem(file.Name, -1, "it has no xbrl element")
	}
	for loc, to := range links {
		i, ok := byID[locs[loc]]
		if !ok {
			continue
		}
		for _, n := range to {
			if notes[n] != "" {
				f.Facts[i].Notes = append(f.Facts[i].Notes, notes[n])
			}
		}
	}
}

func (f *Filing) instanceValue(file File, x *Fact, text string) {
	text = unescapeXML(text)
	if x.Nil {
		return
	}
	if !x.Numeric {
		// Text blocks are escaped HTML.
		if strings.Contains(text, "<") {
			text = stripTags(text)
		}
		x.Value, x.Valid = strings.TrimSpace(text), true
		x.Text = strings.Join(strings.Fields(x.Value), " ")
		return
	}
	x.Text = strings.TrimSpace(text)
	v, err := transform.Plain(x.Text)
	if err != nil {
		if v, err = scientific(x.Text); err != nil {
			f.problem(file.Name, x.Tag, "%s: %v", x.ID, err)
			return
		}
	}
	x.Value, x.Valid = v, true
}

// scientific reads the decimals with an exponent that instances may hold.
func scientific(s string) (string, error) {
	mantissa, exp, ok := strings.Cut(strings.ToLower(s), "e")
	n, err := strconv.Atoi(strings.TrimPrefix(exp, "+"))
	if !ok || err != nil || n < -60 || n > 60 {
		_, err := transform.Plain(s)
		return "", err
	}
	v, err := transform.Plain(mantissa)
	if err != nil {
		return "", err
	}
	return shift(v, n), nil
}

// stripTags is the text of a piece of HTML.
func stripTags(s string) string {
	r := markup.New([]byte(s))
	for t := r.Next(); t != nil; t = r.Next() {
		r.Take(t)
	}
	return r.Tree().Text
}
