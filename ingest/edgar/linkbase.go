package edgar

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/ingest/markup"
)

// Links is what the linkbases of a filing say. Concepts are named by the
// fragment that locators point at, such as "us-gaap_Revenues".
type Links struct {
	Labels       map[string][]Label
	Presentation []Arc
	Calculation  []Arc
	Definition   []Arc
}

// Label is a wording of a concept.
type Label struct{ Role, Lang, Text string }

// Arc ties two concepts within a role. Weight is of calculations.
type Arc struct {
	Role     string // of the extended link: the statement or note it belongs to
	Arcrole  string
	From, To string
	Order    float64
	Weight   float64
	Label    string // preferred label role
}

// ConceptID is the name by which links know a concept.
func ConceptID(q QName) string { return q.Prefix + "_" + q.Local }

// Standard returns the standard label of a concept, else its first.
func (l *Links) Standard(id string) string {
	for _, want := range []string{"/label", "/terseLabel", "/verboseLabel", ""} {
		for _, x := range l.Labels[id] {
			if strings.HasSuffix(x.Role, want) && (x.Lang == "" || strings.HasPrefix(strings.ToLower(x.Lang), "en")) {
				return x.Text
			}
		}
	}
	return ""
}

// xmlTokens walks an XML file. Names keep their case.
func xmlTokens(body []byte, each func(t *markup.Token, name string)) {
	r := markup.New(body)
	for t := r.Next(); t != nil; t = r.Next() {
		each(t, rawName(t))
	}
}

// rawName is the name of a tag as written.
func rawName(t *markup.Token) string {
	if t.Kind == markup.Text {
		return ""
	}
	raw := bytes.TrimLeft(t.Raw, "</")
	if len(raw) < len(t.Name) {
		return t.Name
	}
	return string(raw[:len(t.Name)])
}

func localName(name string) string { return name[strings.IndexByte(name, ':')+1:] }

// href returns the fragment of a locator's address.
func fragmentOf(href string) string {
	_, f, _ := strings.Cut(href, "#")
	return f
}

// read reads a linkbase, or the linkbases within a schema.
func (l *Links) read(f *Filing, file File) {
	if l.Labels == nil {
		l.Labels = map[string][]Label{}
	}
	role := ""
	locs := map[string]string{} // locators of the extended link
	texts := map[string]Label{} // label resources
	var arcs [][2]string
	var label *Label
	var labelID string
	var text []byte
	n := 0
	xmlTokens(file.Body, func(t *markup.Token, name string) {
		local := localName(name)
		switch {
		case t.Kind == markup.Text:
			if label != nil {
				text = append(text, t.Raw...)
			}
		case t.Kind == markup.Start:
			switch local {
			case "labelLink", "presentationLink", "calculationLink", "definitionLink":
				role = t.Attr("xlink:role")
				locs, texts, arcs = map[string]string{}, map[string]Label{}, nil
			case "loc":
				locs[t.Attr("xlink:label")] = fragmentOf(t.Attr("xlink:href"))
			case "label":
				label = &Label{Role: t.Attr("xlink:role"), Lang: t.Attr("xml:lang")}
				labelID, text = t.Attr("xlink:label"), text[:0]
			case "labelArc":
				arcs = append(arcs, [2]string{t.Attr("xlink:from"), t.Attr("xlink:to")})
			case "presentationArc", "calculationArc", "definitionArc":
				a := Arc{Role: role, Arcrole: t.Attr("xlink:arcrole"), From: t.Attr("xlink:from"), To: t.Attr("xlink:to"), Label: t.Attr("preferredlabel")}
				a.Order, _ = strconv.ParseFloat(t.Attr("order"), 64)
				a.Weight, _ = strconv.ParseFloat(t.Attr("weight"), 64)
				if t.Attr("use") == "prohibited" {
					return
				}
				switch local {
				case "presentationArc":
					l.Presentation = append(l.Presentation, a)
				case "calculationArc":
					l.Calculation = append(l.Calculation, a)
				default:
					l.Definition = append(l.Definition, a)
				}
				n++
			}
		case t.Kind == markup.End:
			switch local {
			case "label":
				if label != nil {
					label.Text = strings.Join(strings.Fields(unescapeXML(string(text))), " ")
					texts[labelID+"\x00"+label.Role] = *label
					label = nil
				}
			case "labelLink":
				// Several labels may share an id; each arc ties all of them.
				byID := map[string][]Label{}
				for k, v := range texts {
					id, _, _ := strings.Cut(k, "\x00")
					byID[id] = append(byID[id], v)
				}
				for _, a := range arcs {
					ls := byID[a[1]]
					slices.SortFunc(ls, func(x, y Label) int { return cmp.Compare(x.Role, y.Role) })
					l.Labels[locs[a[0]]] = append(l.Labels[locs[a[0]]], ls...)
					n += len(ls)
				}
			case "presentationLink", "calculationLink", "definitionLink":
				for _, set := range []*[]Arc{&l.Presentation, &l.Calculation, &l.Definition} {
					for i := len(*set) - 1; i >= 0; i-- {
						a := &(*set)[i]
						if a.Role != role || strings.ContainsRune(a.From, '\x01') {
							break
						}
						if c, ok := locs[a.From]; ok {
							a.From = c
						}
						if c, ok := locs[a.To]; ok {
							a.To = c
						}
					}
				}
			}
		}
	})
	if n == 0 {
		f.problem(file.Name, -1, "the linkbase says nothing that can be read")
	}
}

func unescapeXML(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "<![CDATA["), "]]>")
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", "\"", "&apos;", "'", "&#160;", " ", "&#8217;", "’", "&amp;", "&").Replace(s)
}
