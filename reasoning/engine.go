package reasoning

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/automaton"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/infer"
	"github.com/quaestor-kg/quaestor/reasoning/link"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
	"github.com/quaestor-kg/quaestor/sparql"
)

// ErrQuestion is an unusable question: empty, or too long.
var ErrQuestion = errors.New("unusable question")

// Options of an Engine. The zero value answers by linking and ranking alone.
type Options struct {
	Decoder Decoder       // nil: none
	Encoder draft.Encoder // sentence encoder for the fit of relations; nil: words only
	// Weights of the mix with the decoder; zero: rank.Default.
	Weights rank.Weights
	// Calibrator of confidences; nil: answers carry none, and only what is
	// clearly missing is refused.
	Calibrator *verify.Calibrator
	// Cost is the price of a wrong answer in right ones; answers whose
	// confidence does not pay are refused. Default 1; negative: never refuse
	// for low confidence.
	Cost float64
	// Constraint makes the decoder write queries itself, by a search of the
	// width Beams (default 8) unless a question asks for another.
	Constraint Constraint
	Beams      int
	// Written is the width of a search by which the decoder adds queries of its
	// own to the enumerated ones; 0: none.
	Written int
	// Drafts is how many drafts are considered; default 48.
	Drafts int
	// Limits of the final query.
	Limits sparql.Limits
	// Inference finds what is likely where the graph states nothing, for
	// questions that allow it; nil: none.
	Inference *infer.Model
	// Graph options of the view.
	Graph constrain.Options
}

// Engine answers questions over snapshots of one store. It keeps the view of
// the newest snapshot it has seen. It is safe for concurrent use.
type Engine struct {
	opt    Options
	sparql *sparql.Engine

	mu      sync.Mutex
	view    *View
	learned link.Learned
}

// Ranking returns the decoder, which may be nil, and the weights of the mix by
// which drafts are ranked.
func (e *Engine) Ranking() (Decoder, rank.Weights) {
	if e.opt.Decoder == nil {
		return nil, rank.Floor
	}
	return e.opt.Decoder, e.opt.Weights
}

// Learn counts that words of a question named a thing, or with a negative weight
// that they did not: what people confirmed. Later questions propose it first.
func (e *Engine) Learn(words, iri string, weight float64) { e.learned.Add(words, iri, weight) }

var _ Answerer = (*Engine)(nil)

// New returns an engine for one store.
func New(opt Options) *Engine {
	if opt.Weights == (rank.Weights{}) {
		opt.Weights = rank.Default
	}
	if opt.Cost == 0 {
		opt.Cost = 1
	}
	if opt.Limits.Timeout == 0 {
		opt.Limits.Timeout = 10 * time.Second
	}
	return &Engine{opt: opt, sparql: sparql.New(sparql.Options{DefaultGraphUnion: true})}
}

// View is what questions need to know of one snapshot.
type View struct {
	Graph   *constrain.Graph
	Link    *link.Linker
	Drafts  *draft.Generator
	version uint64
	size    int64
	names   *lazyIndex
}

// lazyIndex is the index of names for automata, built when first needed.
type lazyIndex struct {
	once sync.Once
	x    *automaton.Index
}

func (v *View) index() *automaton.Index {
	v.names.once.Do(func() { v.names.x = automaton.NewIndex(v.Graph) })
	return v.names.x.Over(v.Graph)
}

// NewView builds the view of a snapshot.
func NewView(ctx context.Context, s kg.Snapshot, opt constrain.Options, enc draft.Encoder) (*View, error) {
	g, err := constrain.Open(ctx, s, opt)
	if err != nil {
		return nil, err
	}
	return &View{Graph: g, Link: link.New(g), Drafts: draft.New(g, enc), version: s.Version(), size: s.Size(), names: &lazyIndex{}}, nil
}

// On returns the view over another snapshot of the same version, with pinned
// names (see constrain.Graph.With).
func (v *View) On(s kg.Snapshot, pins map[string][]constrain.Node) *View {
	g := v.Graph.With(s, pins)
	return &View{Graph: g, Link: v.Link.Over(g), Drafts: v.Drafts.Over(g), version: v.version, size: v.size, names: v.names}
}

// View returns the view of a snapshot, building it if the store has changed
// since the last one.
func (e *Engine) View(ctx context.Context, s kg.Snapshot) (*View, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.view == nil || e.view.version != s.Version() || e.view.size != s.Size() {
		v, err := NewView(ctx, s, e.opt.Graph, e.opt.Encoder)
		if err != nil {
			return nil, err
		}
		e.view = v
	}
	v := e.view.On(s, nil)
	v.Link = v.Link.Learning(&e.learned, func(iri string) (constrain.Node, bool) {
		id, ok, err := s.Lookup(kg.NewIRI(iri))
		if err != nil || !ok {
			return 0, false
		}
		return v.Graph.Number(id)
	}, func(n constrain.Node) string {
		x, err := s.Term(v.Graph.ID(n))
		if err != nil {
			return ""
		}
		return x.Value
	})
	return v, nil
}

// Answer implements Answerer. This is the way of a question: link its words,
// write drafts of a query, run what they mean, choose, gather the proof,
// decide whether it can be stood behind, and say it.
func (e *Engine) Answer(ctx context.Context, s kg.Snapshot, q Question, emit func(Event)) (*Answer, error) {
	if emit == nil {
		emit = func(Event) {}
	}
	t := &task{Engine: e, ctx: ctx, snap: s, q: q, emit: emit, begin: time.Now(), stages: map[string]int64{}}
	t.answer = &Answer{Answers: []Value{}, Evidence: []Statement{}, Alternatives: []Alternative{}, Timings: map[string]float64{}, Snapshot: s.Version()}
	if q.Run == "" {
		q.Run = newRun()
	}
	t.answer.Run = q.Run
	t.open(q.Run)
	outcome := "failed"
	defer func() {
		t.answer.Timings["total"] = time.Since(t.begin).Seconds()
		emit(Event{"end", End{Outcome: outcome, Ms: time.Since(t.begin).Milliseconds(), Stages: t.stages, Tokens: t.answer.Tokens}})
	}()
	err := t.run()
	switch {
	case err == nil:
		outcome = t.answer.Status
		return t.answer, nil
	case errors.Is(err, context.Canceled):
		outcome = "cancelled"
	}
	return nil, err
}

func newRun() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// task is one question on its way.
type task struct {
	*Engine
	ctx   context.Context
	snap  kg.Snapshot
	q     Question
	emit  func(Event)
	begin time.Time

	view   *View
	linked *link.Linked
	drafts []draft.Draft
	scored []scored
	groups []verify.Group
	chosen int // draft
	expl   draft.Explained
	none   float64 // log-probability of " none", less that of the best draft
	free   string  // what the decoder writes without any constraint
	query  string
	stages map[string]int64
	answer *Answer
	// forced is the pipeline that answers, whatever the drafts: what a follow-up
	// makes of the previous one.
	forced *constrain.Pipeline
	// among are the things that a follow-up chooses from.
	among constrain.Set
	// asksOf is the mention that the question is about, if the chosen draft is
	// about something else (overlooked).
	asksOf *int
	// inspecting: the signals are wanted, whether or not a calibrator is there.
	inspecting bool
}

// scored is a draft with its scores and what it answers.
type scored struct {
	Score
	rank.Features
	weight float64
	result constrain.Result
}

func (t *task) open(run string) {
	o := Open{V: 1, Run: run, At: fmt.Sprintf("s%d", t.snap.Version()), Question: t.q.Text, Lang: t.q.Lang}
	if t.opt.Decoder != nil {
		name := t.opt.Decoder.Name()
		o.Model = &name
		t.answer.Model = name
	}
	if c := t.opt.Calibrator; c != nil {
		o.Calibration = &Calibration{N: c.N, Date: c.Date, Threshold: int(100 * t.threshold())}
	}
	t.emit(Event{"open", o})
}

// pays reports whether giving the answer pays more than refusing it.
func (t *task) pays() bool {
	return t.opt.Cost < 0 || *t.answer.Confidence > verify.Threshold(t.opt.Cost, *t.answer.Answerable)
}

// threshold is the confidence from which an answer pays if the question can be
// answered at all.
func (t *task) threshold() float64 {
	if t.opt.Cost < 0 {
		return 0
	}
	return verify.Threshold(t.opt.Cost, 1)
}

// stage runs one stage between its events.
func (t *task) stage(name, note string, f func() error) error {
	t.emit(Event{"stage", Stage{Stage: name, State: "start", Note: note}})
	begin := time.Now()
	err := f()
	d := time.Since(begin)
	t.stages[name] = d.Milliseconds()
	t.answer.Timings[name] = d.Seconds()
	t.emit(Event{"stage", Stage{Stage: name, State: "end", Ms: d.Milliseconds()}})
	return err
}

func (t *task) run() error {
	if err := t.stage("link", "", t.link); err != nil {
		return err
	}
	if r := t.notQuery(); r != nil {
		return t.refuse(r)
	}
	if r := t.unknown(); r != nil {
		return t.refuse(r)
	}
	note := ""
	if t.opt.Decoder == nil {
		note = "search" // linking and ranking alone
	}
	if err := t.stage("write", note, t.write); err != nil {
		return err
	}
	if len(t.drafts) == 0 {
		return t.settle(t.nothing())
	}
	rows, err := t.execute()
	if err != nil {
		if r := overBudget(err); r != nil {
			return t.refuse(r)
		}
		return err
	}
	if !t.q.Inferred || t.opt.Inference == nil {
		t.emit(Event{"stage", Stage{Stage: "infer", State: "skip"}})
	}
	if r := t.overlooked(); r != nil {
		return t.settle(r)
	}
	var proof *proof
	if err := t.stage("evidence", "", func() (err error) { proof, err = t.prove(rows); return err }); err != nil {
		return err
	}
	var refusal *Refusal
	if err := t.stage("verify", "", func() error { refusal = t.verify(); return nil }); err != nil {
		return err
	}
	if refusal != nil {
		return t.settle(refusal)
	}
	t.say(rows, proof)
	return nil
}

// link finds what the words of the question name.
func (t *task) link() error {
	v, err := t.Engine.View(t.ctx, t.snap)
	if err != nil {
		return err
	}
	var pins []link.Pin
	over := map[string][]constrain.Node{}
	for _, l := range t.q.Links {
		id, ok, err := t.snap.Lookup(kg.NewIRI(l.IRI))
		if err != nil {
			return err
		}
		n, known := v.Graph.Number(id)
		if !ok || !known {
			continue
		}
		pins = append(pins, link.Pin{From: byteOffset(t.q.Text, l.From), To: byteOffset(t.q.Text, l.To), Node: n})
		if name, ok := v.Graph.Name(n); ok {
			over[name] = []constrain.Node{n}
		}
	}
	followed, more := t.follow(v)
	pins = append(pins, followed...)
	for name, nodes := range more {
		over[name] = nodes
	}
	t.view = v
	if len(over) > 0 {
		t.view = v.On(t.snap, over)
	}
	t.linked, err = t.view.Link.Link(t.q.Text, pins...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	t.mentions()
	return nil
}

// write enumerates drafts, lets the decoder judge them, and groups them by what
// they answer.
func (t *task) write() error {
	propose, w := t.judgeDrafts, t.opt.Weights
	switch {
	case t.forced != nil:
		propose = t.takeForced
	case t.opt.Constraint != Enumerated:
		propose, w = t.writeFreely, rank.Weights{SumP: 1}
	case t.opt.Decoder == nil:
		w = rank.Floor
	}
	if err := propose(); err != nil || len(t.drafts) == 0 {
		return err
	}
	if len(t.among) > 0 {
		t.onlyAmong()
	}
	var scores []float64
	for _, s := range t.scored {
		scores = append(scores, w.Score(s.Features))
	}
	var outcomes []verify.Outcome
	for i, x := range rank.Softmax(scores) {
		t.scored[i].weight = x
		outcomes = append(outcomes, verify.Outcome{Result: t.scored[i].result, Weight: x})
	}
	t.groups = verify.Groups(outcomes)
	n := min(max(t.q.Reading, 1), len(t.groups))
	t.chosen = t.groups[n-1].Drafts[0]
	t.expl = t.view.Drafts.Explain(t.linked, t.view.Link, &t.drafts[t.chosen])
	var err error
	t.query, err = t.view.Graph.SPARQL(t.drafts[t.chosen].Pipeline)
	if err != nil {
		return err
	}
	t.answer.SPARQL, t.answer.Anchored = t.query, t.drafts[t.chosen].Pipeline.String()
	t.answer.Understood = t.view.Graph.Reading(t.drafts[t.chosen].Pipeline)
	t.named()
	t.tokens()
	t.readings(n)
	return nil
}

// takeForced makes the forced pipeline the only draft.
func (t *task) takeForced() error {
	res, err := t.view.Graph.Eval(t.ctx, *t.forced)
	if err != nil {
		return err
	}
	t.drafts = []draft.Draft{{Pipeline: *t.forced, Text: t.forced.String(), Mention: -1, Set: res.Nodes}}
	t.scored = []scored{{result: res}}
	return nil
}

// named notes which things the words of the question were taken for.
func (t *task) named() {
	names := t.drafts[t.chosen].Pipeline.Names()
	for _, m := range t.linked.Mentions {
		if !slices.Contains(names, m.Name) || m.Number || len(m.Nodes) == 0 {
			continue
		}
		if x, err := t.snap.Term(t.view.Graph.ID(m.Nodes[0])); err == nil && x.Kind == kg.IRI {
			words := t.q.Text[t.linked.Words[m.From].From:t.linked.Words[m.To-1].To]
			t.answer.Named = append(t.answer.Named, NamedThing{Words: words, IRI: x.Value})
		}
	}
}

// judgeDrafts enumerates what the graph supports and lets the decoder, if there
// is one, judge it.
func (t *task) judgeDrafts() error {
	var err error
	t.drafts, err = t.view.Drafts.Drafts(t.ctx, t.linked, draft.Options{Keep: t.opt.Drafts})
	if err != nil {
		return err
	}
	if m, ok := t.opt.Decoder.(*Model); ok && t.opt.Written > 0 {
		if err := t.joinWritten(m); err != nil {
			return err
		}
	}
	if len(t.drafts) == 0 {
		return nil
	}
	t.scored, t.none, err = Judge(t.ctx, t.opt.Decoder, t.linked, t.drafts)
	if err != nil {
		return err
	}
	// What it would say freely is only needed to judge how sure it is.
	if m, ok := t.opt.Decoder.(*Model); ok && t.opt.Calibrator != nil || ok && t.inspecting {
		written, err := m.Write(t.ctx, nil, t.linked, Free, 1)
		if err != nil {
			return err
		}
		if len(written) > 0 {
			t.free = written[0].Text
		}
	}
	for i := range t.scored {
		t.answer.Tokens += t.scored[i].Tokens
		if t.scored[i].result, err = t.view.Graph.Eval(t.ctx, t.drafts[i].Pipeline); err != nil {
			return err
		}
	}
	return nil
}

// Judge scores drafts by the decoder, which may be nil, and collects the
// features of the mix. none is the log-probability of saying that no draft
// fits, less that of the likeliest draft.
func Judge(ctx context.Context, d Decoder, q *link.Linked, drafts []draft.Draft) (out []scored, none float64, err error) {
	out = make([]scored, len(drafts))
	for i := range drafts {
		out[i].D, out[i].Cos, out[i].Cover = drafts[i].D, drafts[i].Cos, drafts[i].Cover
	}
	if d == nil {
		return out, 0, nil
	}
	texts := make([]string, len(drafts)+1)
	for i := range drafts {
		texts[i] = drafts[i].Text
	}
	texts[len(drafts)] = "none"
	scores, err := d.Score(ctx, q.Prompt, texts)
	if err != nil {
		return nil, 0, err
	}
	best := scores[0].SumP
	for i := range drafts {
		s := scores[i]
		out[i].Score = s
		out[i].Features.SumQ, out[i].Features.SumP = s.SumQ, s.SumP
		out[i].PerToken = s.SumP / float64(max(s.Tokens, 1))
		best = max(best, s.SumP)
	}
	return out, scores[len(drafts)].SumP - best, nil
}

// Features returns the features of judged drafts, for fitting the mix.
func Features(ctx context.Context, d Decoder, q *link.Linked, drafts []draft.Draft) ([]rank.Features, error) {
	ss, _, err := Judge(ctx, d, q, drafts)
	out := make([]rank.Features, len(ss))
	for i := range ss {
		out[i] = ss[i].Features
	}
	return out, err
}

// typeClash is 1 if the question word and the kind of answer disagree.
func (t *task) typeClash(r constrain.Result) float64 {
	ws := t.linked.Words
	many := len(ws) > 1 && ws[0].Text == "how" && ws[1].Text == "many"
	if many && r.Kind == constrain.List && !slices.ContainsFunc(r.Nodes, func(n constrain.Node) bool { _, ok := t.view.Graph.Value(n); return ok }) {
		return 1
	}
	if ws[0].Text == "when" && !t.temporal(r) {
		return 1
	}
	if ws[0].Text != "how" && !many && r.Kind == constrain.Count && !slices.ContainsFunc(ws, func(w constrain.Word) bool {
		return w.Text == "count" || w.Text == "number" || w.Text == "many"
	}) {
		return 1
	}
	return 0
}

// temporal reports whether a result holds dates or years.
func (t *task) temporal(r constrain.Result) bool {
	g := t.view.Graph
	return r.Kind == constrain.List && slices.ContainsFunc(r.Nodes, func(n constrain.Node) bool {
		l := g.Label(n)
		_, value := g.Value(n)
		return value || len(l) >= 4 && len(l) <= 10 && constrain.IsNumber(l[:4])
	})
}
