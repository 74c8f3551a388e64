package markup

import "strings"

// style is what matters here of a CSS declaration list.
type style struct {
	hidden                bool
	pageBefore, pageAfter bool
	weight                int // 1 bold, -1 not, 0 not said
}

// parseStyle reads the value of a style attribute.
func parseStyle(s string) style {
	var p style
	for s != "" {
		var decl string
		decl, s, _ = strings.Cut(s, ";")
		name, value, ok := strings.Cut(decl, ":")
		if !ok {
			continue
		}
		name = strings.TrimSpace(name)
		switch len(name) {
		case len("display"):
			if strings.EqualFold(name, "display") && is(value, "none") {
				p.hidden = true
			}
		case len("font"):
			if strings.EqualFold(name, "font") && strings.Contains(strings.ToLower(value), "bold") {
				p.weight = 1
			}
		case len("break-after"), len("break-before"), len("page-break-after"), len("page-break-before"): // and font-weight
			switch {
			case strings.EqualFold(name, "font-weight"):
				v := strings.TrimSpace(value)
				if is(value, "bold") || is(value, "bolder") || len(v) == 3 && v[0] >= '6' && v[0] <= '9' {
					p.weight = 1
				} else {
					p.weight = -1
				}
			case strings.EqualFold(name, "page-break-after"), strings.EqualFold(name, "break-after"):
				p.pageAfter = p.pageAfter || breaks(value)
			case strings.EqualFold(name, "page-break-before"), strings.EqualFold(name, "break-before"):
				p.pageBefore = p.pageBefore || breaks(value)
			}
		}
	}
	return p
}

func breaks(v string) bool {
	return is(v, "always") || is(v, "page") || is(v, "left") || is(v, "right") || is(v, "recto") || is(v, "verso")
}

// is compares a value, without !important, regardless of case.
func is(value, want string) bool {
	v, _, _ := strings.Cut(value, "!")
	return strings.EqualFold(strings.TrimSpace(v), want)
}
