package retrieve

import (
	"context"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// shelf is all that a company's filings measure, by concept.
type shelf struct {
	company  *library.Company
	concepts map[string]*measured
	order    []*measured
	members  map[string]*member
	ends     map[string]int // days at which periods end, with the number of facts
	calendar library.Calendar
}

// member is a member of a dimension: a segment, region or product.
type member struct {
	iri    string
	labels []phrase
	axes   map[string]bool
	// initials of its names of three words and more.
	initials map[string]bool
}

// shelfOf gathers the facts of a company's filings.
func (r *Retriever) shelfOf(ctx context.Context, c *library.Company, filings []*library.Filing) (*shelf, error) {
	s := &shelf{company: c, concepts: map[string]*measured{}, members: map[string]*member{}, ends: map[string]int{}, calendar: c.Calendar}
	rows := map[string]map[string]bool{}
	for _, f := range filings {
		facts, err := r.lib.Facts(ctx, f)
		if err != nil {
			return nil, err
		}
		if f.FiscalYear != 0 && f.PeriodEnd == "" {
			s.calendar = s.calendar.With(f.FiscalYear, f.FiscalPart, endOf(facts, f.Annual()))
		}
		for i := range facts.All {
			x := &facts.All[i]
			if x.Nil || !x.Numeric || r.keep != nil && !r.keep(f, x) {
				continue
			}
			m := s.concepts[x.Concept]
			if m == nil {
				m = &measured{iri: x.Concept}
				s.concepts[x.Concept] = m
				s.order = append(s.order, m)
				rows[x.Concept] = map[string]bool{}
			}
			m.facts = append(m.facts, at{f, x})
			s.ends[x.Period.End]++
			if len(x.Dims) == 0 {
				s.ends[x.Period.End] += 100 // whole figures tell more
				if x.Row != "" && !sentence(x.Row) && !rows[x.Concept][x.Row] && len(rows[x.Concept]) < 12 {
					rows[x.Concept][x.Row] = true
					if p := r.words.phrase(rowText(x.Row)); p.total > 0 {
						m.labels = append(m.labels, label{p, 0.96, false})
					}
				}
			}
			for _, d := range x.Dims {
				if d.Typed {
					continue
				}
				mb := s.members[d.Member]
				if mb == nil {
					mb = &member{iri: d.Member, axes: map[string]bool{}, initials: map[string]bool{}}
					for _, w := range r.lib.Concept(d.Member).Words {
						p := r.words.phrase(w)
						mb.labels = append(mb.labels, p)
						for n := 3; n <= len(p.stems); n++ {
							var in []byte
							for _, s := range p.stems[:n] {
								in = append(in, s[0])
							}
							mb.initials[lexicon.Stem(string(in))] = true
						}
					}
					s.members[d.Member] = mb
				}
				mb.axes[d.Axis] = true
			}
		}
	}
	for _, m := range s.order {
		k := r.lib.Concept(m.iri)
		own := map[string]bool{}
		for _, w := range k.Words[:k.Names] {
			for _, s := range lexicon.Stems(w) {
				own[s] = true
			}
		}
		for i, w := range k.Words {
			if p := r.words.phrase(w); p.total > 0 {
				l := label{p, 1, true}
				if i >= k.Names {
					// Perhaps another company's row, or a segment's: what shares no word
					// with the name is left to this company's own rows.
					if !slices.ContainsFunc(p.words, func(s string) bool { return !light[s] && own[s] }) {
						continue
					}
					l = label{p, 0.93, false}
				}
				m.labels = append(m.labels, l)
			}
		}
		if _, local, ok := fact.Name(m.iri); ok {
			for _, s := range lexicon.Stems(fact.LabelOf(local)) {
				if lexicon.Limits(s) {
					m.limits = append(m.limits, s)
				}
			}
		}
		m.prime = s.importance(m)
	}
	return s, nil
}

// endOf finds when the period of a report ends that does not say so: the day
// at which most of its whole figures over a year, or a quarter, end.
func endOf(facts *library.Facts, annual bool) string {
	n := map[string]int{}
	for i := range facts.All {
		f := &facts.All[i]
		if d := f.Period.Days(); len(f.Dims) == 0 && !f.Period.Instant() && (d > 340) == annual && d < 380 {
			n[f.Period.End]++
		}
	}
	most := 0
	for _, k := range n {
		most = max(most, k)
	}
	best := ""
	for _, end := range sortedKeys(n) { // comparatives end earlier
		if n[end]*3 >= most {
			best = end
		}
	}
	return best
}

// rowText is a row's heading without figures that stand in it.
func rowText(s string) string {
	s, _, _ = strings.Cut(s, "$")
	return s
}

// importance is how much a concept looks like a line of a main statement:
// reported whole, in many places, in every filing. It only breaks ties.
func (s *shelf) importance(m *measured) float64 {
	plain, dims := 0, 0
	filings := map[*library.Filing]bool{}
	for _, x := range m.facts {
		if len(x.fact.Dims) == 0 {
			plain++
			filings[x.filing] = true
		} else {
			dims++
		}
	}
	p := min(1, float64(plain)/float64(12*max(1, len(filings))))*0.5 + min(1, float64(dims)/40)*0.2
	if sp, _, _ := fact.Name(m.iri); sp == "us-gaap" || sp == "ifrs-full" {
		p += 0.3
	}
	return p
}

// memberScore says how well a member fits a phrase.
func (m *member) score(q phrase) float64 {
	best := 0.0
	for _, l := range m.labels {
		if s := overlap(q, trimmed(l)); s > best {
			best = s
		}
		if s := overlap(trimmed(q), trimmed(l)) * 0.99; s > best {
			best = s
		}
		if best < 0.98 && strings.Join(trimmed(q).stems, "") == strings.Join(trimmed(l).stems, "") {
			best = 0.98 // "iPhone" and "I phone"
		}
	}
	return best
}

// segmentWords add nothing to the name of a member.
var segmentWords = map[string]bool{"segment": true, "member": true, "region": true, "division": true, "product": true, "service": true, "line": true, "business": true, "unit": true,
	"geography": true, "geographic": true, "category": true, "area": true, "country": true, "market": true, "franchise": true, "operating": true, "reportable": true, "or": true, "the": true}

// trimmed leaves words such as "segment" out, unless nothing else is left.
func trimmed(p phrase) phrase {
	keep := slices.Clone(p.stems)
	for len(keep) > 1 && segmentWords[keep[len(keep)-1]] {
		keep = keep[:len(keep)-1]
	}
	if len(keep) == len(p.stems) {
		return p
	}
	t := phrase{stems: keep, set: map[string]float64{}}
	for _, s := range keep {
		if _, dup := t.set[s]; !dup {
			t.set[s] = p.set[s]
			t.words = append(t.words, s)
			t.total += p.set[s]
		}
	}
	return t
}
