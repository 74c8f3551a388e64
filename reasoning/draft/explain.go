package draft

import (
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Explained says how a draft and the words of its question go together.
type Explained struct {
	Fit     float64 // mean fit of the draft's relations
	Best    string  // the relation of the graph, used or not, that fits best
	BestFit float64
	// Unused is the share of the question's content words that neither a
	// mention, a relation, a class, a number nor a form word explains; Strange
	// counts those that stand in no name of the graph at all.
	Unused  float64
	Strange int
	Words   []string // the strange words
}

// Explain compares a draft with its question.
func (gen *Generator) Explain(q *link.Linked, l *link.Linker, d *Draft) Explained {
	var x Explained
	f := gen.sim.fits(q, d.Mention)
	best := -1
	for i, s := range f.s {
		if best < 0 || s > f.s[best] {
			best = i
		}
	}
	if best >= 0 {
		x.Best, x.BestFit = gen.g.Relations()[best].Name, f.s[best]
	}
	explained := wordSet{}
	add := func(name string) {
		for w := range strings.FieldsSeq(constrain.PlainName(name)) {
			explained.add(w)
		}
	}
	n := 0
	for _, r := range d.Pipeline.Relations() {
		add(r)
		if i, ok := gen.g.Relation(r); ok {
			x.Fit += f.s[i]
			n++
		}
	}
	if n > 0 {
		x.Fit /= float64(n)
	}
	add(d.Pipeline.Class)
	for _, op := range d.Pipeline.Ops {
		add(op.Class)
		add(op.Number)
	}
	used := make([]bool, len(q.Words))
	names := d.Pipeline.Names()
	for _, m := range q.Mentions {
		for _, name := range names {
			if m.Name == name {
				for i := m.From; i < m.To; i++ {
					used[i] = true
				}
			}
		}
	}
	content, unused := 0, 0
	for i, w := range q.Words {
		if link.Stop(w.Text) || used[i] {
			continue
		}
		content++
		if explained.match(w.Text) > 0 || formWord(w.Text) {
			continue
		}
		unused++
		if !l.Knows(w.Text) && !gen.sim.knows(w.Text) {
			x.Strange++
			x.Words = append(x.Words, q.Question[w.From:w.To])
		}
	}
	if content > 0 {
		x.Unused = float64(unused) / float64(content)
	}
	return x
}

// cover fills Cover: how much of each question the names of its draft say again.
// A mention that a draft does not use stays unexplained; words that ask for a
// form of query say nothing here.
func (gen *Generator) cover(q *link.Linked, ds []Draft) {
	for i := range ds {
		d := &ds[i]
		explained := wordSet{}
		add := func(name string) {
			for w := range strings.FieldsSeq(constrain.PlainName(name)) {
				explained.add(w)
			}
		}
		for _, r := range d.Pipeline.Relations() {
			add(r)
		}
		add(d.Pipeline.Class)
		for _, op := range d.Pipeline.Ops {
			add(op.Class)
			add(op.Number)
		}
		used := make([]bool, len(q.Words))
		for _, name := range d.Pipeline.Names() {
			for _, m := range q.Mentions {
				if m.Name == name {
					for k := m.From; k < m.To; k++ {
						used[k] = true
					}
				}
			}
		}
		total, sum := 0.0, 0.0
		for k, w := range q.Words {
			if link.Stop(w.Text) || used[k] || formWord(w.Text) {
				continue
			}
			total++
			sum += explained.match(w.Text)
		}
		d.Cover = 1
		if total > 0 {
			d.Cover = sum / total
		}
	}
}

// formWord reports whether a word asks for a form of query.
func formWord(w string) bool {
	switch w {
	case "count", "number", "total", "sum", "average", "mean":
		return true
	}
	return notWords[w] || moreWords[w] || lessWords[w] || mostWords[w] || leastWords[w]
}

// knows reports whether a word stands in the name of a relation, in some form.
func (s *Scorer) knows(w string) bool {
	if _, ok := s.idf[w]; ok {
		return true
	}
	have := wordSet{}
	have.add(w)
	for o := range s.idf {
		if have.match(o) > 0 {
			return true
		}
	}
	return false
}

// Fits returns how well each relation fits the question without one mention
// (-1: the whole question), by number of the relation.
func (gen *Generator) Fits(q *link.Linked, mention int) []float64 { return gen.sim.fits(q, mention).s }
