package reasoning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Previous is the question before a follow-up, with what answered it. It is all
// that a follow-up inherits: there is no other memory.
type Previous struct {
	Question string   `json:"question"`          // as it was read
	Anchored string   `json:"anchored"`          // its pipeline
	Answers  []string `json:"answers,omitempty"` // IRIs
	Topic    []string `json:"topic,omitempty"`   // IRIs of what it was about
}

// NamedThing is a part of a question and the thing that it was taken for.
type NamedThing struct {
	Words string `json:"words"`
	IRI   string `json:"iri"`
}

// maxInherited bounds the answers that a follow-up inherits.
const maxInherited = 10_000

// AsPrevious is what a follow-up to this answer inherits.
func (a *Answer) AsPrevious(q Question) *Previous {
	p := &Previous{Question: a.ReadAs, Anchored: a.Anchored}
	if p.Question == "" {
		p.Question = q.Text
	}
	for _, v := range a.Answers {
		if v.Type == "uri" && len(p.Answers) < maxInherited {
			p.Answers = append(p.Answers, v.Value)
		}
	}
	for _, n := range a.Named {
		p.Topic = append(p.Topic, n.IRI)
	}
	return p
}

// Words that refer back to several answers, and to one.
var (
	plural   = wordList("them those these they their theirs ones ihnen ihre ihr deren davon diesen ellos ellas sus estos estas esos esas eux elles leurs leur ceux celles")
	singular = wordList("he she it his her its him hers er sie sein seine ihm él ella su il elle son sa lui")
	// Words that open a question which only changes one thing of the last one.
	opening = wordList("and what how about then or for in of the und oder was ist mit im in für y o qué que hay de en con et ou pour dans avec")
	// Words of "how many are there?".
	counting = wordList("and how many are there is it of them those these they in total all together exactly und wie viele sind es das davon insgesamt y cuántos cuántas son hay et combien y en a t il sont ils de")
)

func wordList(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[constrain.Fold(w)] = true
	}
	return m
}

// What stands before a pronoun that is chosen from, and pronouns that hold it.
var (
	of        = wordList("of among from von unter de entre d parmi")
	partitive = wordList("davon ihnen deren")
)

// inherited is the name under which answers of the previous question are
// anchored in a follow-up.
const inherited = "those answers"

// follow reads a follow-up in the light of the question before it. It changes
// the text of the question, or pins words of it to earlier answers, and says
// what it did; a question that stands by itself stays as it is.
func (t *task) follow(v *View) (pins []link.Pin, over map[string][]constrain.Node) {
	p := t.q.Previous
	if p == nil {
		return nil, nil
	}
	words := constrain.Words(t.q.Text)
	if len(words) == 0 {
		return nil, nil
	}
	answers, topic := t.resolve(v, p.Answers), t.resolve(v, p.Topic)
	all := func(set map[string]bool) bool {
		return !slices.ContainsFunc(words, func(w constrain.Word) bool { return !set[w.Text] })
	}
	asksNumber := slices.ContainsFunc(words, func(w constrain.Word) bool {
		return w.Text == "many" || w.Text == "viele" || strings.HasPrefix(w.Text, "cuant") || w.Text == "combien"
	})
	// "How many are there?"
	if asksNumber && all(counting) {
		if pipe, err := constrain.Parse(p.Anchored); err == nil && pipe.End.Kind == constrain.List {
			counted := pipe.Ending(constrain.End{Kind: constrain.Count})
			t.forced = &counted
			t.inherit("counts the answers to “"+p.Question+"”", p.Question)
			return nil, nil
		}
	}
	// "Who of them ...", "when was she born".
	for i, w := range words {
		nodes := answers
		switch {
		case plural[w.Text] && len(answers) > 0:
		case singular[w.Text] && len(answers) == 1:
		case singular[w.Text] && len(topic) > 0:
			nodes = topic[:1]
		default:
			continue
		}
		name := inherited
		if len(nodes) == 1 {
			if own, ok := v.Graph.Name(nodes[0]); ok {
				name = own
			}
		}
		slices.Sort(nodes)
		// "Which of them": some of them, nothing else.
		if i > 0 && of[words[i-1].Text] && plural[w.Text] || partitive[w.Text] {
			t.among = nodes
		}
		over = map[string][]constrain.Node{name: nodes}
		what := fmt.Sprintf("“%s” means the answers to “%s”", t.q.Text[w.From:w.To], p.Question)
		if len(nodes) == 1 {
			what = fmt.Sprintf("“%s” means %s", t.q.Text[w.From:w.To], quoteWords(v.Graph.Label(nodes[0])))
		}
		t.inherit(what, t.q.Text)
		return []link.Pin{{From: w.From, To: w.To, Node: nodes[0], Name: name, Nodes: nodes}}, over
	}
	// "And Germany?", "what about 2022?".
	if text, ok := substitute(v, p, t.q.Text, words); ok {
		t.inherit(fmt.Sprintf("read as “%s”", text), text)
		t.q.Text = text
	}
	return nil, nil
}

// inherit notes how a follow-up is read.
func (t *task) inherit(how, readAs string) {
	t.answer.Follows, t.answer.ReadAs = how, readAs
	t.emit(Event{"follow", Follow{How: how, Question: readAs}})
}

// onlyAmong drops the drafts that answer with anything but some of the things
// that the question chooses from, if others are left.
func (t *task) onlyAmong() {
	within := func(i int) bool {
		r := t.scored[i].result
		return len(r.Nodes) > 0 && len(constrain.Minus(r.Nodes, t.among)) == 0
	}
	kept := 0
	for i := range t.drafts {
		if within(i) {
			t.drafts[kept], t.scored[kept] = t.drafts[i], t.scored[i]
			kept++
		}
	}
	if kept > 0 {
		t.drafts, t.scored = t.drafts[:kept], t.scored[:kept]
	}
}

// resolve finds the things that are still in the graph.
func (t *task) resolve(v *View, iris []string) constrain.Set {
	var out constrain.Set
	for _, iri := range iris {
		if id, ok, err := t.snap.Lookup(kg.NewIRI(iri)); err == nil && ok {
			if n, ok := v.Graph.Number(id); ok && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// substitute puts the one thing that a follow-up names in the place of the thing
// of its kind in the previous question: a number for a number, a name for the
// name whose classes or relations are most like it.
func substitute(v *View, p *Previous, text string, words []constrain.Word) (string, bool) {
	i := 0
	for i < len(words) && opening[words[i].Text] {
		i++
	}
	if i == 0 && len(words) > 4 || i == len(words) {
		return "", false
	}
	rest := text[words[i].From:words[len(words)-1].To]
	now, err := v.Link.Link(rest)
	if err != nil {
		return "", false
	}
	before, err := v.Link.Link(p.Question)
	if err != nil {
		return "", false
	}
	// What is new must be one name or number, and nothing else.
	covered := func(from, to int) bool {
		for j, w := range now.Words {
			if (j < from || j >= to) && !link.Stop(w.Text) && !opening[w.Text] {
				return false
			}
		}
		return true
	}
	cut := func(w, last constrain.Word, by string) string {
		return p.Question[:w.From] + by + p.Question[last.To:]
	}
	if len(now.Numbers) == 1 && covered(now.Numbers[0].At, now.Numbers[0].At+1) {
		number := now.Numbers[0].Text
		if k := len(before.Numbers); k > 0 {
			at := before.Words[before.Numbers[k-1].At]
			return cut(at, at, number), true
		}
		preposition := "in"
		if i > 0 && !slices.Contains([]string{"and", "what", "about", "how", "then", "or"}, words[i-1].Text) {
			preposition = text[words[i-1].From:words[i-1].To]
		}
		return strings.TrimRight(p.Question, " ?.!") + " " + preposition + " " + number + "?", true
	}
	var m *link.Mention
	for j := range now.Mentions {
		x := &now.Mentions[j]
		if !x.Partial && covered(x.From, x.To) {
			m = x
			break
		}
	}
	if m == nil {
		return "", false
	}
	best, at := -1.0, -1
	for j, o := range before.Mentions {
		if o.Ref == 0 || o.Name == m.Name {
			continue
		}
		if s := alike(v.Graph, m.Nodes[0], o.Nodes[0]); s > best {
			best, at = s, j
		}
	}
	if at < 0 {
		return "", false
	}
	o := before.Mentions[at]
	name := rest[now.Words[m.From].From:now.Words[m.To-1].To]
	return cut(before.Words[o.From], before.Words[o.To-1], name), true
}

// alike is how much two things have in common: classes, then the kinds of their
// edges.
func alike(g *constrain.Graph, a, b constrain.Node) float64 {
	share := func(x, y []uint32) float64 {
		both := 0
		for _, c := range x {
			if slices.Contains(y, c) {
				both++
			}
		}
		return float64(both) / float64(max(len(x)+len(y)-both, 1))
	}
	return 2*share(g.ClassesOf(a), g.ClassesOf(b)) + share(g.RDsOf(a), g.RDsOf(b))
}
