package qa

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
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
	ECE                *float64 `json:"ece"`
	SecondsPerQuestion float64  `json:"seconds_per_question"`
	TokensPerQuestion  float64  `json:"tokens_per_question"`
	Skipped            int      `json:"skipped"` // questions without a gold answer, left out
	// Ceiling says how far the questions got; nil unless it was asked for.
	Ceiling *Steps `json:"ceiling,omitempty"`
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
	Seconds    float64  `json:"seconds"`
	Error      string   `json:"error,omitempty"`
	// With a diagnosis: where the question was lost, the chosen draft and a
	// right one.
	Cause Cause  `json:"cause,omitempty"`
	First string `json:"first,omitempty"`
	Right string `json:"right,omitempty"`
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
	r := &Report{}
	if opt.Diagnose != nil {
		r.Ceiling = &Steps{}
	}
	var w *bufio.Writer
	if opt.Out != nil {
		w = bufio.NewWriter(opt.Out)
		defer w.Flush()
	}
	rs0, rs10 := 0.0, 0.0
	var bins [10]struct{ n, right, sum float64 }
	calibrated := false
	begin := time.Now()
	for i := range qs {
		q := &qs[i]
		gold := q.Gold()
		infeasible := q.Feasible != nil && !*q.Feasible
		if len(gold) == 0 && !infeasible {
			r.Skipped++
			continue
		}
		row := Row{ID: q.ID, Question: q.Text, Answers: []string{}}
		for g := range gold {
			row.Gold = append(row.Gold, g)
		}
		start := time.Now()
		ans, err := a.Answer(ctx, s, reasoning.Question{Text: q.Text}, nil)
		row.Seconds = time.Since(start).Seconds()
		r.N++
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, reasoning.ErrQuestion):
			row.Status, row.Error = "refused", err.Error()
			r.Refused++
		case err != nil:
			row.Status, row.Error = "failed", err.Error()
			r.Inexecutable++
		default:
			row.Status, row.SPARQL, row.Reason, row.Confidence = ans.Status, ans.SPARQL, ans.Reason, ans.Confidence
			r.TokensPerQuestion += float64(ans.Tokens)
			if ans.Status == "refused" {
				r.Refused++
				if ans.Refusal != nil {
					row.Code = ans.Refusal.Code
				}
				break
			}
			r.Answered++
			for _, v := range ans.Answers {
				row.Answers = append(row.Answers, v.Value)
			}
			if len(row.Answers) == 0 {
				r.Empty++
			}
		}
		var sc Score
		if infeasible {
			if row.Status == "refused" {
				sc = Score{F1: 1, Exact: true, Hits1: 1}
			}
		} else if row.Status == "answered" {
			sc = Compare(row.Answers, gold)
		}
		row.F1, row.Exact = sc.F1, sc.Exact
		r.F1 += sc.F1
		r.Hits1 += sc.Hits1
		if sc.Exact {
			r.Exact++
		}
		rs0 += reliability(&row, infeasible, 0)
		rs10 += reliability(&row, infeasible, 10)
		if row.Confidence != nil && row.Status == "answered" {
			calibrated = true
			b := &bins[min(int(*row.Confidence*10), 9)]
			b.n++
			b.sum += *row.Confidence
			if row.Exact {
				b.right++
			}
		}
		if opt.Diagnose != nil && !infeasible {
			d, err := diagnose(ctx, opt.Diagnose, s, q, row.Status == "answered")
			if err != nil {
				return nil, fmt.Errorf("question %q: %w", q.Text, err)
			}
			r.Ceiling.add(d)
			row.Cause, row.First, row.Right = d.Cause, d.First, d.Right
		}
		if w != nil {
			line, err := json.Marshal(row)
			if err != nil {
				return nil, err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return nil, fmt.Errorf("writing results: %w", err)
			}
		}
		if opt.Progress != nil {
			opt.Progress(i + 1)
		}
	}
	n := float64(max(r.N, 1))
	r.SecondsPerQuestion = time.Since(begin).Seconds() / n
	r.F1, r.Exact, r.Hits1, r.TokensPerQuestion = r.F1/n, r.Exact/n, r.Hits1/n, r.TokensPerQuestion/n
	r.RS0, r.RS10 = 100*rs0/n, 100*rs10/n
	if calibrated {
		e, total := 0.0, 0.0
		for _, b := range bins {
			total += b.n
			e += math.Abs(b.right - b.sum)
		}
		e /= max(total, 1)
		r.ECE = &e
	}
	return r, nil
}

// reliability is the score of one question at the cost c of a wrong answer.
func reliability(r *Row, infeasible bool, c float64) float64 {
	answer := r.Status == "answered" && (r.Confidence == nil || *r.Confidence > c/(1+c))
	switch {
	case !answer && infeasible:
		return 1
	case !answer:
		return 0
	case r.Exact:
		return 1
	}
	return -c
}
