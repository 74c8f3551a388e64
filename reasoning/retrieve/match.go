package retrieve

import (
	"math"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// weights says how much a word tells: words that few concepts have tell more.
type weights struct {
	df map[string]int
	n  int
}

func newWeights(l *library.Library) *weights {
	w := &weights{df: map[string]int{}}
	for _, c := range l.Concepts {
		seen := map[string]bool{}
		for _, s := range lexicon.Stems(c.Words[0]) {
			if !seen[s] {
				seen[s] = true
				w.df[s]++
			}
		}
		w.n++
	}
	return w
}

// light words join others and weigh little whatever their frequency.
var light = map[string]bool{"of": true, "in": true, "by": true, "for": true, "from": true, "to": true, "on": true, "with": true, "or": true, "at": true, "net": false, "total": true, "per": false, "its": true, "other": false, "expense": true, "amount": true, "value": true, "attributable": true, "company": true, "cost": false}

func (w *weights) of(stem string) float64 {
	if light[stem] {
		return 0.25
	}
	return math.Log(1 + float64(w.n+50)/float64(w.df[stem]+10))
}

// phrase is a wording ready to be compared.
type phrase struct {
	stems []string // in order
	words []string // each once
	total float64
	set   map[string]float64
}

func (w *weights) phrase(s string) phrase { return w.stems(lexicon.Stems(s)) }

func (w *weights) stems(stems []string) phrase {
	p := phrase{stems: stems, set: map[string]float64{}}
	for _, s := range stems {
		if _, dup := p.set[s]; !dup {
			x := w.of(s)
			p.set[s] = x
			p.words = append(p.words, s)
			p.total += x
		}
	}
	return p
}

// overlap is how well text covers query and query covers text, from 0 to 1: 1
// only if the words are the same in the same order.
func overlap(query, text phrase) float64 {
	if query.total == 0 || text.total == 0 {
		return 0
	}
	var both float64
	n := 0
	for _, s := range query.words {
		if _, ok := text.set[s]; ok {
			both += query.set[s]
			n++
		}
	}
	if n == 0 {
		return 0
	}
	q, t := both/query.total, both/text.total
	if n == len(query.words) {
		q = 1
	}
	if n == len(text.words) {
		t = 1
	}
	// A text may say more than was asked; not the other way round.
	s := 0.7*q + 0.3*t
	if q < 1 {
		s *= 0.6 + 0.4*q
	}
	if q == 1 && t == 1 {
		if slices.Equal(query.stems, text.stems) {
			return 1
		}
		return 0.97
	}
	return 0.95 * s
}

// label is one wording of a concept.
type label struct {
	phrase
	trust float64 // standard labels and names more than a row of a table
	name  bool    // the taxonomy's own, not a filing's
}

// measured is a concept as a set of filings uses it.
type measured struct {
	iri    string
	labels []label
	limits []string // limiting words of its name
	facts  []at     // all its facts, filings in order
	prime  float64
}

// at is a fact of a filing.
type at struct {
	filing *library.Filing
	fact   *fact.Fact
}

// score says how well a concept fits a phrase in any of its wordings.
func (m *measured) score(ways []way) float64 {
	best, name, row := 0.0, 0.0, 0.0
	for i, q := range ways {
		for _, l := range m.labels {
			s := overlap(q.phrase, l.phrase) * q.weight
			best = max(best, s*l.trust)
			if l.name {
				name = max(name, s)
			} else if i == 0 && s == q.weight && len(q.stems) > 1 {
				row = 0.93 // the very words of a row of this company
			}
		}
	}
	// A row may be called "capital expenditures" and be those of discontinued
	// operations: the name says so.
	best = max(best*(0.88+0.12*name), row)
	for _, s := range m.limits {
		asked := false
		for _, q := range ways {
			if _, ok := q.set[s]; ok {
				asked = true
				break
			}
		}
		if !asked {
			return best * 0.93
		}
	}
	return best
}

// way is one wording of what is asked.
type way struct {
	phrase
	weight  float64
	instant int // 1: at a point in time, -1: over a period, 0: not known
}

// ways lists the wordings of a piece of the question.
func (w *weights) ways(text, gloss string, quoted bool) []way {
	var list []way
	add := func(s string, weight float64, g *lexicon.Group) {
		x := way{phrase: w.phrase(s), weight: weight}
		if g != nil {
			x.instant = -1
			if g.Instant {
				x.instant = 1
			}
		}
		if x.total > 0 {
			list = append(list, x)
		}
	}
	if quoted {
		add(text, 1, nil)
		return list
	}
	ws, _ := lexicon.Default().Wordings(text)
	plain := 1.0
	if gloss != "" {
		plain = 0.97 // what is in brackets tells it from its like
	}
	for _, v := range ws {
		add(v.Text, v.Weight*plain, v.Group)
	}
	if gloss != "" {
		add(text+" "+gloss, 1, nil)
		gs, _ := lexicon.Default().Wordings(gloss)
		for _, v := range gs {
			add(v.Text, v.Weight*0.97, v.Group)
		}
	}
	return list
}

// sentence reports whether a row heading is a sentence rather than a heading.
func sentence(s string) bool {
	return len(s) > 120 || strings.Count(s, " ") > 16 || strings.HasSuffix(s, ".")
}
