package edgar

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// names resolves prefixes. HTML's tokenizer lowers the case of attribute
// names, so prefixes are compared without regard to case.
type names map[string]string

// declare notes the xmlns attributes of a tag.
func (n names) declare(name, value string) {
	if p, ok := strings.CutPrefix(name, "xmlns:"); ok {
		n[strings.ToLower(p)] = strings.TrimSpace(value)
	} else if name == "xmlns" {
		n[""] = strings.TrimSpace(value)
	}
}

// resolve reads a qualified name.
func (n names) resolve(s string) (QName, bool) {
	s = strings.TrimSpace(s)
	prefix, local, ok := strings.Cut(s, ":")
	if !ok {
		prefix, local = "", s
	}
	uri, known := n[strings.ToLower(prefix)]
	if known || prefix != "" {
		if p, ok := standard(uri); ok {
			prefix = p
		}
	}
	return QName{uri, prefix, local}, known && local != ""
}

// resources collects contexts and units from the tags of an inline page's
// header or of an instance. Local names are in lower case.
type resources struct {
	contexts map[string]*Context
	units    map[string]string
	problem  func(format string, args ...any)

	ctx  *Context
	dim  *Dim
	unit *unit
	what string // element whose text is wanted
	text []byte
}

type unit struct {
	id       string
	num, den []string
	below    bool
}

func newResources(problem func(string, ...any)) *resources {
	return &resources{contexts: map[string]*Context{}, units: map[string]string{}, problem: problem}
}

// start takes a start tag; attr looks attributes up by name.
func (r *resources) start(local string, attr func(string) string, n names) {
	switch local {
	case "context":
		r.ctx = &Context{ID: attr("id")}
	case "unit":
		r.unit = &unit{id: attr("id")}
	case "identifier":
		if r.ctx != nil {
			r.ctx.Scheme = attr("scheme")
			r.want(local)
		}
	case "startdate", "enddate", "instant":
		r.want(local)
	case "forever":
	case "explicitmember", "typedmember":
		if r.ctx != nil {
			axis, ok := n.resolve(attr("dimension"))
			if !ok {
				r.problem("context %q: dimension %q: its prefix is not declared", r.ctx.ID, attr("dimension"))
			}
			r.dim = &Dim{Axis: axis, Typed: local == "typedmember"}
			r.want(local)
		}
	case "measure":
		r.want(local)
	case "unitdenominator":
		if r.unit != nil {
			r.unit.below = true
		}
	}
}

func (r *resources) want(what string) {
	r.what, r.text = what, r.text[:0]
}

// chars takes text.
func (r *resources) chars(s string) {
	if r.what != "" {
		r.text = append(r.text, s...)
	}
}

// end takes an end tag.
func (r *resources) end(local string, n names) {
	text := strings.TrimSpace(string(r.text))
	done := r.what == local
	if done {
		r.what = ""
	}
	switch local {
	case "identifier":
		if r.ctx != nil && done {
			r.ctx.Identifier = text
		}
	case "startdate":
		if r.ctx != nil && done {
			r.ctx.Period.Start = r.date(text, false)
		}
	case "enddate", "instant":
		if r.ctx != nil && done {
			r.ctx.Period.End = r.date(text, true)
		}
	case "explicitmember", "typedmember":
		if r.ctx != nil && r.dim != nil && done {
			if r.dim.Typed {
				r.dim.Value = text
			} else {
				var ok bool
				if r.dim.Member, ok = n.resolve(text); !ok {
					r.problem("context %q: member %q: its prefix is not declared", r.ctx.ID, text)
				}
			}
			r.ctx.Dims = append(r.ctx.Dims, *r.dim)
			r.dim = nil
		}
	case "measure":
		if r.unit != nil && done {
			q, ok := n.resolve(text)
			if !ok {
				r.problem("unit %q: measure %q: its prefix is not declared", r.unit.id, text)
			}
			if r.unit.below {
				r.unit.den = append(r.unit.den, q.String())
			} else {
				r.unit.num = append(r.unit.num, q.String())
			}
		}
	case "unitdenominator":
		if r.unit != nil {
			r.unit.below = false
		}
	case "context":
		if c := r.ctx; c != nil {
			r.ctx = nil
			slices.SortFunc(c.Dims, func(a, b Dim) int { return cmp.Compare(a.Axis.String(), b.Axis.String()) })
			if old := r.contexts[c.ID]; old != nil && !same(old, c) {
				r.problem("context %q is defined twice, differently: the first is used", c.ID)
				return
			}
			r.contexts[c.ID] = c
		}
	case "unit":
		if u := r.unit; u != nil {
			r.unit = nil
			s := strings.Join(u.num, "*")
			if len(u.den) > 0 {
				s += "/" + strings.Join(u.den, "*")
			}
			if s == "" {
				r.problem("unit %q has no measure", u.id)
				return
			}
			r.units[u.id] = s
		}
	}
}

func same(a, b *Context) bool {
	return a.Identifier == b.Identifier && a.Period == b.Period && slices.Equal(a.Dims, b.Dims)
}

// date reads a date or dateTime. Midnight at the end of a period is the end of
// the day before (XBRL 2.1, 4.7.2).
func (r *resources) date(s string, end bool) string {
	if len(s) > 10 && s[10] == 'T' {
		day, err := time.Parse(time.DateOnly, s[:10])
		if err == nil {
			if end && strings.HasPrefix(s[11:], "00:00") {
				day = day.AddDate(0, 0, -1)
			}
			return day.Format(time.DateOnly)
		}
	}
	s = strings.TrimSuffix(s, "Z")
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		id := ""
		if r.ctx != nil {
			id = r.ctx.ID
		}
		r.problem("context %q: date %q is none", id, s)
		return ""
	}
	return s
}
