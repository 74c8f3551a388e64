// Package keyphrase finds the phrases that say what each of a set of texts is
// about, such as the sections of a filing, without training: the scoring of
// ERU-KG (arXiv 2505.24219) with informativeness by tf-idf in place of its
// learned term weights, after the light filtering and the normalisation of
// names of Marujo et al. (2012).
package keyphrase

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/quaestor-kg/quaestor/ingest/chunk"
)

// Constants of ERU-KG, and of its retrieval of neighbours.
const (
	alpha      = 0.8   // own informativeness against that of neighbours
	lambda     = -0.25 // length penalty: a phrase of n words is divided by n - lambda
	ownCount   = 0.8   // own count in phraseness against that of neighbours
	phrPower   = 1.5
	neighbours = 100
	k1, b      = 0.9, 0.4
	// lightFilter is the share of sentences farthest from the text's centre that
	// are left out (Marujo et al., 2012).
	lightFilter = 0.1
	maxWords    = 4
)

// Phrase is a key phrase with its score; scores compare within one text.
type Phrase struct {
	Text  string
	Score float64
}

// text is a tokenised text.
type text struct {
	terms     map[string]int
	size      int
	phrases   map[string]*candidate
	maxCount  float64
	neighbour []near

	informs []weighted // terms with their informativeness in this text
	counts  []weighted // phrases with their normalised counts
}

// weighted is a term or phrase by number.
type weighted struct {
	id int32
	w  float64
}

type near struct {
	at int
	w  float64 // normalised
}

type candidate struct {
	shown string
	words []string
	count int
	first int // words before its first occurrence
}

// Extract returns the best phrases of each text, at most n. Names are of the
// filer, in all its variants: they say nothing.
func Extract(texts []string, n int, names ...string) [][]Phrase {
	own := map[string]bool{}
	for _, name := range names {
		for _, w := range words(name) {
			own[fold(w)] = true
		}
	}
	ts := make([]*text, len(texts))
	for i, s := range texts {
		ts[i] = read(s, own)
	}
	idf := inverse(ts)
	retrieve(ts, idf)
	r := newRanker(ts, idf)
	out := make([][]Phrase, len(ts))
	for i := range ts {
		out[i] = r.rank(i, n)
	}
	return out
}

// words cuts a text at everything that is no part of a word.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '&' && r != '\'' && r != '’'
	})
}

// fold makes forms of a word equal: lower case, without the plural's s.
func fold(w string) string {
	w = strings.ToLower(strings.Trim(w, "-'’&"))
	w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "’s")
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case len(w) > 4 && strings.HasSuffix(w, "sses"):
		return w[:len(w)-2]
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is"):
		return w[:len(w)-1]
	}
	return w
}

// read finds terms and candidates: runs of words within a sentence that no
// function word, verb or number interrupts.
func read(s string, own map[string]bool) *text {
	t := &text{terms: map[string]int{}, phrases: map[string]*candidate{}}
	sentences := filter(sentencesOf(expand(s)))
	pos := 0
	for _, sentence := range sentences {
		for _, clause := range strings.FieldsFunc(sentence, func(r rune) bool { return strings.ContainsRune(".,;:()[]\"“”?!|•—–/", r) }) {
			var run []string
			flush := func(end int) {
				for len(run) > 0 && bare[fold(run[len(run)-1])] {
					run = run[:len(run)-1]
				}
				if len(run) > 0 && len(run) <= maxWords {
					t.note(run, end-len(run))
				}
				run = nil
			}
			for _, w := range words(clause) {
				f := fold(w)
				pos++
				if !content(f, own) {
					flush(pos)
					continue
				}
				t.terms[f]++
				t.size++
				run = append(run, w)
			}
			flush(pos)
		}
	}
	for _, c := range t.phrases {
		t.maxCount = max(t.maxCount, float64(c.count))
	}
	return t
}

func content(f string, own map[string]bool) bool {
	return len(f) > 1 && !stop[f] && !own[f] && strings.ContainsFunc(f, unicode.IsLetter) && !strings.HasSuffix(f, "ly") && f[0] != '\''
}

func (t *text) note(run []string, at int) {
	var key []string
	for _, w := range run {
		key = append(key, fold(w))
	}
	k := strings.Join(key, " ")
	c := t.phrases[k]
	if c == nil {
		shown := strings.Join(run, " ")
		if strings.ToUpper(shown) == shown && len(shown) > 6 {
			shown = strings.ToLower(shown)
		}
		c = &candidate{shown: shown, words: key, first: at}
		t.phrases[k] = c
	}
	c.count++
}

func sentencesOf(s string) []string {
	var list []string
	chunk.Sentences(s, func(from, to int) bool {
		list = append(list, s[from:to])
		return true
	})
	return list
}

// filter leaves out the sentences farthest from the centre of the text.
func filter(sentences []string) []string {
	if len(sentences) < 10 {
		return sentences
	}
	centre := map[string]float64{}
	vectors := make([]map[string]float64, len(sentences))
	for i, s := range sentences {
		v := map[string]float64{}
		for _, w := range words(s) {
			if f := fold(w); content(f, nil) {
				v[f]++
			}
		}
		vectors[i] = v
		for f, x := range v {
			centre[f] += x
		}
	}
	scores := make([]float64, len(sentences))
	for i, v := range vectors {
		var dot, norm float64
		for f, x := range v {
			dot += x * centre[f]
			norm += x * x
		}
		if norm > 0 {
			scores[i] = dot / math.Sqrt(norm)
		}
	}
	sorted := slices.Sorted(slices.Values(scores))
	least := sorted[int(lightFilter*float64(len(sorted)))]
	var kept []string
	for i, s := range sentences {
		if scores[i] >= least {
			kept = append(kept, s)
		}
	}
	return kept
}

// expand replaces abbreviations by what the text says they stand for: "net
// operating losses (NOLs)", "the U.S. government, or USG".
func expand(s string) string {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '(')
		if i < 0 {
			return s
		}
		i += from
		j := strings.IndexByte(s[i:], ')')
		if j < 0 {
			return s
		}
		short := strings.Trim(s[i+1:i+j], "\"“”' ")
		from = i + j + 1
		base := strings.TrimSuffix(short, "s")
		if len(base) < 2 || len(base) > 6 || strings.ToUpper(base) != base || strings.ContainsAny(base, " 0123456789") {
			continue
		}
		before := strings.Fields(s[max(0, i-120):i])
		if len(before) < len(base) {
			continue
		}
		full := before[len(before)-len(base):]
		ok := true
		for k, w := range full {
			ok = ok && strings.EqualFold(w[:1], base[k:k+1])
		}
		if !ok {
			continue
		}
		rest := s[from:]
		for _, form := range []string{short, base} {
			rest = replaceWord(rest, form, strings.Join(full, " "))
		}
		s = s[:from] + rest
	}
}

func replaceWord(s, word, by string) string {
	var out strings.Builder
	for {
		i := strings.Index(s, word)
		if i < 0 {
			out.WriteString(s)
			return out.String()
		}
		end := i + len(word)
		edge := func(c byte) bool { return !(c|32 >= 'a' && c|32 <= 'z' || c >= '0' && c <= '9') }
		out.WriteString(s[:i])
		if (i == 0 || edge(s[i-1])) && (end == len(s) || edge(s[end])) {
			out.WriteString(by)
		} else {
			out.WriteString(word)
		}
		s = s[end:]
	}
}

// inverse is the inverse document frequency of every term.
func inverse(ts []*text) map[string]float64 {
	df := map[string]int{}
	for _, t := range ts {
		for f := range t.terms {
			df[f]++
		}
	}
	idf := make(map[string]float64, len(df))
	for f, n := range df {
		idf[f] = math.Log(1 + (float64(len(ts))-float64(n)+0.5)/(float64(n)+0.5))
	}
	return idf
}

// retrieve finds the neighbours of each text by BM25, the text itself left
// out.
func retrieve(ts []*text, idf map[string]float64) {
	type posting struct {
		at int
		w  float64
	}
	mean := 0.0
	for _, t := range ts {
		mean += float64(t.size)
	}
	mean = max(1, mean/float64(max(1, len(ts))))
	index := map[string][]posting{}
	for i, t := range ts {
		for f, n := range t.terms {
			tf := float64(n)
			index[f] = append(index[f], posting{i, idf[f] * tf * (k1 + 1) / (tf + k1*(1-b+b*float64(t.size)/mean))})
		}
	}
	scores := make([]float64, len(ts))
	for i, t := range ts {
		clear(scores)
		for f := range t.terms {
			for _, p := range index[f] {
				scores[p.at] += p.w
			}
		}
		scores[i] = 0
		var list []near
		for at, s := range scores {
			if s > 0 {
				list = append(list, near{at, s})
			}
		}
		slices.SortFunc(list, func(a, b near) int { return cmp.Or(cmp.Compare(b.w, a.w), cmp.Compare(a.at, b.at)) })
		list = list[:min(len(list), neighbours)]
		sum := 0.0
		for _, n := range list {
			sum += n.w
		}
		for k := range list {
			list[k].w /= sum
		}
		t.neighbour = list
	}
}

// ranker numbers terms and phrases, so that what neighbours say of them adds
// up in arrays.
type ranker struct {
	ts          []*text
	terms       map[string]int32
	phrases     map[string]int32
	termSums    []float64
	phraseSums  []float64
	termWeights []float64
}

func newRanker(ts []*text, idf map[string]float64) *ranker {
	r := &ranker{ts: ts, terms: map[string]int32{}, phrases: map[string]int32{}}
	number := func(m map[string]int32, k string) int32 {
		id, ok := m[k]
		if !ok {
			id = int32(len(m))
			m[k] = id
		}
		return id
	}
	for _, t := range ts {
		for f, n := range t.terms {
			t.informs = append(t.informs, weighted{number(r.terms, f), math.Log1p(float64(n)) * idf[f]})
		}
		for k, c := range t.phrases {
			t.counts = append(t.counts, weighted{number(r.phrases, k), float64(c.count) / t.maxCount})
		}
	}
	r.termSums, r.phraseSums = make([]float64, len(r.terms)), make([]float64, len(r.phrases))
	r.termWeights = make([]float64, len(r.terms))
	return r
}

func (r *ranker) rank(i, n int) []Phrase {
	t := r.ts[i]
	clear(r.termSums)
	clear(r.phraseSums)
	for _, x := range t.neighbour {
		o := r.ts[x.at]
		for _, f := range o.informs {
			r.termSums[f.id] += x.w * f.w
		}
		for _, c := range o.counts {
			r.phraseSums[c.id] += x.w * c.w
		}
	}
	for _, f := range t.informs {
		r.termWeights[f.id] = alpha*f.w + (1-alpha)*r.termSums[f.id]
	}
	var list []Phrase
	seen := map[string]*candidate{}
	for key, c := range t.phrases {
		if len(c.words) == 1 && len(c.words[0]) < 4 {
			continue
		}
		sum := 0.0
		for _, f := range c.words {
			sum += r.termWeights[r.terms[f]]
		}
		phr := ownCount*float64(c.count)/t.maxCount + (1-ownCount)*r.phraseSums[r.phrases[key]]
		pos := 1 + 1/math.Log2(float64(c.first)+2)
		list = append(list, Phrase{c.shown, sum / (float64(len(c.words)) - lambda) * math.Pow(phr, phrPower) * pos})
		seen[c.shown] = c
	}
	slices.SortFunc(list, func(a, b Phrase) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Text, b.Text)) })
	// A phrase within a better one says nothing more.
	var kept []Phrase
	for _, p := range list {
		if len(kept) == n {
			break
		}
		inside := slices.ContainsFunc(kept, func(q Phrase) bool {
			a, b := " "+strings.Join(seen[p.Text].words, " ")+" ", " "+strings.Join(seen[q.Text].words, " ")+" "
			return strings.Contains(b, a) || strings.Contains(a, b)
		})
		if !inside {
			kept = append(kept, p)
		}
	}
	return kept
}
