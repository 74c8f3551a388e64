// Package draft enumerates the queries that a question may mean: pipelines that
// the graph supports, built from the question's mentions, classes and numbers,
// ranked by how well their relations fit the words. It stands in for a beam
// search over the constraint, feeds the tree pass of the decoder, and makes the
// negatives of training. Alone, without any decoder, it is the floor that the
// decoder must beat.
package draft

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Shape groups drafts for the quotas.
type Shape uint8

// Shapes of a draft.
const (
	OneStep Shape = iota
	TwoSteps
	ThreeSteps
	FromClass // the bare class with operations
	Narrowed  // a type filter or an intersection
	Other     // counts, yes/no, superlatives, filters, negation
	Counted   // ranks and comparisons of counts
	Paired    // mentions compared or united, relations joined
	Tabled    // several columns
	Utmost    // the superlative of a class or of one step, and one step from it
	shapes    = iota
)

// Draft is a query that the question may mean.
type Draft struct {
	Pipeline constrain.Pipeline // bound: anchors are names
	Text     string             // canonical, secure mentions as numbers: the decoder's target
	D        float64            // the cheap score of link and relations
	Cos      float64            // cosine of the question and the whole draft; 0 without an encoder
	Cover    float64            // share of the question's content words that the draft explains
	Shape    Shape
	Mention  int           // index of the start mention, -1 for a class
	Set      constrain.Set // last set of nodes
}

// Options of a Generator. Zero values are the defaults.
type Options struct {
	Keep  int // drafts returned; default 64
	Beam  int // chains expanded per hop; default 48
	Hops  int // longest chain; default 3
	Bases int // chains that get variations; default 50
}

func (o *Options) defaults() {
	if o.Keep == 0 {
		o.Keep = 64
	}
	if o.Beam == 0 {
		o.Beam = 48
	}
	if o.Hops == 0 {
		o.Hops = 3
	}
	if o.Bases == 0 {
		o.Bases = 50
	}
}

// Generator makes drafts over one graph. It is safe for concurrent use.
type Generator struct {
	g   *constrain.Graph
	sim *Scorer
}

// New returns a generator. enc may be nil: then only words are compared.
func New(g *constrain.Graph, enc Encoder) *Generator {
	return &Generator{g: g, sim: NewScorer(g, enc)}
}

// Graph is the graph that drafts are about.
func (gen *Generator) Graph() *constrain.Graph { return gen.g }

// Over returns a generator over another view of the same graph (see
// constrain.Graph.With).
func (gen *Generator) Over(g *constrain.Graph) *Generator { return &Generator{g: g, sim: gen.sim} }

// chain is a start with edges.
type chain struct {
	mention int // index, -1: class
	class   int
	rds     []constrain.RD
	walk    constrain.Walk
	link    float64 // 0.12 x (link score - best link score)
	sum     float64 // of s over the steps
	unique  float64 // of s over distinct relations
	back    int
	d       float64
}

// score is d of a chain: link quality, mean fit of the relations, a little for
// relations that add something, less for length and for going back at once.
func (c *chain) score() {
	n := float64(len(c.rds))
	if n == 0 {
		c.d = c.link
		return
	}
	mean := c.sum / n
	c.d = c.link + mean + 0.05*(c.unique-mean) - 0.07*(n-1) - 0.08*float64(c.back)
}

func (c *chain) extend(rd constrain.RD, s float64) chain {
	n := *c
	n.rds = append(slices.Clip(c.rds), rd)
	n.sum += s
	if !slices.ContainsFunc(c.rds, func(o constrain.RD) bool { return o/2 == rd/2 }) {
		n.unique += s
	}
	if k := len(c.rds); k > 0 && c.rds[k-1] == rd^1 {
		n.back++
	}
	n.score()
	return n
}

// run is one question under enumeration.
type run struct {
	*Generator
	ctx   context.Context
	q     *link.Linked
	opt   Options
	cues  cues
	s     []*fits       // by mention+1: fit of every relation
	cs    map[int]*fits // by class
	pool  []Draft
	seen  map[string]bool
	bests float64 // best link score
}

// Drafts enumerates the drafts of a linked question, best first.
func (gen *Generator) Drafts(ctx context.Context, q *link.Linked, opt Options) ([]Draft, error) {
	opt.defaults()
	r := &run{Generator: gen, ctx: ctx, q: q, opt: opt, cues: findCues(q), seen: map[string]bool{}, s: make([]*fits, len(q.Mentions)+1)}
	for _, m := range q.Mentions {
		r.bests = max(r.bests, m.Score)
	}
	chains, err := r.chains()
	if err != nil {
		return nil, err
	}
	for i := range chains {
		r.addChain(&chains[i])
	}
	if err := r.variations(chains); err != nil {
		return nil, err
	}
	r.unused()
	out := r.keep()
	gen.sim.cosines(q, out)
	gen.cover(q, out)
	return out, nil
}

// Classes that stand in for a noun the graph does not know, and what each loses
// against a class that is named.
const (
	maxNear  = 4
	nearLoss = 0.15
)

// nearClasses returns chains from the classes whose names are most like the
// question: "product" may be called "hardware" here.
func (r *run) nearClasses() []chain {
	g := r.g
	if r.sim.enc == nil || len(g.Classes()) == 0 {
		return nil
	}
	texts := []string{bareWords(r.q.Prompt)}
	for _, c := range g.Classes() {
		texts = append(texts, constrain.PlainName(c.Name))
	}
	vs := r.sim.embed(texts)
	order := make([]int, len(g.Classes()))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(dot(vs[0], vs[b+1]), dot(vs[0], vs[a+1])) })
	var out []chain
	for _, i := range order[:min(maxNear, len(order))] {
		c := chain{mention: -1, class: i, link: -nearLoss * (2 - dot(vs[0], vs[i+1])), walk: g.FromClass(i)}
		c.score()
		out = append(out, c)
	}
	return out
}

// headGain is for the class right after the question word: "which state" asks for
// states.
const headGain = 0.1

var headWords = words("which what whose many list all every each the")

// fit returns the fit of every relation to the question without one mention.
func (r *run) fit(mention int) *fits {
	if r.s[mention+1] == nil {
		r.s[mention+1] = r.sim.fits(r.q, mention)
	}
	return r.s[mention+1]
}

// chainFit is the fit for the question without what a chain starts from: the
// "state" of {state} is no word for the relation "in state".
func (r *run) chainFit(c *chain) *fits {
	if c.mention >= 0 {
		return r.fit(c.mention)
	}
	if f, ok := r.cs[c.class]; ok {
		return f
	}
	at := slices.IndexFunc(r.q.Classes, func(m link.ClassMention) bool { return m.Class == c.class })
	if at < 0 {
		return r.fit(-1)
	}
	m := r.q.Classes[at]
	f := r.sim.fitsOf(r.sim.wordsWithout(r.q, m.From, m.To))
	if r.cs == nil {
		r.cs = map[int]*fits{}
	}
	r.cs[c.class] = f
	return f
}

// chains enumerates chains of edges from all mentions and classes by beam
// search, hop by hop. Empty ones are left out.
func (r *run) chains() ([]chain, error) {
	g := r.g
	var beam, all []chain
	for i, m := range r.q.Mentions {
		c := chain{mention: i, link: 0.12 * (m.Score - r.bests), walk: g.FromNodes(m.Nodes)}
		c.score()
		beam = append(beam, c)
		if m.Pinned && len(m.Nodes) > 1 {
			all = append(all, c) // "which of them ...": a set to choose from
		}
	}
	for _, m := range r.q.Classes {
		c := chain{mention: -1, class: m.Class, link: 0.12 * (m.Score - max(r.bests, m.Score)), walk: g.FromClass(m.Class)}
		if m.From > 0 && headWords[r.q.Words[m.From-1].Text] {
			c.link += headGain
		}
		c.score()
		beam = append(beam, c)
		all = append(all, c)
	}
	if len(beam) == 0 {
		// Nothing of the question is named in the graph: its nearest classes.
		for _, c := range r.nearClasses() {
			beam = append(beam, c)
			all = append(all, c)
		}
	}
	for range r.opt.Hops {
		var next []chain
		for i := range beam {
			if err := r.ctx.Err(); err != nil {
				return nil, err
			}
			c := &beam[i]
			fit := r.chainFit(c)
			for _, rd := range g.Offered(c.walk) {
				next = append(next, c.extend(rd, fit.of(rd)))
			}
		}
		slices.SortStableFunc(next, func(a, b chain) int { return cmp.Compare(b.d, a.d) })
		kept := next[:0]
		for _, c := range next {
			if len(kept) == r.opt.Beam {
				break
			}
			c.walk = g.Follow(c.walk, c.rds[len(c.rds)-1])
			if len(c.walk.Set) > 0 {
				kept = append(kept, c)
			}
		}
		beam = slices.Clone(kept)
		all = append(all, beam...)
	}
	return all, nil
}

func (r *run) start(c *chain) constrain.Pipeline {
	if c.mention < 0 {
		return constrain.Pipeline{Class: r.g.Classes()[c.class].Name}
	}
	return constrain.Pipeline{Start: constrain.Anchor{Name: r.q.Mentions[c.mention].Name}}
}

func (r *run) pipeline(c *chain) constrain.Pipeline {
	p := r.start(c)
	for _, rd := range c.rds {
		p.Ops = append(p.Ops, constrain.Op{Kind: constrain.Edge, Step: r.g.StepOf(rd)})
	}
	return p
}

func (r *run) addChain(c *chain) {
	shape := FromClass
	if c.mention >= 0 || len(c.rds) > 0 {
		switch len(c.rds) {
		case 0:
			return
		case 1:
			shape = OneStep
		case 2:
			shape = TwoSteps
		default:
			shape = ThreeSteps
		}
		if c.mention < 0 {
			shape = FromClass
		}
	}
	d := c.d
	if len(c.rds) == 0 {
		// A bare class says nothing about the question's other words.
		d -= 0.1
	}
	r.add(Draft{Pipeline: r.pipeline(c), D: d, Shape: shape, Mention: c.mention, Set: c.walk.Set})
}

// add puts a draft into the pool unless it is there.
func (r *run) add(d Draft) {
	d.Text = d.Pipeline.Number(r.q.Refs).String()
	if r.seen[d.Text] {
		return
	}
	r.seen[d.Text] = true
	r.pool = append(r.pool, d)
}

// What a draft loses that leaves out a number, or a name, of the question which
// another draft can use.
const (
	numberLoss = 0.4
	nameLoss   = 0.2
	utmostLoss = 0.25 // a superlative that neither an operation nor a name takes up
)

// unused lowers drafts that leave out a number or a secure mention of the
// question.
func (r *run) unused() {
	for _, num := range r.q.Numbers {
		if slices.ContainsFunc(r.q.Mentions, func(m link.Mention) bool { return m.Ref > 0 && m.From <= num.At && num.At < m.To }) {
			continue // part of a name
		}
		r.lower(numberLoss, func(d *Draft) bool {
			return slices.Contains(d.Pipeline.Names(), num.Text) || slices.ContainsFunc(d.Pipeline.Ops, func(op constrain.Op) bool { return op.Number == num.Text })
		})
	}
	if len(r.cues.utmost) > 0 {
		r.lower(utmostLoss, r.takesUtmost)
	}
	for _, m := range r.q.Mentions {
		if m.Ref > 0 && m.Score >= link.SecureScore && len(r.q.Refs) > 1 {
			r.lower(nameLoss, func(d *Draft) bool { return slices.Contains(d.Pipeline.Names(), m.Name) })
		}
	}
}

// takesUtmost reports whether a draft does something about the superlatives of
// the question: it ranks, or names a relation that has the word.
func (r *run) takesUtmost(d *Draft) bool {
	for _, op := range d.Pipeline.Ops {
		switch op.Kind {
		case constrain.Max, constrain.Min, constrain.Most, constrain.Fewest, constrain.Having:
			return true
		}
	}
	if d.Pipeline.End.Kind == constrain.Group {
		return true
	}
	for _, rel := range d.Pipeline.Relations() {
		for w := range strings.FieldsSeq(constrain.PlainName(rel)) {
			if slices.Contains(r.cues.utmost, w) {
				return true
			}
		}
	}
	return false
}

// lower takes loss from the drafts that do not use something, if some do.
func (r *run) lower(loss float64, uses func(*Draft) bool) {
	used := make([]bool, len(r.pool))
	for i := range r.pool {
		used[i] = uses(&r.pool[i])
	}
	if !slices.Contains(used, true) {
		return
	}
	for i := range r.pool {
		if !used[i] {
			r.pool[i].D -= loss
		}
	}
}

// quotas are shares of the kept drafts that go to the best of each shape: long
// chains would crowd out short ones. Ranks, pairs, tables and superlatives are
// only made where the question has a word for them.
var quotas = [shapes]float64{OneStep: 0.24, TwoSteps: 0.15, ThreeSteps: 0.08, FromClass: 0.06, Narrowed: 0.12, Other: 0.08, Counted: 0.10, Utmost: 0.16, Paired: 0.06, Tabled: 0.04}

// keep chooses the drafts to return.
func (r *run) keep() []Draft {
	slices.SortStableFunc(r.pool, func(a, b Draft) int { return cmp.Compare(b.D, a.D) })
	taken := make([]bool, len(r.pool))
	n := 0
	for shape, share := range quotas {
		left := min(r.opt.Keep-n, int(math.Round(share*float64(r.opt.Keep))))
		for i := range r.pool {
			if left == 0 {
				break
			}
			if r.pool[i].Shape == Shape(shape) && !taken[i] {
				taken[i] = true
				left--
				n++
			}
		}
	}
	for i := range r.pool {
		if n >= r.opt.Keep {
			break
		}
		if !taken[i] {
			taken[i] = true
			n++
		}
	}
	var out []Draft
	for i, d := range r.pool {
		if taken[i] {
			out = append(out, d)
		}
	}
	return out
}
