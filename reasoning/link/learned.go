package link

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// Learned counts what people meant by words: P(thing | words) from the choices
// that they confirmed, as QUEACO does for product queries. It holds IRIs, so it
// survives changes of the graph, and proposes only what the graph still has. It
// is safe for concurrent use. The zero value has learned nothing.
type Learned struct {
	mu     sync.RWMutex
	counts map[string]map[string]float64 // folded words -> IRI -> count
	total  map[string]float64
}

// mu0 is the weight of the prior, in choices: the Dirichlet prior shares it among
// the candidates by their number of edges.
const mu0 = 2

// Add counts a choice: the words named the thing. A negative weight takes a
// choice back; counts do not fall below zero.
func (l *Learned) Add(words, iri string, weight float64) {
	key := constrain.Fold(words)
	if key == "" || iri == "" || weight == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts, l.total = map[string]map[string]float64{}, map[string]float64{}
	}
	m := l.counts[key]
	if m == nil {
		m = map[string]float64{}
		l.counts[key] = m
	}
	n := max(m[iri]+weight, 0)
	l.total[key] += n - m[iri]
	m[iri] = n
}

// P is the probability that words name a thing, given its prior among the
// candidates: (n(words, thing) + mu prior) / (n(words) + mu).
func (l *Learned) P(words, iri string, prior float64) float64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return (l.counts[words][iri] + mu0*prior) / (l.total[words] + mu0)
}

// choices returns what was chosen for words, most often first.
func (l *Learned) choices(words string) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	m := l.counts[words]
	var out []string
	for iri, n := range m {
		if n > 0 {
			out = append(out, iri)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b)) })
	return out
}

// knows reports whether anything was learned.
func (l *Learned) knows() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.counts) > 0
}

// Learning returns the linker with what people meant by words. node finds a
// thing of the graph by its IRI.
func (l *Linker) Learning(from *Learned, node func(iri string) (constrain.Node, bool), iri func(constrain.Node) string) *Linker {
	v := *l
	v.learned, v.node, v.iri = from, node, iri
	return &v
}

// learnedMentions proposes what people meant by words before: things of a shared
// name are put in the order of P(thing | words), and words that are no name of
// the graph become a mention of what they were chosen for. Nothing is taken
// away.
func (l *Linker) learnedMentions(q *Linked) {
	if l.learned == nil || !l.learned.knows() {
		return
	}
	for i := range q.Mentions {
		m := &q.Mentions[i]
		if m.Pinned || len(m.Nodes) < 2 || len(l.learned.choices(m.Name)) == 0 {
			continue
		}
		total := 0.0
		for _, n := range m.Nodes {
			total += float64(l.g.Degree(n) + 1)
		}
		p := make(map[constrain.Node]float64, len(m.Nodes))
		for _, n := range m.Nodes {
			p[n] = l.learned.P(m.Name, l.iri(n), float64(l.g.Degree(n)+1)/total)
		}
		m.Nodes = slices.Clone(m.Nodes)
		slices.SortStableFunc(m.Nodes, func(a, b constrain.Node) int { return cmp.Compare(p[b], p[a]) })
	}
	for size := min(maxWords, len(q.Words)); size > 0; size-- {
		for from := 0; from+size <= len(q.Words); from++ {
			to := from + size
			words := join(q.Words[from:to])
			if len(l.g.Lookup(words)) > 0 {
				continue
			}
			for _, iri := range l.learned.choices(words) {
				n, ok := l.node(iri)
				name, named := l.g.Name(n)
				if !ok || !named || l.matched(q, name) {
					continue
				}
				// As good as a name of as many words, in the measure of what is known.
				score := (1.5*float64(size) + 0.7) * l.learned.P(words, iri, 0)
				q.Mentions = append(q.Mentions, Mention{From: from, To: to, Name: name, Nodes: l.g.Lookup(name), Score: score})
			}
		}
	}
}
