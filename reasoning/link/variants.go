package link

import (
	"cmp"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// What a match loses by the way in which it was found.
const (
	spelledLoss = 0.2 // initials, "saint", umlauts: another spelling of the name
	pluralLoss  = 0.5 // the name in the singular
	typoShare   = 0.8 // share that is left of a name with a typing error
)

// found is a name that words stand for.
type found struct {
	name  string
	nodes []constrain.Node
	loss  float64 // of the score
	typo  bool    // a word was corrected
}

// find looks words up as a name: as they are, else spelled in another way, else
// without a plural, else with typing errors corrected. Nothing of it decides:
// all are proposals with a lower score than the name itself would have.
func (l *Linker) find(ws []constrain.Word, fixed []string) (found, bool) {
	name := join(ws)
	if nodes := l.g.Lookup(name); len(nodes) > 0 {
		return found{name: name, nodes: nodes}, true
	}
	content := false
	for _, w := range ws {
		content = content || !stop[w.Text]
	}
	if !content {
		return found{}, false
	}
	for _, v := range respelled(ws, name) {
		if nodes := l.g.Lookup(v); len(nodes) > 0 {
			return found{name: v, nodes: nodes, loss: spelledLoss}, true
		}
	}
	if last := ws[len(ws)-1].Text; len(last) > 3 && Singular(last) != last && len(l.classes[singularName(name)]) == 0 {
		v := strings.TrimSuffix(name, last) + Singular(last)
		if nodes := l.g.Lookup(v); len(nodes) > 0 {
			return found{name: v, nodes: nodes, loss: pluralLoss}, true
		}
	}
	if len(ws) == 1 {
		return l.unspaced(name)
	}
	return l.corrected(ws, fixed)
}

// respelled are other ways in which a name may be written: U.S. is US, J. K. is
// JK, Mueller is Müller, St. is Saint, & is and.
func respelled(ws []constrain.Word, name string) []string {
	var out []string
	add := func(v string) {
		if v != name && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	var split, joined, swapped strings.Builder
	for i, w := range ws {
		t := w.Text
		space := func(b *strings.Builder) {
			if i > 0 {
				b.WriteByte(' ')
			}
		}
		space(&split)
		if len(t) == 2 || len(t) == 3 && !stop[t] {
			split.WriteString(strings.Join(strings.Split(t, ""), " "))
		} else {
			split.WriteString(t)
		}
		if i == 0 || len(t) != 1 || len(ws[i-1].Text) != 1 {
			space(&joined)
		}
		joined.WriteString(t)
		space(&swapped)
		if o, ok := shortened[t]; ok {
			t = o
		}
		swapped.WriteString(t)
	}
	add(split.String())
	add(joined.String())
	add(swapped.String())
	add(umlauts.Replace(name))
	if ws[0].Text != "the" {
		add("the " + name)
	}
	return out
}

var shortened = map[string]string{"st": "saint", "saint": "st", "mt": "mount", "mount": "mt", "&": "and", "and": "&", "dr": "doctor", "doctor": "dr", "ft": "fort", "fort": "ft", "jr": "junior", "junior": "jr"}

// Words of fewer letters are not corrected, and are not taken apart.
const (
	shortestTypo     = 5
	shortestUnspaced = 8
	longestUnspaced  = 40
)

// unspaced takes a long word that stands in no name apart into two or three that
// are one: candiepayne is Candie Payne.
func (l *Linker) unspaced(word string) (found, bool) {
	if len(word) < shortestUnspaced || len(word) > longestUnspaced || l.Knows(word) {
		return found{}, false
	}
	for i := 2; i+2 <= len(word); i++ {
		if len(l.postings(word[:i])) == 0 && !stop[word[:i]] {
			continue
		}
		v := word[:i] + " " + word[i:]
		if nodes := l.g.Lookup(v); len(nodes) > 0 {
			return found{name: v, nodes: nodes, loss: spelledLoss}, true
		}
		for j := i + 2; j+2 <= len(word); j++ {
			v := word[:i] + " " + word[i:j] + " " + word[j:]
			if nodes := l.g.Lookup(v); len(nodes) > 0 {
				return found{name: v, nodes: nodes, loss: spelledLoss}, true
			}
		}
	}
	return found{}, false
}

// corrected looks words up with typing errors corrected. fixed holds, for each
// word, what it may have been; "" leaves it.
func (l *Linker) corrected(ws []constrain.Word, fixed []string) (found, bool) {
	var b strings.Builder
	wrong := false
	for i, w := range ws {
		if i > 0 {
			b.WriteByte(' ')
		}
		if fixed[i] == "" {
			b.WriteString(w.Text)
			continue
		}
		b.WriteString(fixed[i])
		wrong = true
	}
	if !wrong {
		return found{}, false
	}
	if nodes := l.g.Lookup(b.String()); len(nodes) > 0 {
		return found{name: b.String(), nodes: nodes, typo: true}, true
	}
	return found{}, false
}

// fixes returns, for each word of a question, the word of a name that it is
// likely to be a misspelling of; "" for words that are known.
func (l *Linker) fixes(q *Linked) []string {
	out := make([]string, len(q.Words))
	for i, w := range q.Words {
		if len(w.Text) < shortestTypo || stop[w.Text] || isNumber(w.Text) || l.Knows(w.Text) {
			continue
		}
		out[i] = l.fix(w.Text)
	}
	return out
}

// fix finds the nearest word of a name: one wrong, missing or swapped letter, or
// two in long words, but not in the first letter. Of equally near words the one
// in more names wins.
func (l *Linker) fix(word string) string {
	type near struct {
		word string
		d, n int
	}
	var best []near
	most := 1
	if len(word) >= 8 {
		most = 2
	}
	lo, _ := slices.BinarySearch(l.words, word[:1])
	const scanned = 60_000
	for i := lo; i < len(l.words) && i < lo+scanned && l.words[i][:1] == word[:1]; i++ {
		o := l.words[i]
		if len(o) < shortestTypo-1 || len(o)-len(word) > most || len(word)-len(o) > most {
			continue
		}
		d := distance(o, word, most+1)
		if d == 2 && len(o) == len(word) && swapped(o, word) {
			d = 1
		}
		if d <= most {
			best = append(best, near{o, d, int(l.start[i+1] - l.start[i])})
		}
	}
	if len(best) == 0 {
		return ""
	}
	return slices.MinFunc(best, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(b.n, a.n), strings.Compare(a.word, b.word))
	}).word
}

// swapped reports whether two words of one length differ in two neighbouring
// letters that have changed places.
func swapped(a, b string) bool {
	for i := 0; i+1 < len(a); i++ {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}
