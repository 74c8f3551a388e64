// Package link finds what the words of a question may name: entities by label
// and alias, classes, and numbers. Its findings go into the prompt and the
// candidates, never into a mask: a name that the linker missed can still be
// written.
package link

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// Limits of a question and of what is kept of it.
const (
	MaxQuestion = 4 << 10 // bytes
	maxWords    = 10      // longest name, in words
	maxMentions = 6       // exact matches kept
	maxPartial  = 4       // partial matches kept
	maxClasses  = 4
	// SecureScore is the score from which an exact match is replaced by its
	// number in the prompt: about two words, or one capitalised.
	SecureScore = 2.2
	// contained is what a match loses that lies inside a longer one.
	contained = 2.5
	// maxPostings: a word in more names than this is not rare.
	maxPostings = 3000
)

// Errors of unusable questions.
var (
	ErrEmpty   = errors.New("the question has no words")
	ErrTooLong = fmt.Errorf("the question is longer than %d bytes", MaxQuestion)
)

// Mention is a part of the question and the things it may name.
type Mention struct {
	From, To int // words [From, To)
	Name     string
	Nodes    []constrain.Node // those with most edges first
	Score    float64
	Partial  bool // only some words of the name stand in the question
	Number   bool // a number, which filters copy; never replaced
	Ref      int  // number in the prompt, from 1; 0: not secure
	Pinned   bool // chosen by the user
	Typo     bool // a typing error was corrected
}

// ClassMention is a part of the question that names a class.
type ClassMention struct {
	From, To int
	Class    int // number in the graph
	Score    float64
}

// Number is a number in the question.
type Number struct {
	At   int // word
	Text string
}

// Unknown is a part of the question that looks like a name but names nothing.
type Unknown struct {
	From, To int // bytes of the question
	Text     string
	Nearest  []constrain.Node // up to three things with similar names
}

// Linked is a question with what was found in it.
type Linked struct {
	Question string
	Words    []constrain.Word
	Mentions []Mention // best first
	Classes  []ClassMention
	Numbers  []Number
	Unknown  []Unknown
	Refs     []string // names of the secure mentions; Refs[0] is [1]
	Prompt   string   // see Prompt in prompt.go
	Lang     string   // "de", "es" or "fr" if the question is in that language
}

// Pin fixes what a part of the question names.
type Pin struct {
	From, To int // bytes of the question
	Node     constrain.Node
	// Name and Nodes pin the words to several things under a name that the graph
	// is told of (constrain.Graph.With); empty: to Node alone.
	Name  string
	Nodes []constrain.Node
}

// Linker finds mentions in questions about one graph. It is safe for concurrent
// use.
type Linker struct {
	g *constrain.Graph
	// Rare words of names: sorted words, and for each the names it is in.
	words []string
	start []uint32
	posts []uint32
	// Classes and their instances' names by singular words.
	classes map[string][]int
	// What people meant by words; nil: nothing is known.
	learned *Learned
	node    func(iri string) (constrain.Node, bool)
	iri     func(constrain.Node) string
}

// New indexes the names of a graph.
func New(g *constrain.Graph) *Linker {
	l := &Linker{g: g, classes: map[string][]int{}}
	type posting struct {
		word string
		name uint32
	}
	var all []posting
	for i := range g.NameCount() {
		name, _ := g.NameAt(i)
		if isNumber(name) {
			continue
		}
		for w := range strings.FieldsSeq(name) {
			if len(w) > 1 && !stop[w] {
				all = append(all, posting{w, uint32(i)})
			}
		}
	}
	slices.SortFunc(all, func(a, b posting) int {
		return cmp.Or(strings.Compare(a.word, b.word), cmp.Compare(a.name, b.name))
	})
	for i, p := range all {
		if n := len(l.words); n == 0 || l.words[n-1] != p.word {
			l.words = append(l.words, p.word)
			l.start = append(l.start, uint32(len(l.posts)))
		} else if all[i-1].name == p.name {
			continue
		}
		l.posts = append(l.posts, p.name)
	}
	l.start = append(l.start, uint32(len(l.posts)))
	for i, c := range g.Classes() {
		k := singularName(constrain.PlainName(c.Name))
		l.classes[k] = append(l.classes[k], i)
	}
	return l
}

// Over returns the linker over another view of the same graph (see
// constrain.Graph.With).
func (l *Linker) Over(g *constrain.Graph) *Linker {
	v := *l
	v.g = g
	return &v
}

// Graph is the graph whose names are linked.
func (l *Linker) Graph() *constrain.Graph { return l.g }

// postings returns the names that hold a word.
func (l *Linker) postings(word string) []uint32 {
	i, ok := slices.BinarySearch(l.words, word)
	if !ok {
		return nil
	}
	return l.posts[l.start[i]:l.start[i+1]]
}

// Knows reports whether a word stands in any name or class.
func (l *Linker) Knows(word string) bool {
	return len(l.postings(word)) > 0 || len(l.postings(Singular(word))) > 0 || len(l.classes[Singular(word)]) > 0
}

// Link finds the mentions, classes and numbers of a question and writes its
// prompt.
func (l *Linker) Link(question string, pins ...Pin) (*Linked, error) {
	if len(question) > MaxQuestion {
		return nil, fmt.Errorf("%w (%d bytes): shorten it", ErrTooLong, len(question))
	}
	q := &Linked{Question: question, Words: constrain.Words(question)}
	if len(q.Words) == 0 {
		return nil, ErrEmpty
	}
	l.pinned(q, pins)
	l.exact(q)
	q.inEnglish()
	l.learnedMentions(q)
	l.partial(q)
	l.findClasses(q)
	for i, w := range q.Words {
		if n := numberText(w.Text); n != "" {
			q.Numbers = append(q.Numbers, Number{i, n})
		}
	}
	slices.SortStableFunc(q.Mentions, func(a, b Mention) int { return cmp.Compare(b.Score, a.Score) })
	l.unknown(q)
	q.number()
	return q, nil
}

func (l *Linker) pinned(q *Linked, pins []Pin) {
	for _, p := range pins {
		name, ok := p.Name, p.Name != ""
		nodes := p.Nodes
		if !ok {
			if name, ok = l.g.Name(p.Node); !ok {
				continue
			}
			nodes = []constrain.Node{p.Node}
		}
		from, to := -1, 0
		for i, w := range q.Words {
			if w.From < p.To && w.To > p.From {
				if from < 0 {
					from = i
				}
				to = i + 1
			}
		}
		if from < 0 {
			continue
		}
		// A choice of the user beats whatever else the words may name; answers
		// that a pronoun stands for are one name among the others.
		score := 10.0
		if p.Name != "" {
			score = SecureScore
		}
		q.Mentions = append(q.Mentions, Mention{From: from, To: to, Name: name, Nodes: nodes, Score: score, Pinned: true})
	}
}

// exact finds n-grams that are names.
func (l *Linker) exact(q *Linked) {
	n := len(q.Words)
	fixed := l.fixes(q)
	var found []Mention
	for size := min(maxWords, n); size > 0; size-- {
		for from := 0; from+size <= n; from++ {
			to := from + size
			ws := q.Words[from:to]
			content := 0
			for _, w := range ws {
				if !stop[w.Text] {
					content++
				}
			}
			if content == 0 && !(size > 1 && q.capitalised(from, to)) {
				continue
			}
			if slices.ContainsFunc(q.Mentions, func(m Mention) bool { return m.Pinned && from < m.To && to > m.From }) {
				continue
			}
			hit, ok := l.find(ws, fixed[from:to])
			if !ok {
				continue
			}
			m := Mention{From: from, To: to, Name: hit.name, Nodes: hit.nodes, Number: isNumber(hit.name), Typo: hit.typo}
			m.Score = float64(size) + 0.5*float64(content) - hit.loss
			if hit.typo {
				m.Score *= typoShare
			}
			if q.capitalised(from, to) {
				m.Score += 0.7
			}
			for _, o := range found {
				if o.From <= from && to <= o.To {
					m.Score -= contained
					break
				}
			}
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b Mention) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(l.g.Degree(b.Nodes[0]), l.g.Degree(a.Nodes[0])))
	})
	if len(found) > maxMentions {
		found = found[:maxMentions]
	}
	q.Mentions = append(q.Mentions, found...)
}

// partial finds names that share rare words with the question.
func (l *Linker) partial(q *Linked) {
	type hit struct {
		score    float64
		from, to int
		words    int
	}
	hits := map[uint32]*hit{}
	done := map[string]bool{}
	for i, w := range q.Words {
		if stop[w.Text] || done[w.Text] || isNumber(w.Text) {
			continue
		}
		done[w.Text] = true
		ps := l.postings(w.Text)
		if len(ps) > maxPostings {
			continue
		}
		weight := 1 / math.Log(2+float64(len(ps)))
		for _, p := range ps {
			h := hits[p]
			if h == nil {
				h = &hit{from: i}
				hits[p] = h
			}
			h.score += weight
			h.to = i + 1
			h.words++
		}
	}
	var found []Mention
	for p, h := range hits {
		name, nodes := l.g.NameAt(int(p))
		total := 0
		for w := range strings.FieldsSeq(name) {
			if !stop[w] {
				total++
			}
		}
		if h.words >= total && l.matched(q, name) {
			continue
		}
		s := h.score * (0.3 + float64(h.words)/float64(max(total, 1)))
		found = append(found, Mention{From: h.from, To: h.to, Name: name, Nodes: nodes, Score: 0.4 + 0.8*s, Partial: true})
	}
	slices.SortFunc(found, func(a, b Mention) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(l.g.Degree(b.Nodes[0]), l.g.Degree(a.Nodes[0])), strings.Compare(a.Name, b.Name))
	})
	kept := 0
	for _, m := range found {
		if kept == maxPartial {
			break
		}
		if l.matched(q, m.Name) {
			continue
		}
		q.Mentions = append(q.Mentions, m)
		kept++
	}
}

func (l *Linker) matched(q *Linked, name string) bool {
	return slices.ContainsFunc(q.Mentions, func(m Mention) bool { return m.Name == name })
}

// findClasses finds n-grams that are class names in singular or plural.
func (l *Linker) findClasses(q *Linked) {
	if len(l.classes) == 0 {
		return
	}
	var found []ClassMention
	for size := min(4, len(q.Words)); size > 0; size-- {
		for from := 0; from+size <= len(q.Words); from++ {
			to := from + size
			for _, c := range l.classes[singularName(join(q.Words[from:to]))] {
				s := 1.5 * float64(size)
				for _, o := range found {
					if o.From <= from && to <= o.To && o.To-o.From > size {
						s -= 1
						break
					}
				}
				found = append(found, ClassMention{from, to, c, s})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b ClassMention) int { return cmp.Compare(b.Score, a.Score) })
	q.Classes = found[:min(len(found), maxClasses)]
}

// capitalised reports whether a content word of the span, not the first word of
// the question, is written with a capital.
func (q *Linked) capitalised(from, to int) bool {
	for i := max(from, 1); i < to; i++ {
		if q.upper(i) && (!stop[q.Words[i].Text] || to-from == 1) {
			return true
		}
	}
	return false
}

// upper reports whether a word begins with a capital in the question.
func (q *Linked) upper(i int) bool {
	w := q.Words[i]
	r, _ := utf8.DecodeRuneInString(q.Question[w.From:])
	return unicode.IsUpper(r)
}

func join(ws []constrain.Word) string {
	if len(ws) == 1 {
		return ws[0].Text
	}
	var b strings.Builder
	for i, w := range ws {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// isNumber reports whether a name consists of digits, points and signs only.
func isNumber(s string) bool {
	digit := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case strings.IndexByte("+-.%$ ", c) >= 0:
		default:
			return false
		}
	}
	return digit
}

// numberText returns the number of a word that filters can copy, or "".
func numberText(w string) string {
	w = strings.Trim(w, "$%+")
	if constrain.IsNumber(w) {
		return w
	}
	return ""
}

// Singular strips the plural of an English word: cities, buses, states, people.
func Singular(w string) string {
	switch w {
	case "people":
		return "person"
	case "men":
		return "man"
	case "women":
		return "woman"
	case "children":
		return "child"
	case "series", "species", "news":
		return w
	}
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case len(w) > 4 && (strings.HasSuffix(w, "sses") || strings.HasSuffix(w, "shes") || strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "xes")):
		return w[:len(w)-2]
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is"):
		return w[:len(w)-1]
	}
	return w
}

func singularName(s string) string {
	ws := strings.Fields(s)
	for i, w := range ws {
		ws[i] = Singular(w)
	}
	return strings.Join(ws, " ")
}

// Stop reports whether a folded word carries no content of its own.
func Stop(w string) bool { return stop[w] }

var stop = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`a an the of in on at to for from by with and or is are was were be been being am do does did done has have had
		having what which who whom whose where when why how that this these those it its he she they them his her their there 's s
		as than then not no any all some each every one ones me my we our you your i can could will would shall should may might must
		about into over under between through during also both only just so such if but give list name show tell find many much`) {
		stop[w] = true
	}
}
