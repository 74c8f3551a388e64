package qa

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Kind says why a question cannot be answered.
type Kind string

// Kinds of unanswerable question, after TrustSQL and GrailQAbility.
const (
	NoKind       Kind = ""
	LostFact     Kind = "fact"     // the statements that answer it were deleted
	LostRelation Kind = "relation" // its relation was deleted from the whole graph
	LostEntity   Kind = "entity"   // the thing that it names was deleted, with its names
	NeverThere   Kind = "never"    // it asks of a known thing what no relation of the graph says
	OffTopic     Kind = "topic"    // an opinion, a how-to, small talk, or another topic
)

var kinds = []Kind{LostFact, LostRelation, LostEntity, NeverThere, OffTopic}

// Part is a graph with questions about it. The snapshot of a deletion is the
// part's own; see Close.
type Part struct {
	Kind      Kind
	Snapshot  kg.Snapshot
	Questions []Question
	own       bool
}

// Close closes the snapshot if it is the part's own.
func (p *Part) Close() {
	if p.own {
		p.Snapshot.Close()
	}
}

// Twins turns a share of the questions into ones that cannot be answered, the
// kinds in turn, and returns them by graph: the first part holds the questions
// that stay as they are. Deletions are made in copies of the graph, so a
// constraint over them forces another path: the situation that a confidence has
// to tell. A relation is deleted with all relations of its name, and a question
// whose gold answer would also be the answer without what was deleted is still
// answerable: such an answer counts as right.
func Twins(ctx context.Context, s kg.Snapshot, qs []Question, share float64, seed uint64) ([]Part, error) {
	g, err := constrain.Open(ctx, s, constrain.Options{})
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 0x7477696e))
	parts := []Part{{Snapshot: s}}
	byKind := map[Kind][]Question{}
	lost := map[Kind]*losses{}
	for _, k := range kinds[:3] {
		lost[k] = &losses{quads: map[[3]kg.ID]bool{}, preds: map[kg.ID]bool{}, nodes: map[kg.ID]bool{}}
	}
	n, turn := 0, 0
	for _, q := range qs {
		n++
		if float64(turn) >= share*float64(n) || len(q.Gold()) == 0 {
			parts[0].Questions = append(parts[0].Questions, q)
			continue
		}
		k, twin, ok := makeTwin(g, &q, turn, rng, lost)
		if !ok {
			parts[0].Questions = append(parts[0].Questions, q)
			continue
		}
		turn++
		byKind[k] = append(byKind[k], twin)
	}
	for _, k := range kinds {
		p := Part{Kind: k, Questions: byKind[k], Snapshot: s}
		if len(p.Questions) == 0 {
			continue
		}
		if l := lost[k]; l != nil {
			if p.Snapshot, err = l.without(ctx, s); err != nil {
				return nil, err
			}
			p.own = true
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// makeTwin makes a question unanswerable in the way whose turn it is, or in the
// next way that it can be.
func makeTwin(g *constrain.Graph, q *Question, turn int, rng *rand.Rand, lost map[Kind]*losses) (Kind, Question, bool) {
	no := false
	u := constantsOf(g, q.SPARQL)
	for i := range kinds {
		k := kinds[(turn+i)%len(kinds)]
		twin := *q
		twin.ID += "-" + string(k)
		twin.Feasible = &no
		switch k {
		case LostFact:
			if countOrAsk(q.SPARQL) || !lost[k].facts(g, q, &u) {
				continue
			}
		case LostRelation:
			if len(u.relations) == 0 {
				continue
			}
			r, _ := g.Relation(u.relations[rng.IntN(len(u.relations))])
			for _, p := range g.Relations()[r].Preds {
				lost[k].preds[p] = true
			}
		case LostEntity:
			if len(u.entities) == 0 {
				continue
			}
			id, ok, err := g.Snapshot().Lookup(kg.NewIRI(u.entities[rng.IntN(len(u.entities))]))
			if err != nil || !ok {
				continue
			}
			lost[k].nodes[id] = true
		case NeverThere:
			what := absent(g, rng)
			if what == "" || len(u.entities) == 0 {
				continue
			}
			id, ok, err := g.Snapshot().Lookup(kg.NewIRI(u.entities[0]))
			node, known := g.Number(id)
			if err != nil || !ok || !known {
				continue
			}
			twin.Text = fmt.Sprintf(patterns[rng.IntN(len(patterns))], what, g.Label(node))
			twin.Answers, twin.Rows, twin.SPARQL = []string{}, nil, ""
		case OffTopic:
			twin.Text = elsewhere[(turn/len(kinds))%len(elsewhere)]
			twin.Answers, twin.Rows, twin.SPARQL = []string{}, nil, ""
		}
		return k, twin, true
	}
	return NoKind, Question{}, false
}

// countOrAsk reports whether a query has an answer whatever the graph holds.
func countOrAsk(sparql string) bool {
	s := strings.ToUpper(sparql)
	return strings.HasPrefix(strings.TrimSpace(s), "ASK") || strings.Contains(s, "COUNT(") || strings.Contains(s, "SUM(") || strings.Contains(s, "NOT EXISTS")
}

// losses are what is taken out of a graph.
type losses struct {
	quads map[[3]kg.ID]bool // subject, predicate, object
	preds map[kg.ID]bool
	nodes map[kg.ID]bool // with every statement about them
}

// facts takes the statements by relations of the gold query that touch its
// answers.
func (l *losses) facts(g *constrain.Graph, q *Question, u *used) bool {
	found := false
	touching := func(t kg.Term) {
		id, ok, err := g.Snapshot().Lookup(t)
		n, known := g.Number(id)
		if err != nil || !ok || !known {
			return
		}
		for _, name := range u.relations {
			r, _ := g.Relation(name)
			for _, rd := range []constrain.RD{2 * constrain.RD(r), 2*constrain.RD(r) + 1} {
				for m := range g.Neighbours(n, rd) {
					from, to := id, g.ID(m)
					if rd&1 == 1 {
						from, to = to, from
					}
					for _, p := range g.Relations()[r].Preds {
						l.quads[[3]kg.ID{from, p, to}] = true
						found = true
					}
				}
			}
		}
	}
	for answer := range q.Gold() {
		touching(kg.NewIRI(answer))
		touching(kg.NewString(answer))
	}
	if !found { // typed values: those of the things asked about
		for _, e := range u.entities {
			touching(kg.NewIRI(e))
		}
	}
	return found
}

// without copies a snapshot except for what was lost.
func (l *losses) without(ctx context.Context, s kg.Snapshot) (kg.Snapshot, error) {
	st := mem.New()
	if _, err := st.Load(ctx, l.rest(ctx, s)); err != nil {
		return nil, fmt.Errorf("a graph with deletions: %w", err)
	}
	return st.Snapshot()
}

func (l *losses) rest(ctx context.Context, s kg.Snapshot) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		cur := s.Scan(ctx, kg.Pattern{}, kg.SPO)
		defer cur.Close()
		for cur.Next() {
			q := cur.Quad()
			if l.preds[q.P] || l.nodes[q.S] || l.nodes[q.O] || l.quads[[3]kg.ID{q.S, q.P, q.O}] {
				continue
			}
			var t kg.TermQuad
			var err error
			for _, x := range []struct {
				id  kg.ID
				dst *kg.Term
			}{{q.S, &t.S}, {q.P, &t.P}, {q.O, &t.O}} {
				if err == nil {
					*x.dst, err = s.Term(x.id)
				}
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
		if err := cur.Err(); err != nil {
			yield(kg.TermQuad{}, err)
		}
	}
}

// absent draws something that can be asked of many things and that no relation,
// class or name of the graph speaks of.
func absent(g *constrain.Graph, rng *rand.Rand) string {
	words := map[string]bool{}
	for _, r := range g.Relations() {
		for w := range strings.FieldsSeq(constrain.PlainName(r.Name)) {
			words[link.Singular(w)] = true
		}
	}
	for range 20 {
		what := attributes[rng.IntN(len(attributes))]
		if !slices.ContainsFunc(strings.Fields(what), func(w string) bool { return words[link.Singular(w)] }) {
			return what
		}
	}
	return ""
}

var patterns = []string{"what is the %s of %s", "%[2]s's %[1]s", "which %s does %s have", "tell me the %s of %s", "What %s belongs to %s?", "can you name the %s of %s"}

var attributes = strings.Split("blood type,phone number,net worth,mascot,postal code,favourite colour,shoe size,inventor,ticket price,engine power,melting point,email address,horoscope sign,dress code,wingspan,"+
	"opening hours,nutritional value,patent number,battery life,bus line,tax rate,chess rating,surgeon,gardener,lawyer,landlord,wall thickness,fuel consumption,star sign,pet name,eye colour,warranty period,entrance fee,"+
	"interest rate,magnetic field,heart rate,vaccination status,parking space,bank account,calorie count,dentist,password,viscosity,conductor rail,subtitle font,serial number,insurance company,coat pattern,tyre pressure,"+
	"referee,fingerprint,sugar content,wavelength,recycling code,visa requirement,tailor,locksmith,church bell,roof material,soil type", ",")

// elsewhere are questions that no graph of facts answers, or that are about
// quite other topics than the graphs at hand.
var elsewhere = []string{
	"Which one do you like most?", "How do I boil an egg?", "hello, how are you today", "What should I cook for dinner tonight?",
	"Is it better to rent or to buy a flat?", "How can I lose weight quickly?", "write me a poem about the sea", "What is the meaning of a good life?",
	"why is the sky blue", "how to fix a flat tyre on a bicycle", "Do you think this is fair?", "who will win the next election",
	"what is the boiling point of mercury", "Translate good morning into Finnish", "how many calories has a banana", "What did I have for breakfast?",
	"Which is the most beautiful of them all, in your opinion?", "how do vaccines work", "Could you book me a table for two?", "what time is it now",
	"What happens if I divide by zero?", "please summarise our last meeting", "is pineapple on pizza acceptable", "How do I reset my router?",
	"give me three tips for a job interview", "What is the exchange rate of the yen?", "how deep can a submarine dive", "who is the prettiest",
	"explain quantum entanglement to a child", "what will the weather be like tomorrow", "Should I learn to play the violin?", "how do I tie a bowline knot",
	"What do people think about working from home?", "which vitamins are soluble in fat", "Tell me a joke.", "what is the integral of x squared",
	"how much does a litre of milk weigh", "are cats smarter than dogs?", "Who am I?", "What would have happened without the steam engine?",
}
