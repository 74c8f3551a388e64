// Package adapt trains the adapter of CQD^A: the few weights that make the
// scores of a frozen link predictor comparable between relations, so that they
// can be combined and negated.
//
// It learns from conjunctions of links and negated links from anchors (2i, 3i,
// 2in, 3in), which need no variable and no beam; every other shape profits.
package adapt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd"
)

// Predictor is a model whose relation vectors are known; embed.Table is one.
type Predictor interface {
	embed.Predictor
	cqd.Relations
}

// Example is a query with its known answers.
type Example struct {
	Query   *cqd.Query
	Answers []int32
}

// Options of training. Zero values mean the defaults in brackets.
type Options struct {
	Steps int     // [600]
	Batch int     // query-answer pairs of a step [128]
	Rate  float64 // of Adagrad [0.03]
	Seed  uint64
	// LogLogits takes the log of the truths as logits of the softmax, instead
	// of the truths themselves: positive queries gain, negated ones lose.
	LogLogits bool
	// Progress is called after every step with the mean loss so far.
	Progress func(step int, loss float64)
}

func (o *Options) defaults() {
	if o.Steps == 0 {
		o.Steps = 600
	}
	if o.Batch == 0 {
		o.Batch = 128
	}
	if o.Rate == 0 {
		o.Rate = 0.03
	}
}

// Train returns an adapter for a predictor and the mean loss of its last tenth.
// Examples are drawn one type of query after another in equal shares: examples
// has a list per type.
func Train(ctx context.Context, p Predictor, hash string, examples [][]Example, o Options) (*cqd.Adapter, float64, error) {
	o.defaults()
	if len(examples) == 0 {
		return nil, 0, errors.New("no training queries")
	}
	for _, list := range examples {
		if len(list) == 0 {
			return nil, 0, errors.New("a query type has no training queries")
		}
		for _, x := range list {
			if _, err := literals(x.Query); err != nil {
				return nil, 0, err
			}
			if len(x.Answers) == 0 {
				return nil, 0, fmt.Errorf("training query %v has no answer", x.Query)
			}
			if err := x.Query.Check(p.Entities(), p.Relations()); err != nil {
				return nil, 0, err
			}
		}
	}
	a := cqd.NewAdapter(hash, len(p.Relation(0)))
	if err := a.Bind(p); err != nil {
		return nil, 0, err
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x5851f42d4c957f2d))
	w := &weights{a}
	grad, squares := make([]float64, w.len()), make([]float64, w.len())
	l := newLoss(p, o.LogLogits)
	tail, tailN := 0.0, 0
	for step := range o.Steps {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		clear(grad)
		sum := 0.0
		for i := range o.Batch {
			list := examples[(step*o.Batch+i)%len(examples)]
			x := list[rng.IntN(len(list))]
			sum += l.add(a, x.Query, x.Answers[rng.IntN(len(x.Answers))], grad)
		}
		for i, g := range grad {
			g /= float64(o.Batch)
			squares[i] += g * g
			if squares[i] > 0 {
				*w.at(i) -= o.Rate * g / (math.Sqrt(squares[i]) + 1e-10)
			}
		}
		if err := a.Bind(p); err != nil {
			return nil, 0, fmt.Errorf("step %d: %w", step, err)
		}
		sum /= float64(o.Batch)
		if step >= o.Steps-max(1, o.Steps/10) {
			tail, tailN = tail+sum, tailN+1
		}
		if o.Progress != nil {
			o.Progress(step+1, sum)
		}
	}
	a.Steps = o.Steps
	return a, tail / float64(tailN), nil
}

// weights numbers the parameters of an adapter: W[0], W[1], Bias.
type weights struct{ *cqd.Adapter }

func (w *weights) len() int { return w.Parameters() }

func (w *weights) at(i int) *float64 {
	k := len(w.W[0])
	switch {
	case i < k:
		return &w.W[0][i]
	case i < 2*k:
		return &w.W[1][i-k]
	}
	return &w.Bias[i-2*k]
}

// literal is a link, or a negated link, from an anchor to the answer.
type literal struct {
	anchor, relation int32
	negated          bool
}

// literals takes a conjunction apart.
func literals(q *cqd.Query) ([]literal, error) {
	switch q.Op {
	case cqd.Project:
		if sub := q.Args[0]; sub.Op == cqd.Among && len(sub.Members) == 1 {
			return []literal{{sub.Members[0], q.Relation, false}}, nil
		}
	case cqd.Not:
		if l, err := literals(q.Args[0]); err == nil && len(l) == 1 {
			l[0].negated = !l[0].negated
			return l, nil
		}
	case cqd.Intersect:
		var out []literal
		for _, a := range q.Args {
			l, err := literals(a)
			if err != nil {
				return nil, err
			}
			out = append(out, l...)
		}
		return out, nil
	}
	return nil, fmt.Errorf("query %v is no conjunction of links and negated links from anchors (2i, 3i, 2in, 3in)", q)
}

// loss is the 1-vs-all cross-entropy of a query's answer, and its gradient.
type loss struct {
	p         Predictor
	logLogits bool
	q         []float32
	scores    [][]float32
	logit     []float64
}

func newLoss(p Predictor, logLogits bool) *loss {
	return &loss{p: p, logLogits: logLogits, q: make([]float32, p.Rank()), logit: make([]float64, p.Entities())}
}

// add returns the loss of one query-answer pair and adds its gradient with
// respect to the adapter's weights to grad.
func (l *loss) add(a *cqd.Adapter, q *cqd.Query, answer int32, grad []float64) float64 {
	lits, err := literals(q)
	if err != nil {
		panic(err) // Train has checked
	}
	for len(l.scores) < len(lits) {
		l.scores = append(l.scores, make([]float32, l.p.Entities()))
	}
	clear(l.logit)
	for i, x := range lits {
		l.p.Query(x.anchor, x.relation, l.q)
		l.p.ScoreAll(l.q, l.scores[i])
		slope, shift := a.Affine(x.relation)
		for t, s := range l.scores[i] {
			l.logit[t] += cqd.LogSigmoid(sign(x.negated) * (slope*float64(s) + shift))
		}
	}
	top := math.Inf(-1)
	for t, x := range l.logit {
		if !l.logLogits {
			l.logit[t] = math.Exp(x)
		}
		top = math.Max(top, l.logit[t])
	}
	var sum float64
	for _, x := range l.logit {
		sum += math.Exp(x - top)
	}
	norm := top + math.Log(sum)
	out := norm - l.logit[answer]
	for i, x := range lits {
		slope, shift := a.Affine(x.relation)
		var dAlpha, dBeta float64
		for t, s := range l.scores[i] {
			g := math.Exp(l.logit[t] - norm) // dL/dlogit
			if int32(t) == answer {
				g--
			}
			if !l.logLogits {
				g *= l.logit[t] // the logit is e^Σ
			}
			sg := sign(x.negated)
			z := slope*float64(s) + shift
			dz := g * sg * sigmoid(-sg*z)
			dBeta += dz
			dAlpha += dz * float64(s) * slope
		}
		e := l.p.Relation(x.relation)
		k := len(e)
		for j, v := range e {
			grad[j] += dAlpha * float64(v)
			grad[k+j] += dBeta * float64(v)
		}
		grad[2*k] += dAlpha
		grad[2*k+1] += dBeta
	}
	return out
}

func sign(negated bool) float64 {
	if negated {
		return -1
	}
	return 1
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
