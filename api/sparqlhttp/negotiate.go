package sparqlhttp

import (
	"iter"
	"mime"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// mediaType is a type that can be produced, and the format that does it.
type mediaType struct {
	name   string
	format int
}

// negotiate picks the offered type that the Accept headers like best
// (RFC 9110, section 12.5.1): the highest quality, ties by the order of the
// offer. No header accepts everything.
func negotiate(accept []string, offered []mediaType) (mediaType, bool) {
	ranges := strings.Join(accept, ",")
	if strings.TrimSpace(ranges) == "" {
		return offered[0], true
	}
	best, bestQ := mediaType{}, 0.0
	for _, o := range offered {
		if q := quality(ranges, o.name); q > bestQ {
			best, bestQ = o, q
		}
	}
	return best, bestQ > 0
}

// quality is the q of the most specific range that covers the type.
func quality(ranges, name string) float64 {
	major, _, _ := strings.Cut(name, "/")
	q, specific := 0.0, 0
	for part := range strings.SplitSeq(ranges, ",") {
		t, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		s := 0
		switch t {
		case name:
			s = 3
		case major + "/*":
			s = 2
		case "*/*":
			s = 1
		}
		if s == 0 || s < specific {
			continue
		}
		v := 1.0
		if p, ok := params["q"]; ok {
			if v, err = strconv.ParseFloat(p, 64); err != nil || v < 0 || v > 1 {
				v = 0
			}
		}
		if s > specific || v > q {
			q, specific = v, s
		}
	}
	return q
}

// firstRows cuts a sequence of rows after n; 0 means all.
func firstRows(rows iter.Seq2[[]kg.Term, error], n int64) iter.Seq2[[]kg.Term, error] {
	if n <= 0 {
		return rows
	}
	return func(yield func([]kg.Term, error) bool) {
		left := n
		for row, err := range rows {
			if !yield(row, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}
