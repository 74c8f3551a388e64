package link

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// number gives the secure mentions their numbers, in the order of the question,
// and writes the prompt: the folded question in which every secure mention is
// replaced by its number, then " =".
//
// A mention is secure if it is pinned, the best one, or an exact match with a
// score of at least SecureScore. Names of which only a part stands in the
// question keep their words (they may be what the question is about), unless
// such a name is the best mention and most of it is there. Numbers are never
// replaced: filters copy them.
func (q *Linked) number() {
	var secure []int
	for i, m := range q.Mentions {
		if m.Number {
			continue
		}
		ok := m.Pinned || !m.Partial && (m.Score >= SecureScore || i == 0)
		if m.Partial && i == 0 {
			ok = m.To-m.From >= 2 && m.covers() >= 0.6
		}
		if !ok || slices.ContainsFunc(secure, func(j int) bool { o := q.Mentions[j]; return m.From < o.To && o.From < m.To }) {
			continue
		}
		secure = append(secure, i)
	}
	slices.SortFunc(secure, func(a, b int) int { return cmp.Compare(q.Mentions[a].From, q.Mentions[b].From) })
	for n, i := range secure {
		q.Mentions[i].Ref = n + 1
		q.Refs = append(q.Refs, q.Mentions[i].Name)
	}
	q.Prompt = q.Text(secure) + " ="
}

// covers is the share of a partial name's content words that the span holds.
func (m *Mention) covers() float64 {
	n := 0
	for w := range strings.FieldsSeq(m.Name) {
		if !stop[w] {
			n++
		}
	}
	return float64(min(m.To-m.From, n)) / float64(max(n, 1))
}

// Text is the folded question with the given mentions, by index and in the
// order of the question, replaced by their numbers.
func (q *Linked) Text(mentions []int) string {
	var b strings.Builder
	word := func(s string) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
	}
	next := 0
	for i := 0; i < len(q.Words); i++ {
		if next < len(mentions) && q.Mentions[mentions[next]].From == i {
			m := q.Mentions[mentions[next]]
			next++
			word("[" + strconv.Itoa(m.Ref) + "]")
			i = m.To - 1
			continue
		}
		word(q.Words[i].Text)
	}
	return b.String()
}

// Without is the folded question without the words of one mention, for
// comparing the rest with relation names. A negative index leaves all words.
func (q *Linked) Without(mention int) []string {
	out := make([]string, 0, len(q.Words))
	for i, w := range q.Words {
		if mention >= 0 && i >= q.Mentions[mention].From && i < q.Mentions[mention].To {
			continue
		}
		out = append(out, w.Text)
	}
	return out
}
