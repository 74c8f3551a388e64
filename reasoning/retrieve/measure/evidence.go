package measure

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
)

// Options of an evaluation.
type Options struct {
	Seed       uint64
	Bootstrap  int  // samples of the intervals; default 1000
	Impossible int  // impossible questions that are made; default 100
	Baselines  bool // run BM25 on the same questions
	Scenarios  bool // run the reader on contexts of three kinds
	Progress   func(done, total int)
	// Each gets every question with its result.
	Each func(q *Question, x *retrieve.Result, r Ranks, right bool)
}

// Row is a line of the table: a group of questions, or a baseline.
type Row struct {
	Name   string  `json:"name"`
	N      int     `json:"n"`
	MRR    float64 `json:"mrr"`
	GR1    float64 `json:"gr1"`
	GR5    float64 `json:"gr5"`
	GR10   float64 `json:"gr10"`
	GR20   float64 `json:"gr20"`
	All5   float64 `json:"all5"`
	All10  float64 `json:"all10"`
	All20  float64 `json:"all20"`
	Right  float64 `json:"answer_accuracy"`
	Prec   float64 `json:"citation_precision"`
	Recall float64 `json:"citation_recall"`
	Refuse float64 `json:"refused"`
	Tokens float64 `json:"tokens"` // of the cited rows, characters / 4
	// LenientGR10 and LenientAll10 count pages too that show the numeral untagged.
	LenientGR10  float64 `json:"lenient_gr10"`
	LenientAll10 float64 `json:"lenient_all10"`
}

// Interval is a mean with its bootstrap interval of 95 %.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Report is the outcome of an evaluation.
type Report struct {
	Row
	Groups     []Row               `json:"groups"` // by type, scope and hops
	Baselines  []Row               `json:"baselines,omitempty"`
	Intervals  map[string]Interval `json:"intervals"`
	Impossible *Impossible         `json:"impossible,omitempty"`
	RS10       float64             `json:"rs10"`
	Scenarios  []Scenario          `json:"scenarios,omitempty"`
	Restated   *Restated           `json:"restated,omitempty"`
	Benches    []*Bench            `json:"benches,omitempty"`
	Seconds    float64             `json:"seconds_per_question"`
	P95        float64             `json:"seconds_p95"`
}

// outcome is what one question came to.
type outcome struct {
	q                 *Question
	ranks, lenient    Ranks
	right             bool
	refused           bool
	precision, recall float64
	tokens            float64
}

func (r *Row) add(o *outcome) {
	r.N++
	r.MRR += o.ranks.MRR
	r.GR1 += o.ranks.GR1
	r.GR5 += o.ranks.GR5
	r.GR10 += o.ranks.GR10
	r.GR20 += o.ranks.GR20
	r.All5 += o.ranks.All5
	r.All10 += o.ranks.All10
	r.All20 += o.ranks.All20
	r.LenientGR10 += o.lenient.GR10
	r.LenientAll10 += o.lenient.All10
	r.Prec += o.precision
	r.Recall += o.recall
	r.Tokens += o.tokens
	if o.right {
		r.Right++
	}
	if o.refused {
		r.Refuse++
	}
}

func (r *Row) mean() {
	n := float64(max(1, r.N))
	answered := max(1, n-r.Refuse)
	r.Prec, r.Recall, r.Tokens = r.Prec/answered, r.Recall/answered, r.Tokens/answered
	for _, v := range []*float64{&r.MRR, &r.GR1, &r.GR5, &r.GR10, &r.GR20, &r.All5, &r.All10, &r.All20, &r.Right, &r.Refuse, &r.LenientGR10, &r.LenientAll10} {
		*v /= n
	}
}

// Evidence asks all questions and measures what comes back.
func Evidence(ctx context.Context, r *retrieve.Retriever, qs []Question, opt Options) (*Report, error) {
	if opt.Bootstrap == 0 {
		opt.Bootstrap = 1000
	}
	rep := &Report{Intervals: map[string]Interval{}}
	rep.Name = "quaestor"
	var done []outcome
	var took []float64
	groups := map[string]*Row{}
	var impossible []Question
	for i := range qs {
		q := &qs[i]
		if q.Impossible || len(q.Evidence) == 0 {
			impossible = append(impossible, *q)
			continue
		}
		start := time.Now()
		x, err := r.Answer(ctx, q.Text)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(start).Seconds())
		o := outcome{q: q, right: right(x, q, r.Library()), refused: x.Refusal != nil}
		list := places(x.Pages)
		o.ranks, o.lenient = rank(list, q, false), rank(list, q, true)
		if !o.refused {
			o.precision, o.recall = citations(x, q)
			o.tokens = float64(len(Context(r, x))) / 4
		}
		if opt.Each != nil {
			opt.Each(q, x, o.ranks, o.right)
		}
		done = append(done, o)
		rep.add(&o)
		for _, name := range []string{"type " + q.Type, "scope " + q.Scope, "hops " + string(rune('0'+q.Hops%10))} {
			if groups[name] == nil {
				groups[name] = &Row{Name: name}
			}
			groups[name].add(&o)
		}
		if opt.Progress != nil {
			opt.Progress(i+1, len(qs))
		}
	}
	rep.mean()
	names := make([]string, 0, len(groups))
	for n := range groups {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		groups[n].mean()
		rep.Groups = append(rep.Groups, *groups[n])
	}
	rep.intervals(done, opt)
	slices.Sort(took)
	for _, s := range took {
		rep.Seconds += s / float64(len(took))
	}
	if n := len(took); n > 0 {
		rep.P95 = took[n*95/100]
	}
	var err error
	if opt.Impossible > 0 {
		impossible = append(impossible, Unanswerable(r.Library(), qs, opt.Impossible, opt.Seed)...)
	}
	if len(impossible) > 0 {
		if rep.Impossible, err = refusals(ctx, r, impossible); err != nil {
			return nil, err
		}
	}
	rep.reliability(done)
	if rep.Restated, err = RestatedKeys(ctx, r); err != nil {
		return nil, err
	}
	if opt.Baselines {
		if rep.Baselines, err = baselines(ctx, r, qs); err != nil {
			return nil, err
		}
	}
	if opt.Scenarios {
		if rep.Scenarios, err = scenarios(ctx, r, qs, opt.Seed); err != nil {
			return nil, err
		}
	}
	return rep, nil
}

func places(ps []retrieve.Page) []Place {
	list := make([]Place, len(ps))
	for i, p := range ps {
		list[i] = Place{p.Filing.Name, p.Page}
	}
	return list
}

// reliability is RS(10) of TrustSQL (arXiv 2403.15879): 1 for a right answer
// or a right refusal, 0 for a needless refusal, -10 for what is wrong; in
// percent.
func (r *Report) reliability(done []outcome) {
	const c = 10
	score, n := 0.0, len(done)
	for _, o := range done {
		switch {
		case o.right:
			score++
		case !o.refused:
			score -= c
		}
	}
	if r.Impossible != nil {
		n += r.Impossible.N
		score += float64(r.Impossible.Refused) - c*float64(r.Impossible.N-r.Impossible.Refused)
	}
	if n > 0 {
		r.RS10 = 100 * score / float64(n)
	}
}

// intervals draws questions with replacement.
func (r *Report) intervals(done []outcome, opt Options) {
	if len(done) == 0 {
		return
	}
	for name, of := range map[string]func(*outcome) float64{
		"mrr":   func(o *outcome) float64 { return o.ranks.MRR },
		"gr10":  func(o *outcome) float64 { return o.ranks.GR10 },
		"all10": func(o *outcome) float64 { return o.ranks.All10 },
		"answer_accuracy": func(o *outcome) float64 {
			if o.right {
				return 1
			}
			return 0
		},
	} {
		values := make([]float64, len(done))
		for i := range done {
			values[i] = of(&done[i])
		}
		r.Intervals[name] = bootstrap(values, opt.Bootstrap, opt.Seed)
	}
}

// bootstrap is the mean and the middle 95 % of the means of samples with
// replacement.
func bootstrap(values []float64, samples int, seed uint64) Interval {
	rnd := rand.New(rand.NewPCG(seed, 95))
	means := make([]float64, samples)
	mean := 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for s := range means {
		sum := 0.0
		for range values {
			sum += values[rnd.IntN(len(values))]
		}
		means[s] = sum / float64(len(values))
	}
	slices.Sort(means)
	return Interval{mean, means[samples*25/1000], means[min(samples-1, samples*975/1000)]}
}
