package link

import (
	"cmp"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// unknown finds parts of the question that look like names, by capitals or
// quotation marks, but name nothing.
func (l *Linker) unknown(q *Linked) {
	covered := make([]bool, len(q.Words))
	for _, m := range q.Mentions {
		// Most of a rare name is as good as the name.
		if !m.Partial || m.covers() >= 0.5 && len(m.Nodes) == 1 && m.Score >= 1 {
			for i := m.From; i < m.To; i++ {
				covered[i] = true
			}
		}
	}
	for _, c := range q.Classes {
		for i := c.From; i < c.To; i++ {
			covered[i] = true
		}
	}
	add := func(from, to int) {
		// Function words at the edges belong to the sentence.
		for from < to && stop[q.Words[from].Text] {
			from++
		}
		for to > from && stop[q.Words[to-1].Text] {
			to--
		}
		if from >= to {
			return
		}
		bytesFrom, bytesTo := q.Words[from].From, q.Words[to-1].To
		for _, u := range q.Unknown {
			if u.From < bytesTo && bytesFrom < u.To {
				return
			}
		}
		text := q.Question[bytesFrom:bytesTo]
		q.Unknown = append(q.Unknown, Unknown{bytesFrom, bytesTo, text, l.Nearest(text, 3)})
	}
	for _, span := range quoted(q.Question) {
		from, to := -1, -1
		whole := false
		for i, w := range q.Words {
			if w.From >= span[0] && w.To <= span[1] {
				if from < 0 {
					from = i
				}
				to = i + 1
				whole = whole || covered[i]
			}
		}
		if from >= 0 && !whole {
			add(from, to)
		}
	}
	allUpper := true
	for i := range q.Words {
		if i > 0 && !stop[q.Words[i].Text] && !q.upper(i) && !isNumber(q.Words[i].Text) {
			allUpper = false
		}
	}
	if allUpper && len(q.Words) > 3 {
		return // a headline: capitals say nothing
	}
	for i := 0; i < len(q.Words); i++ {
		if !q.upper(i) || covered[i] || i == 0 && !q.nameAtStart() || stop[q.Words[i].Text] {
			continue
		}
		j := i + 1
		for j < len(q.Words) && !covered[j] && (q.upper(j) || link[q.Words[j].Text] && j+1 < len(q.Words) && q.upper(j+1) && !covered[j+1]) {
			j++
		}
		// A capital right before or after a known name is a part of a longer,
		// other name only if the known one is a fragment; leave it to the score.
		add(i, j)
		i = j
	}
}

// link holds words that stand inside names in lower case.
var link = map[string]bool{"of": true, "the": true, "and": true, "de": true, "la": true, "van": true, "von": true, "in": true, "for": true}

// nameAtStart reports whether the first word is a name by its second word being
// capitalised too: "Acme Corp employs how many people".
func (q *Linked) nameAtStart() bool {
	return len(q.Words) > 1 && q.upper(1) && !stop[q.Words[0].Text] && !verb[q.Words[0].Text]
}

var verb = map[string]bool{"count": true, "name": true, "list": true, "find": true, "show": true, "tell": true, "give": true, "ignore": true, "describe": true, "explain": true, "compare": true}

// quoted returns the byte ranges between quotation marks.
func quoted(s string) [][2]int {
	var out [][2]int
	for _, pair := range [][2]string{{`"`, `"`}, {"“", "”"}, {"«", "»"}, {"「", "」"}, {"„", "“"}} {
		rest, base := s, 0
		for {
			i := strings.Index(rest, pair[0])
			if i < 0 {
				break
			}
			i += len(pair[0])
			j := strings.Index(rest[i:], pair[1])
			if j < 0 {
				break
			}
			out = append(out, [2]int{base + i, base + i + j})
			base += i + j + len(pair[1])
			rest = s[base:]
		}
	}
	return out
}

// Nearest returns up to k things whose names are most like a text: they share a
// word with it, or begin alike, and differ in few letters.
func (l *Linker) Nearest(text string, k int) []constrain.Node {
	name := constrain.Fold(text)
	if name == "" {
		return nil
	}
	cand := map[int]bool{}
	const most = 4000
	for w := range strings.FieldsSeq(name) {
		if stop[w] {
			continue
		}
		for _, p := range l.postings(w) {
			if len(cand) < most {
				cand[int(p)] = true
			}
		}
		// Words that begin alike, for a typing error in the rest.
		for size := min(4, len(w)-1); size >= 3; size-- {
			lo, _ := slices.BinarySearch(l.words, w[:size])
			for i := lo; i < len(l.words) && strings.HasPrefix(l.words[i], w[:size]) && len(cand) < 2*most; i++ {
				if distance(l.words[i], w, 2) <= 2 {
					for _, p := range l.posts[l.start[i]:l.start[i+1]] {
						cand[int(p)] = true
					}
				}
			}
		}
	}
	type scored struct {
		at   int
		d    float64
		node constrain.Node
	}
	var all []scored
	for c := range cand {
		key, nodes := l.g.NameAt(c)
		d := float64(distance(key, name, max(len(key), len(name)))) / float64(max(len(key), len(name)))
		if d < 0.75 {
			all = append(all, scored{c, d, nodes[0]})
		}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.at, b.at)) })
	var out []constrain.Node
	for _, s := range all {
		if len(out) < k && !slices.Contains(out, s.node) {
			out = append(out, s.node)
		}
	}
	return out
}

// distance is the edit distance of two texts in bytes, or limit+1 if it is
// larger (Levenshtein, two rows).
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		best := cur[0]
		for j := 1; j <= len(b); j++ {
			c := 1
			if a[i-1] == b[j-1] {
				c = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+c)
			best = min(best, cur[j])
		}
		if best > limit {
			return limit + 1
		}
		prev, cur = cur, prev
	}
	return prev[len(b)]
}
