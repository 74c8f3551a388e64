package qa

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
)

// Report are the figures of `eval ask`.
type Report struct {
	// Constraint under which the decoder wrote the queries; empty: it chose
	// among enumerated ones.
	Constraint string `json:"constraint,omitempty"`

	N            int     `json:"n"`
	Answered     int     `json:"answered"`
	Refused      int     `json:"refused"`
	F1           float64 `json:"f1"` // macro over all questions; a refusal counts 0 unless there is no answer
	Exact        float64 `json:"exact"`
	Hits1        float64 `json:"hits1"`
	Inexecutable int     `json:"inexecutable"`
	Empty        int     `json:"empty"` // the query ran and gave no row
	// RS0 and RS10 are reliability scores (TrustSQL): +1 for a right answer or a
	// right refusal, 0 for refusing what could be answered, -c for a wrong
	// answer, in percent of the best. At cost c an answer is given if its
	// confidence pays; without calibration all given answers count.
	RS0  float64 `json:"rs0"`
	RS10 float64 `json:"rs10"`
	// ECE is the expected calibration error over ten bins; null without
	// confidences.
	ECE *float64 `json:"ece"`
	// Curve is the share of wrong answers by the share of questions that get
	// one, the surest first; AURC is the area below it.
	Curve []RiskPoint `json:"risk_coverage,omitempty"`
	AURC  *float64    `json:"aurc,omitempty"`
	// Infeasible questions, and how many of them were refused.
	Infeasible     int `json:"infeasible"`
	RefusedRightly int `json:"refused_rightly"`

	SecondsPerQuestion float64 `json:"seconds_per_question"`
	P50                float64 `json:"p50"` // seconds
	P95                float64 `json:"p95"`
	TokensPerQuestion  float64 `json:"tokens_per_question"`
	Skipped            int     `json:"skipped"` // questions without a gold answer, left out
	// Ceiling says how far the questions got; nil unless it was asked for.
	Ceiling *Steps `json:"ceiling,omitempty"`
}

// RiskPoint is a point of a risk-coverage curve: the answers with at least the
// confidence From.
type RiskPoint struct {
	Coverage float64 `json:"coverage"`
	Risk     float64 `json:"risk"`
	From     float64 `json:"from"`
}

// Steps counts the questions that got past each step, and why the others were
// lost. Unanswerable questions are left out.
type Steps struct {
	N          int           `json:"n"`
	Linked     int           `json:"linked"`     // every entity of the gold query was proposed
	Enumerated int           `json:"enumerated"` // some draft has the right answers
	Kept       int           `json:"kept"`       // ... among those that were judged
	Chosen     int           `json:"chosen"`     // ... and was chosen
	Causes     map[Cause]int `json:"causes"`
	// Recall10 is the share of the gold queries' entities that are among the
	// first ten candidates of a mention.
	Recall10           float64 `json:"recall10"`
	entities, recalled int
}

func (s *Steps) add(d *Diagnosis) {
	count := func(n *int, ok bool) {
		if ok {
			*n++
		}
	}
	s.N++
	count(&s.Linked, d.Linked)
	count(&s.Enumerated, d.Enumerated)
	count(&s.Kept, d.Kept)
	count(&s.Chosen, d.Chosen)
	s.entities += d.Entities
	s.recalled += d.Recalled
	s.Recall10 = float64(s.recalled) / float64(max(s.entities, 1))
	if s.Causes == nil {
		s.Causes = map[Cause]int{}
	}
	if d.Cause != NoCause {
		s.Causes[d.Cause]++
	}
}

// Row is one line of the --out file.
type Row struct {
	ID         string   `json:"id"`
	Question   string   `json:"question"`
	Status     string   `json:"status"`
	Code       string   `json:"code,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	SPARQL     string   `json:"sparql"`
	Answers    []string `json:"answers"`
	Gold       []string `json:"gold"`
	F1         float64  `json:"f1"`
	Exact      bool     `json:"exact"`
	Confidence *float64 `json:"confidence"`
	Answerable *float64 `json:"answerable,omitempty"` // probability that the graph holds the answer
	Kind       Kind     `json:"kind,omitempty"`       // of unanswerable question
	Seconds    float64  `json:"seconds"`
	Error      string   `json:"error,omitempty"`
	// With a diagnosis: where the question was lost, the chosen draft and a
	// right one.
	Cause Cause  `json:"cause,omitempty"`
	First string `json:"first,omitempty"`
	Right string `json:"right,omitempty"`

	infeasible bool
}

// Options of an evaluation.
type Options struct {
	Out      io.Writer      // gets one JSON line a question; nil: none
	Progress func(done int) // called after each question; nil: not
	// Diagnose asks each question once more of an engine to find where wrong
	// answers were lost; nil: not.
	Diagnose *reasoning.Engine
}

// Evaluate asks the questions and scores the answers. Questions whose gold
// answer is empty are left out, as the literature does, unless they are marked
// as unanswerable: then a refusal is right.
func Evaluate(ctx context.Context, a reasoning.Answerer, s kg.Snapshot, qs []Question, opt Options) (*Report, error) {
	return EvaluateParts(ctx, a, []Part{{Snapshot: s, Questions: qs}}, opt)
}

// EvaluateParts is Evaluate over several graphs, such as those of Twins, in one
// report.
func EvaluateParts(ctx context.Context, a reasoning.Answerer, parts []Part, opt Options) (*Report, error) {
	e := &evaluation{Options: opt, answerer: a}
	if opt.Diagnose != nil {
		e.Ceiling = &Steps{}
	}
	if opt.Out != nil {
		e.w = bufio.NewWriter(opt.Out)
		defer e.w.Flush()
	}
	begin := time.Now()
	for _, p := range parts {
		for i := range p.Questions {
			if err := e.ask(ctx, p.Snapshot, p.Kind, &p.Questions[i]); err != nil {
				return nil, err
			}
		}
	}
	return e.report(time.Since(begin)), nil
}

// evaluation is a report in the making.
type evaluation struct {
	Options
	Report
	answerer reasoning.Answerer
	w        *bufio.Writer
	rows     []Row
	done     int
}

// ask asks one question and scores the answer.
func (e *evaluation) ask(ctx context.Context, s kg.Snapshot, kind Kind, q *Question) error {
	gold := q.Gold()
	infeasible := q.Feasible != nil && !*q.Feasible
	e.done++
	if len(gold) == 0 && !infeasible {
		e.Skipped++
		return nil
	}
	row := Row{ID: q.ID, Question: q.Text, Answers: []string{}, Kind: kind, infeasible: infeasible}
	for g := range gold {
		row.Gold = append(row.Gold, g)
	}
	start := time.Now()
	ans, err := e.answerer.Answer(ctx, s, reasoning.Question{Text: q.Text}, nil)
	row.Seconds = time.Since(start).Seconds()
	e.N++
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, reasoning.ErrQuestion):
		row.Status, row.Error = "refused", err.Error()
		e.Refused++
	case err != nil:
		row.Status, row.Error = "failed", err.Error()
		e.Inexecutable++
	default:
		row.Status, row.SPARQL, row.Reason, row.Confidence, row.Answerable = ans.Status, ans.SPARQL, ans.Reason, ans.Confidence, ans.Answerable
		e.TokensPerQuestion += float64(ans.Tokens)
		if ans.Status == "refused" {
			e.Refused++
			if ans.Refusal != nil {
				row.Code = ans.Refusal.Code
			}
			break
		}
		e.Answered++
		for _, v := range ans.Answers {
			row.Answers = append(row.Answers, v.Value)
		}
		if len(row.Answers) == 0 {
			e.Empty++
		}
	}
	sc := judge(&row, gold)
	row.F1, row.Exact = sc.F1, sc.Exact
	e.F1 += sc.F1
	e.Hits1 += sc.Hits1
	if sc.Exact {
		e.Exact++
	}
	if e.Diagnose != nil && !infeasible {
		d, err := diagnose(ctx, e.Diagnose, s, q, row.Status == "answered")
		if err != nil {
			return fmt.Errorf("question %q: %w", q.Text, err)
		}
		e.Ceiling.add(d)
		row.Cause, row.First, row.Right = d.Cause, d.First, d.Right
	}
	if e.w != nil {
		line, err := json.Marshal(row)
		if err != nil {
			return err
		}
		if _, err := e.w.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("writing results: %w", err)
		}
	}
	e.rows = append(e.rows, row)
	if e.Progress != nil {
		e.Progress(e.done)
	}
	return nil
}

// judge scores a row. A refusal of what cannot be answered is right; so is the
// gold answer to it, if the graph still holds it by another way.
func judge(row *Row, gold map[string]bool) Score {
	switch {
	case row.infeasible && row.Status == "refused":
		return Score{F1: 1, Exact: true, Hits1: 1}
	case row.Status != "answered":
		return Score{}
	case row.infeasible && !Compare(row.Answers, gold).Exact, len(gold) == 0:
		return Score{}
	}
	return Compare(row.Answers, gold)
}

func (e *evaluation) report(took time.Duration) *Report {
	r := &e.Report
	n := float64(max(r.N, 1))
	r.SecondsPerQuestion = took.Seconds() / n
	r.F1, r.Exact, r.Hits1, r.TokensPerQuestion = r.F1/n, r.Exact/n, r.Hits1/n, r.TokensPerQuestion/n
	var seconds []float64
	rs0, rs10 := 0.0, 0.0
	for i := range e.rows {
		row := &e.rows[i]
		seconds = append(seconds, row.Seconds)
		rs0 += reliability(row, 0)
		rs10 += reliability(row, 10)
		if row.infeasible {
			r.Infeasible++
			if row.Status == "refused" {
				r.RefusedRightly++
			}
		}
	}
	r.RS0, r.RS10 = 100*rs0/n, 100*rs10/n
	slices.Sort(seconds)
	if k := len(seconds); k > 0 {
		r.P50, r.P95 = seconds[k/2], seconds[min(k*95/100, k-1)]
	}
	r.calibration(e.rows)
	return r
}

// calibration fills in what depends on confidences: the expected calibration
// error and the curve of risk by coverage.
func (r *Report) calibration(rows []Row) {
	var given []Row
	var bins [10]struct{ n, right, sum float64 }
	for _, row := range rows {
		if row.Confidence == nil || row.Status != "answered" {
			continue
		}
		given = append(given, row)
		b := &bins[min(int(*row.Confidence*10), 9)]
		b.n++
		b.sum += *row.Confidence
		if row.Exact {
			b.right++
		}
	}
	if len(given) == 0 {
		return
	}
	e := 0.0
	for _, b := range bins {
		e += math.Abs(b.right - b.sum)
	}
	e /= float64(len(given))
	r.ECE = &e
	slices.SortStableFunc(given, func(a, b Row) int { return cmp.Compare(*b.Confidence, *a.Confidence) })
	wrong, area := 0, 0.0
	for i, row := range given {
		if !row.Exact {
			wrong++
		}
		risk := float64(wrong) / float64(i+1)
		area += risk / float64(len(given))
		// Ten points over all questions that were asked.
		if c := (i + 1) * 10 / len(rows); c > i*10/len(rows) || i == len(given)-1 {
			r.Curve = append(r.Curve, RiskPoint{Coverage: float64(i+1) / float64(len(rows)), Risk: risk, From: *row.Confidence})
		}
	}
	r.AURC = &area
}

// reliability is the score of one question at the cost c of a wrong answer:
// answered if its confidence pays (verify.Threshold).
func reliability(r *Row, c float64) float64 {
	answer := r.Status == "answered"
	if r.Confidence != nil {
		feasible := 1.0
		if r.Answerable != nil {
			feasible = *r.Answerable
		}
		answer = answer && *r.Confidence > verify.Threshold(c, feasible)
	}
	switch {
	case !answer && r.infeasible:
		return 1
	case !answer:
		return 0
	case r.Exact:
		return 1
	}
	return -c
}
