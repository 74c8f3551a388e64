package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/infer"
	"github.com/quaestor-kg/quaestor/sparql"
)

// InferRequest asks for what a query's graph does not state but makes likely.
type InferRequest struct {
	ID      string // for cancelling; made up when empty
	Text    string
	Base    string
	Limit   int     // inferred rows; 0: 10
	Min     float64 // least probability; 0: 0.1
	Timeout time.Duration
}

// MaxInferred bounds the inferred rows of a request.
const MaxInferred = 1000

// inference is the model, or the reason that there is none.
func (s *Service) inference() (*infer.Model, error) {
	if s.opt.Inference == nil {
		return nil, fmtFeatureOff("inferred answers: this store has no link predictor (make one with train link and train queries)")
	}
	return s.opt.Inference, nil
}

// Infer answers a query by what the graph states and, kept apart, by what is
// likely. use gets the snapshot that both are true of.
func (s *Service) Infer(ctx context.Context, r InferRequest, use func(*infer.Result, kg.Snapshot) error) (err error) {
	m, err := s.inference()
	if err != nil {
		return err
	}
	release, err := s.admit(ctx, s.slots)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, s.limits(r.Timeout, 0).Timeout)
	defer cancel()
	if r.ID == "" {
		r.ID = NewID()
	}
	rows := 0
	e := s.queries.start(r.ID, "infer", r.Text, cancel)
	defer func() { s.queries.end(e, int64(rows), err) }()
	return s.withSnapshot(func(snap kg.Snapshot) error {
		res, err := m.Query(ctx, snap, r.Text, infer.Options{Limit: r.Limit, Min: r.Min, Base: r.Base, Limits: s.limits(r.Timeout, 0)})
		if err != nil {
			return inferProblem(err)
		}
		rows = len(res.Rows)
		return use(res, snap)
	})
}

// inferProblem classifies errors that only inference has.
func inferProblem(err error) error {
	var shape *infer.ShapeError
	var foreign *embed.GraphError
	switch {
	case errors.As(err, &shape):
		p := NewProblem("not-inferable", shape.Msg)
		if shape.Pos.Line > 0 {
			p.Position = &Position{shape.Pos.Line, shape.Pos.Col, shape.Pos.Offset}
		}
		return p
	case errors.As(err, &foreign):
		return NewProblem("feature-off", foreign.Error())
	}
	return err
}

// Columns that mark inferred rows in a table.
const (
	InferredColumn    = "_inferred"
	ProbabilityColumn = "_probability"
	WitnessColumn     = "_witness"
)

// InferredTable is a result as one table: the stated rows first, then the
// inferred ones, told apart by three further columns.
func InferredTable(r *infer.Result) (vars []string, rows [][]kg.Term) {
	vars = append(append(vars, r.Vars...), InferredColumn, ProbabilityColumn, WitnessColumn)
	yes, no := kg.NewTyped("true", kg.XSD+"boolean"), kg.NewTyped("false", kg.XSD+"boolean")
	for _, row := range r.Stated {
		rows = append(rows, append(append([]kg.Term{}, row...), no, kg.Term{}, kg.Term{}))
	}
	if r.Ask && r.Boolean {
		rows = append(rows, []kg.Term{no, {}, {}})
	}
	for _, row := range r.Rows {
		p := kg.Term{}
		if r.Calibrated {
			p = kg.NewTyped(fmt.Sprintf("%.4f", row.Probability), kg.XSD+"decimal")
		}
		rows = append(rows, append(append([]kg.Term{}, row.Terms...), yes, p, kg.NewString(Witness(row.Links))))
	}
	return vars, rows
}

// Witness writes links in N-Triples with what they are: stated, inferred with a
// probability, or asked not to hold.
func Witness(links []infer.Link) string {
	var b strings.Builder
	for i, l := range links {
		if i > 0 {
			b.WriteByte('\n')
		}
		end := func(t kg.Term) string {
			if t.Kind == kg.None {
				return "[]"
			}
			return t.String()
		}
		fmt.Fprintf(&b, "%s %s %s . # ", end(l.S), end(l.P), end(l.O))
		switch {
		case l.Negated:
			fmt.Fprintf(&b, "must not hold, %.4f", l.Probability)
		case l.Stated:
			b.WriteString("stated")
		default:
			fmt.Fprintf(&b, "inferred, %.4f", l.Probability)
		}
	}
	return b.String()
}

// InferredLink is a link as JSON.
type InferredLink struct {
	S           Term     `json:"s"`
	P           Term     `json:"p"`
	O           Term     `json:"o"`
	Kind        string   `json:"kind"` // stated or inferred
	Negated     bool     `json:"negated,omitempty"`
	Probability *float64 `json:"probability,omitempty"` // of inferred ones, if calibrated
}

// InferredRow is an inferred row as JSON.
type InferredRow struct {
	Vars        []string        `json:"-"`
	Terms       map[string]Term `json:"terms"`
	Kind        string          `json:"kind"` // inferred
	Probability *float64        `json:"probability,omitempty"`
	Meaning     string          `json:"meaning,omitempty"`
	Links       []InferredLink  `json:"links"`
}

// Likely is what is likely and not stated about an entity.
type Likely struct {
	IRI   string       `json:"iri"`
	Items []LikelyItem `json:"items"`
	Model infer.Info   `json:"model"`
	// New: the entity came after training; it is known by its statements alone.
	New bool `json:"new,omitempty"`
	// Sigma is the spread the model assigns to the entity; nil if it has none.
	Sigma   *float64 `json:"sigma,omitempty"`
	Version uint64   `json:"-"`
}

// LikelyItem is one likely link and why.
type LikelyItem struct {
	InferredLink
	Meaning string   `json:"meaning,omitempty"`
	Reasons []Reason `json:"reasons"`
}

// Reason is stated support of a likely link.
type Reason struct {
	Kind  string         `json:"kind"` // alike or path
	Like  float64        `json:"like,omitempty"`
	Links []InferredLink `json:"links"`
}

// Likely lists what is likely about an entity.
func (s *Service) Likely(ctx context.Context, iri string, k int, min float64) (*Likely, error) {
	m, err := s.inference()
	if err != nil {
		return nil, err
	}
	release, err := s.admit(ctx, s.slots)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, s.opt.Limits.Timeout)
	defer cancel()
	out := &Likely{IRI: iri, Items: []LikelyItem{}, Model: m.Info()}
	err = s.withSnapshot(func(snap kg.Snapshot) error {
		d, err := s.inferDescriber(ctx, snap)
		if err != nil {
			return err
		}
		l, err := m.Entity(ctx, snap, parseNode(iri), infer.Options{Limit: k, Min: min})
		if err != nil {
			return inferProblem(err)
		}
		out.Version, out.New = snap.Version(), l.New
		if l.Sigma > 0 {
			out.Sigma = &l.Sigma
		}
		for _, p := range l.Predictions {
			item := LikelyItem{Reasons: []Reason{}}
			if item.InferredLink, err = d.link(p.Link, l.Calibrated); err != nil {
				return err
			}
			if l.Calibrated {
				item.Meaning = m.Meaning(p.Probability)
			}
			for _, r := range p.Reasons {
				reason := Reason{Kind: r.Kind, Like: r.Like}
				for _, x := range r.Links {
					link, err := d.link(x, l.Calibrated)
					if err != nil {
						return err
					}
					reason.Links = append(reason.Links, link)
				}
				item.Reasons = append(item.Reasons, reason)
			}
			out.Items = append(out.Items, item)
		}
		return nil
	})
	return out, err
}

// InferredRows runs Infer and describes the rows.
func (s *Service) InferredRows(ctx context.Context, r InferRequest) (rows []InferredRow, stated int, version uint64, err error) {
	rows = []InferredRow{}
	err = s.Infer(ctx, r, func(res *infer.Result, snap kg.Snapshot) error {
		d, err := s.inferDescriber(ctx, snap)
		if err != nil {
			return err
		}
		version, stated = snap.Version(), len(res.Stated)
		for _, x := range res.Rows {
			row := InferredRow{Vars: res.Vars, Terms: map[string]Term{}, Kind: "inferred", Links: []InferredLink{}}
			for i, t := range x.Terms {
				if t.Kind == kg.None {
					continue
				}
				if row.Terms[res.Vars[i]], err = d.named(t); err != nil {
					return err
				}
			}
			if res.Calibrated {
				row.Probability = &x.Probability
				row.Meaning = s.opt.Inference.Meaning(x.Probability)
			}
			for _, l := range x.Links {
				link, err := d.link(l, res.Calibrated)
				if err != nil {
					return err
				}
				row.Links = append(row.Links, link)
			}
			rows = append(rows, row)
		}
		return nil
	})
	return rows, stated, version, err
}

func (s *Service) inferDescriber(ctx context.Context, snap kg.Snapshot) (describer, error) {
	view, err := s.View(ctx, snap)
	return describer{snap, view}, err
}

// named is a term with its label.
func (d describer) named(t kg.Term) (Term, error) {
	id, ok, err := d.snap.Lookup(t)
	if err != nil || !ok {
		return NewTerm(t, ""), err
	}
	return NewTerm(t, d.label(id, t)), nil
}

func (d describer) link(l infer.Link, calibrated bool) (out InferredLink, err error) {
	out.Kind, out.Negated = "inferred", l.Negated
	if l.Stated {
		out.Kind = "stated"
	} else if calibrated {
		out.Probability = &l.Probability
	}
	for _, x := range []struct {
		to *Term
		t  kg.Term
	}{{&out.S, l.S}, {&out.P, l.P}, {&out.O, l.O}} {
		if *x.to, err = d.named(x.t); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Similar is an entity like another.
type Similar struct {
	Term Term    `json:"term"`
	Like float64 `json:"like"` // cosine of the vectors
}

// Similar lists entities like one, optionally only those that the SPARQL
// pattern where accepts: it says what must hold of ?x.
func (s *Service) Similar(ctx context.Context, iri, where string, k int) ([]Similar, error) {
	m, err := s.inference()
	if err != nil {
		return nil, err
	}
	release, err := s.admit(ctx, s.slots)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, s.opt.Limits.Timeout)
	defer cancel()
	out := []Similar{}
	err = s.withSnapshot(func(snap kg.Snapshot) error {
		var keep func(kg.ID) bool
		if where != "" {
			allowed, err := s.satisfying(ctx, snap, where)
			if err != nil {
				return err
			}
			keep = func(id kg.ID) bool { return allowed[id] }
		}
		hits, err := m.Similar(ctx, snap, parseNode(iri), k, keep)
		if err != nil {
			return inferProblem(err)
		}
		d, err := s.inferDescriber(ctx, snap)
		if err != nil {
			return err
		}
		for _, h := range hits {
			t, err := d.term(h.ID)
			if err != nil {
				return err
			}
			out = append(out, Similar{t, h.Score})
		}
		return nil
	})
	return out, err
}

// satisfying returns the ids that a pattern allows for ?x.
func (s *Service) satisfying(ctx context.Context, snap kg.Snapshot, where string) (map[kg.ID]bool, error) {
	q, err := s.opt.Engine.Prepare("SELECT DISTINCT ?x WHERE { "+where+"\n}", "")
	if err != nil {
		return nil, err
	}
	res, err := q.Run(ctx, snap, s.opt.Limits, sparql.Dataset{})
	if err != nil {
		return nil, err
	}
	defer res.Close()
	allowed := map[kg.ID]bool{}
	for row, err := range res.Rows() {
		if err != nil {
			return nil, err
		}
		id, ok, err := snap.Lookup(row[0])
		if err != nil {
			return nil, err
		}
		if ok {
			allowed[id] = true
		}
	}
	return allowed, nil
}
