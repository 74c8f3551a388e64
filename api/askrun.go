package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/sparql"
)

// chooser shows what could have been written at a place of a query.
type chooser interface {
	Choices(ctx context.Context, s kg.Snapshot, q reasoning.Question, from, k int) (*reasoning.Choices, error)
}

// learner takes in what people confirmed.
type learner interface {
	Learn(words, iri string, weight float64)
}

// versioned is a store that keeps older states.
type versioned interface {
	SnapshotAt(nameOrVersion string) (kg.Snapshot, error)
}

// snapshotAt opens a state by its id ("s12"), number or name; "" and "live" are
// the newest.
func (s *Service) snapshotAt(at string) (kg.Snapshot, error) {
	if at == "" || at == "live" {
		return s.opt.Store.Snapshot()
	}
	if len(at) > 1 && at[0] == 's' && strings.Trim(at[1:], "0123456789") == "" {
		at = at[1:]
	}
	snap, err := s.opt.Store.Snapshot()
	if err != nil {
		return nil, err
	}
	if fmt.Sprint(snap.Version()) == at {
		return snap, nil
	}
	snap.Close()
	if v, ok := s.opt.Store.(versioned); ok {
		if snap, err = v.SnapshotAt(at); err == nil {
			return snap, nil
		}
	} else {
		err = errors.New("this store keeps only its newest state")
	}
	return nil, fmt.Errorf("%w: snapshot %s: %w", ErrNotFound, at, err)
}

// finished returns an ended run with an answer.
func (s *Service) finished(id string) (*Run, *reasoning.Answer, error) {
	r, err := s.Run(id)
	if err != nil {
		return nil, nil, err
	}
	a := r.Answer()
	if a == nil {
		return nil, nil, fmt.Errorf("%w: run %s has no answer", ErrNotFound, id)
	}
	return r, a, nil
}

// follow fills in the earlier question that a follow-up names by its run.
func (s *Service) follow(q *reasoning.Question) error {
	if q.After == "" || q.Previous != nil {
		return nil
	}
	r, a, err := s.finished(q.After)
	if err != nil {
		return err
	}
	q.Previous = a.AsPrevious(r.asked)
	return nil
}

// Choices returns the k likeliest names at a place (UTF-16 offset) of the query
// of a run, on the state that the run read if it is still kept, else on the
// newest.
func (s *Service) Choices(ctx context.Context, run string, from, k int) (*reasoning.Choices, error) {
	r, a, err := s.finished(run)
	if err != nil {
		return nil, err
	}
	c, ok := s.opt.Answerer.(chooser)
	if !ok {
		return nil, fmtFeatureOff("choices")
	}
	release, err := s.admit(ctx, s.asking)
	if err != nil {
		return nil, err
	}
	defer release()
	snap, err := s.snapshotAt(fmt.Sprint(a.Snapshot))
	if errors.Is(err, ErrNotFound) {
		snap, err = s.opt.Store.Snapshot()
	}
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	out, err := c.Choices(ctx, snap, r.asked, from, k)
	if err == nil && out == nil {
		err = fmt.Errorf("%w: nothing was chosen at offset %d of the query", ErrNotFound, from)
	}
	return out, err
}

// Ways to compare an answer with another state.
const (
	SameQuery = "query" // the same query (default)
	Afresh    = "ask"   // ask again
)

// AnswerDiff compares the rows of an answer with those on another state.
type AnswerDiff struct {
	Run     string            `json:"run"`
	Mode    string            `json:"mode"`
	From    string            `json:"from"` // snapshot ids
	To      string            `json:"to"`
	Vars    []string          `json:"vars"`
	Added   []map[string]Term `json:"added"`
	Removed []map[string]Term `json:"removed"`
	Same    int               `json:"same"`
	SPARQL  string            `json:"sparql"` // run on To
	Status  string            `json:"status"` // of the answer on To
	Reason  string            `json:"reason,omitempty"`
}

// Diff answers a run's question on another state and compares the rows.
func (s *Service) Diff(ctx context.Context, run, to, mode string) (*AnswerDiff, error) {
	r, a, err := s.finished(run)
	if err != nil {
		return nil, err
	}
	snap, err := s.snapshotAt(to)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	d := &AnswerDiff{Run: run, Mode: SameQuery, From: fmt.Sprintf("s%d", a.Snapshot), To: fmt.Sprintf("s%d", snap.Version()), SPARQL: a.SPARQL, Status: a.Status}
	var after []row
	switch mode {
	case "", SameQuery, "same query":
		if a.SPARQL == "" {
			return nil, NewProblem("bad-parameter", "the run has no query: compare with mode=ask")
		}
		if after, d.Vars, err = s.rowsOf(ctx, snap, a.SPARQL); err != nil {
			return nil, err
		}
	case Afresh, "ask afresh":
		d.Mode = Afresh
		release, err := s.admit(ctx, s.asking)
		if err != nil {
			return nil, err
		}
		defer release()
		q := r.asked
		q.Run = ""
		now, err := s.opt.Answerer.Answer(ctx, snap, q, nil)
		if err != nil {
			return nil, err
		}
		d.SPARQL, d.Status, d.Reason = now.SPARQL, now.Status, now.Reason
		if now.Status == "answered" {
			if after, d.Vars, err = s.rowsOf(ctx, snap, now.SPARQL); err != nil {
				return nil, err
			}
		}
	default:
		return nil, NewProblem("bad-parameter", fmt.Sprintf("mode %q: want %s or %s", mode, SameQuery, Afresh))
	}
	before, err := s.rowsBefore(ctx, a)
	if err != nil {
		return nil, err
	}
	d.compare(before, after)
	return d, nil
}

// row is a row with a key to compare by.
type row struct {
	key   string
	terms map[string]Term
}

// rowsBefore are the rows of an answer: those of its query on its state if that
// is kept, else the values that were given.
func (s *Service) rowsBefore(ctx context.Context, a *reasoning.Answer) ([]row, error) {
	if a.Status != "answered" {
		return nil, nil
	}
	old, err := s.snapshotAt(fmt.Sprint(a.Snapshot))
	if err == nil {
		defer old.Close()
		rows, _, err := s.rowsOf(ctx, old, a.SPARQL)
		return rows, err
	}
	var out []row
	for _, v := range a.Answers {
		t := v.Term()
		out = append(out, row{key: t.String() + "\x00", terms: map[string]Term{"x": NewTerm(t, v.Label)}})
	}
	return out, nil
}

// maxDiff bounds the rows of a comparison.
const maxDiff = 10_000

// rowsOf runs a query.
func (s *Service) rowsOf(ctx context.Context, snap kg.Snapshot, query string) ([]row, []string, error) {
	p, err := s.opt.Engine.Prepare(query, "")
	if err != nil {
		return nil, nil, err
	}
	limits := s.opt.Limits
	limits.MaxRows = maxDiff
	res, err := p.Run(ctx, snap, limits)
	if err != nil {
		return nil, nil, err
	}
	defer res.Close()
	if res.Form == sparql.Ask {
		t := kg.NewTyped(fmt.Sprint(res.Boolean), kg.XSD+"boolean")
		return []row{{key: t.String(), terms: map[string]Term{"boolean": NewTerm(t, "")}}}, []string{"boolean"}, nil
	}
	var out []row
	for terms, err := range res.Rows() {
		if err != nil {
			return nil, nil, err
		}
		r := row{terms: map[string]Term{}}
		for i, t := range terms {
			r.key += t.String() + "\x00"
			if t.Kind != kg.None {
				r.terms[res.Vars[i]] = NewTerm(t, "")
			}
		}
		out = append(out, r)
	}
	return out, slices.Clone(res.Vars), nil
}

func (d *AnswerDiff) compare(before, after []row) {
	d.Added, d.Removed = []map[string]Term{}, []map[string]Term{}
	left := map[string]int{}
	for _, r := range before {
		left[r.key]++
	}
	for _, r := range after {
		if left[r.key] > 0 {
			left[r.key]--
			d.Same++
			continue
		}
		d.Added = append(d.Added, r.terms)
	}
	for _, r := range before {
		if left[r.key] > 0 {
			left[r.key]--
			d.Removed = append(d.Removed, r.terms)
		}
	}
}

// Feedback is what somebody says about an answer.
type Feedback struct {
	Run      string    `json:"run"`
	Time     time.Time `json:"time"`
	Verdict  string    `json:"verdict"`        // right or wrong
	Kind     string    `json:"kind,omitempty"` // of a wrong one
	Note     string    `json:"note,omitempty"`
	Question string    `json:"question"`
	SPARQL   string    `json:"sparql,omitempty"`
	Status   string    `json:"status"`
	// Names are the things that words of the question were taken for.
	Names []Named `json:"names,omitempty"`
}

// Named are words and the thing that they were taken for.
type Named struct {
	Words string `json:"words"`
	IRI   string `json:"iri"`
}

// FeedbackKinds are the ways in which an answer can be wrong.
var FeedbackKinds = []string{"thing", "measure", "period", "source", "should-refuse", "should-answer"}

// weights of feedback in what is learned about names.
const (
	confirmed = 1
	denied    = -1 // of a wrong thing
)

// GiveFeedback records what somebody says about a run. What the words of a
// confirmed question named is proposed first from then on, and no longer what
// was the wrong thing; nothing else learns by itself.
func (s *Service) GiveFeedback(run string, f Feedback) error {
	r, a, err := s.finished(run)
	if err != nil {
		return err
	}
	f.Kind = strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(f.Kind), " ", "-"), "wrong-")
	switch {
	case f.Verdict != "right" && f.Verdict != "wrong":
		return NewProblem("bad-parameter", fmt.Sprintf("verdict %q: want right or wrong", f.Verdict))
	case f.Kind != "" && !slices.Contains(FeedbackKinds, f.Kind):
		return NewProblem("bad-parameter", fmt.Sprintf("kind %q: want one of %s", f.Kind, strings.Join(FeedbackKinds, ", ")))
	case len(f.Note) > MaxQuestion:
		return NewProblem("too-large", fmt.Sprintf("a note has at most %d bytes", MaxQuestion))
	}
	f.Run, f.Question, f.SPARQL, f.Status, f.Time = run, r.Question, a.SPARQL, a.Status, time.Now().UTC()
	for _, n := range a.Named {
		f.Names = append(f.Names, Named{n.Words, n.IRI})
	}
	s.feedback.mu.Lock()
	defer s.feedback.mu.Unlock()
	if s.opt.FeedbackFile != "" {
		if err := appendLine(s.opt.FeedbackFile, f); err != nil {
			return fmt.Errorf("feedback: %w", err)
		}
	}
	s.feedback.all = append(s.feedback.all, f)
	if n := len(s.feedback.all); n > keptFeedback {
		s.feedback.all = slices.Clone(s.feedback.all[n-keptFeedback:])
	}
	s.learn(f)
	return nil
}

// learn passes on what a feedback says about names.
func (s *Service) learn(f Feedback) {
	l, ok := s.opt.Answerer.(learner)
	if !ok {
		return
	}
	w := 0.0
	switch {
	case f.Verdict == "right":
		w = confirmed
	case f.Kind == "thing":
		w = denied
	}
	for _, n := range f.Names {
		l.Learn(n.Words, n.IRI, w)
	}
}

// keptFeedback bounds what is kept in memory; the file keeps all.
const keptFeedback = 10_000

// Feedback returns what was said about answers, the newest first.
func (s *Service) Feedback() []Feedback {
	s.feedback.mu.Lock()
	defer s.feedback.mu.Unlock()
	out := slices.Clone(s.feedback.all)
	slices.Reverse(out)
	return out
}

func appendLine(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(append(b, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// loadFeedback reads the feedback of earlier runs of the service and learns
// from it. A line that was cut off is skipped.
func (s *Service) loadFeedback() error {
	if s.opt.FeedbackFile == "" {
		return nil
	}
	f, err := os.Open(s.opt.FeedbackFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("feedback: %w", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		var x Feedback
		if err := json.Unmarshal(sc.Bytes(), &x); err != nil {
			s.opt.Logger.Warn("feedback line skipped", "file", s.opt.FeedbackFile, "line", n, "err", err)
			continue
		}
		s.feedback.all = append(s.feedback.all, x)
		s.learn(x)
	}
	return sc.Err()
}
