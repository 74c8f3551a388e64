package draft

import (
	"math"
	"strings"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Encoder turns texts into unit vectors whose dot product is their similarity.
type Encoder interface {
	Embed(texts []string) [][]float32
}

// Scorer compares the words of questions with the names of relations. It keeps
// the vector of each relation and of each draft text it has seen. It is safe
// for concurrent use.
type Scorer struct {
	enc  Encoder
	rels []relation
	idf  map[string]float64

	mu   sync.Mutex
	vecs map[string][]float32
}

type relation struct {
	words []string
	text  string
	total float64 // idf of all words
}

// maxVectors bounds the cache of text vectors (384 floats each: 1.5 kB).
const maxVectors = 50_000

// NewScorer returns the scorer of a graph's relations; enc may be nil.
func NewScorer(g *constrain.Graph, enc Encoder) *Scorer {
	s := &Scorer{enc: enc, idf: map[string]float64{}, vecs: map[string][]float32{}}
	df := map[string]int{}
	for _, r := range g.Relations() {
		text := constrain.PlainName(r.Name)
		var ws []string
		for w := range strings.FieldsSeq(text) {
			ws = append(ws, w)
			df[w]++
		}
		s.rels = append(s.rels, relation{words: ws, text: text})
	}
	for w, n := range df {
		s.idf[w] = math.Log(1 + float64(len(s.rels))/float64(n))
		if link.Stop(w) {
			s.idf[w] *= 0.3 // "directed by": by says little
		}
	}
	for i := range s.rels {
		r := &s.rels[i]
		content := false
		for _, w := range r.words {
			r.total += s.idf[w]
			content = content || !link.Stop(w)
		}
		if !content {
			r.total *= 2 // "of" stands in most questions and means little
		}
	}
	return s
}

// fits holds s(r) of every relation for one question text.
type fits struct{ s []float64 }

func (f *fits) of(rd constrain.RD) float64 { return f.s[rd/2] }

// fits computes s(r) = cosine(question, relation) + 0.5 x overlap for the
// question without one mention.
func (s *Scorer) fits(q *link.Linked, mention int) *fits {
	return s.fitsOf(q.Without(mention))
}

// wordsWithout returns the words of a question without some.
func (s *Scorer) wordsWithout(q *link.Linked, from, to int) []string {
	var out []string
	for i, w := range q.Words {
		if i < from || i >= to {
			out = append(out, w.Text)
		}
	}
	return out
}

func (s *Scorer) fitsOf(words []string) *fits {
	f := &fits{make([]float64, len(s.rels))}
	have := wordSet{}
	for _, w := range words {
		have.add(w)
	}
	for i := range s.rels {
		f.s[i] = 0.5 * s.overlap(&s.rels[i], have)
	}
	if s.enc == nil {
		return f
	}
	v := s.embed([]string{strings.Join(words, " ")})[0]
	for i, u := range s.relationVectors() {
		f.s[i] += dot(u, v)
	}
	return f
}

// overlap is the idf-weighted share of the relation's words that stand in the
// question.
func (s *Scorer) overlap(r *relation, have wordSet) float64 {
	if r.total == 0 {
		return 0
	}
	sum := 0.0
	for _, w := range r.words {
		sum += s.idf[w] * have.match(w)
	}
	return sum / r.total
}

// wordSet holds words, their stems and their beginnings.
type wordSet map[string]bool

func (h wordSet) add(w string) {
	h[w] = true
	h["stem "+stem(w)] = true
	if len(w) >= 5 {
		h["from "+w[:5]] = true
	}
}

// match says how much of a word is in the set: 1 for the word, a little less
// for another form of it, 0.7 for one that only begins with the same five
// letters.
func (h wordSet) match(w string) float64 {
	switch {
	case h[w]:
		return 1
	case h["stem "+stem(w)]:
		return 0.95
	case len(w) >= 5 && h["from "+w[:5]]:
		return 0.7
	}
	return 0
}

// stem cuts the common endings of English words, so that study, studies,
// studied and studying meet.
func stem(w string) string {
	w = link.Singular(w)
	for _, end := range []string{"ied", "ing", "ed", "y", "e"} {
		if len(w)-len(end) >= 3 && strings.HasSuffix(w, end) {
			w = w[:len(w)-len(end)]
			if end == "ied" || end == "y" {
				w += "i"
			}
			break
		}
	}
	// stopped, starring
	if n := len(w); n > 3 && w[n-1] == w[n-2] && strings.IndexByte("bdgmnprt", w[n-1]) >= 0 {
		w = w[:n-1]
	}
	return w
}

func (s *Scorer) relationVectors() [][]float32 {
	texts := make([]string, len(s.rels))
	for i := range s.rels {
		texts[i] = s.rels[i].text
	}
	return s.embed(texts)
}

// cosines fills Cos: the similarity of the question and the whole draft, both
// without names.
func (s *Scorer) cosines(q *link.Linked, ds []Draft) {
	if s.enc == nil || len(ds) == 0 {
		return
	}
	texts := []string{bareWords(q.Prompt)}
	for i := range ds {
		texts = append(texts, bareWords(ds[i].Text))
	}
	vs := s.embed(texts)
	for i := range ds {
		ds[i].Cos = dot(vs[0], vs[i+1])
	}
}

// bareWords drops anchors and signs from a prompt or draft: what is left are words
// that an encoder knows.
func bareWords(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case depth > 0:
		case strings.ContainsRune("<>|!=:{}_", r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// embed returns the vectors of texts, from the cache where possible.
func (s *Scorer) embed(texts []string) [][]float32 {
	out := make([][]float32, len(texts))
	var missing []string
	var at []int
	s.mu.Lock()
	for i, t := range texts {
		if v, ok := s.vecs[t]; ok {
			out[i] = v
		} else {
			missing = append(missing, t)
			at = append(at, i)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return out
	}
	vs := s.enc.Embed(missing)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.vecs) > maxVectors {
		clear(s.vecs)
	}
	for i, v := range vs {
		out[at[i]] = v
		s.vecs[missing[i]] = v
	}
	return out
}

func dot(a, b []float32) float64 {
	sum := float32(0)
	for i := range a {
		sum += a[i] * b[i]
	}
	return float64(sum)
}
