package infer

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// Options of an inference. Zero values mean the defaults in brackets.
type Options struct {
	Limit int     // answers [10]
	Min   float64 // least probability [0.1]
	Beam  int     // candidates of a hop [64]
	Base  string  // of the query's relative IRIs
	// Limits bound the queries for what is stated and for filters; none if zero.
	Limits sparql.Limits
}

func (o *Options) defaults() {
	if o.Limit == 0 {
		o.Limit = 10
	}
	if o.Min == 0 {
		o.Min = 0.1
	}
	if o.Beam == 0 {
		o.Beam = 64
	}
}

// Link is one link that an answer rests on.
type Link struct {
	S, P, O kg.Term
	// Stated links are in the graph; others are inferred. Negated ones must not
	// hold.
	Stated, Negated bool
	Probability     float64
}

// Row is an inferred answer.
type Row struct {
	// Terms has the projected variables, in order; a None term is unbound.
	Terms []kg.Term
	// Probability that the row holds, from 0 to 1; a score of no known meaning
	// if the model is not calibrated.
	Probability float64
	// Links lead from the things named in the query to the answer.
	Links []Link
}

// Result is what was inferred for a query.
type Result struct {
	Vars []string
	// Stated are the rows that the graph states; they are no part of Rows.
	Stated [][]kg.Term
	Rows   []Row
	// Ask tells that the query was an ASK query; then Boolean says whether the
	// graph states it, and a row has no terms.
	Ask        bool
	Boolean    bool
	Calibrated bool
	Took       time.Duration
}

// Query answers a SELECT or ASK query: first by what the graph states, then by
// what is likely. A query that cannot be taken apart is a *ShapeError, a syntax
// error a *syntax.Error.
func (m *Model) Query(ctx context.Context, s kg.Snapshot, text string, o Options) (*Result, error) {
	begin := time.Now()
	o.defaults()
	x, err := m.session(ctx, s)
	if err != nil {
		return nil, err
	}
	x.limits = o.Limits
	pl, err := x.prepare(text, o.Base)
	if err != nil {
		return nil, err
	}
	out := &Result{Vars: pl.vars, Ask: pl.ask, Calibrated: m.calibration() != nil}
	stated, err := x.stated(out, text, o.Base, pl)
	if err != nil {
		return nil, err
	}
	if pl.limit >= 0 {
		o.Limit = min(o.Limit, int(pl.limit))
	}
	if pl.ask && out.Boolean {
		out.Took = time.Since(begin)
		return out, nil
	}
	atoms, err := x.atoms()
	if err != nil {
		return nil, err
	}
	e := &cqd.Evaluator{Atoms: atoms, Options: cqd.Options{Beam: o.Beam}}
	r, err := e.Eval(ctx, pl.query)
	if err == nil {
		err = x.err
	}
	if err != nil {
		return nil, err
	}
	hits := embed.TopK(r.Truth, o.Limit, func(n int32) bool {
		return stated[n] || r.Truth[n] < float32(math.Log(o.Min)) || x.id(n) == kg.Any
	})
	for _, h := range hits {
		row, err := x.row(pl, r, h.Entity)
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, row)
	}
	if err := x.fetch(pl, out.Rows); err != nil {
		return nil, err
	}
	out.Took = time.Since(begin)
	return out, x.err
}

// stated runs the query as it is and returns the answers that need no
// inference.
func (x *session) stated(out *Result, text, base string, pl *plan) (map[int32]bool, error) {
	q, err := x.m.engine.Prepare(text, base)
	if err != nil {
		return nil, err
	}
	set := map[int32]bool{}
	if pl.ask {
		res, err := q.Run(x.ctx, x.snap, x.limits)
		if err != nil {
			return nil, err
		}
		defer res.Close()
		out.Boolean = res.Boolean
		return set, nil
	}
	if out.Stated, err = x.rows(q); err != nil {
		return nil, err
	}
	at := slices.Index(pl.vars, pl.root.name)
	for _, row := range out.Stated {
		id, ok, err := x.snap.Lookup(row[at])
		if err != nil {
			return nil, err
		}
		if n, known := x.lookup(id); ok && known {
			set[n] = true
		}
	}
	return set, nil
}

// maxRows bounds the rows of a step.
const maxRows = 1_000_000

// rows collects the rows of a query.
func (x *session) rows(q *sparql.Prepared) ([][]kg.Term, error) {
	res, err := q.Run(x.ctx, x.snap, x.limits)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	var out [][]kg.Term
	for row, err := range res.Rows() {
		if err != nil {
			return nil, err
		}
		if len(out) == maxRows {
			return nil, errTooMany
		}
		out = append(out, slices.Clone(row))
	}
	return out, nil
}

// row turns an answer into terms and links.
func (x *session) row(pl *plan, r *cqd.Result, n int32) (Row, error) {
	proof := r.Explain(n)
	row := Row{Probability: proof.Truth, Terms: make([]kg.Term, len(pl.vars))}
	for i, v := range pl.vars {
		q, ok := pl.nodes[v]
		if !ok {
			continue
		}
		e, ok := proof.Values[q]
		if !ok {
			continue
		}
		t, err := x.term(e)
		if err != nil {
			return row, err
		}
		row.Terms[i] = t
	}
	for _, l := range proof.Links {
		link, err := x.link(l)
		if err != nil {
			return row, err
		}
		row.Links = append(row.Links, link)
	}
	return row, nil
}

// link turns a link of a proof into terms, in the direction of the graph.
func (x *session) link(l cqd.Link) (Link, error) {
	out := Link{Stated: l.Stated, Negated: l.Negated, Probability: l.Truth}
	s, r, o := l.Head, l.Relation, l.Tail
	if half := int32(len(x.rels)); r >= half {
		s, r, o = o, r-half, s
	}
	var err error
	if s >= 0 {
		if out.S, err = x.term(s); err != nil {
			return out, err
		}
	}
	if out.P, err = x.snap.Term(x.rels[r]); err != nil {
		return out, err
	}
	if o >= 0 {
		out.O, err = x.term(o)
	}
	return out, err
}

// fetch fills in values that hang on what was found, such as labels: the first
// of each.
func (x *session) fetch(pl *plan, rows []Row) error {
	for i, c := range pl.extra {
		on := pl.on[i]
		at := slices.Index(pl.vars, on)
		if on == "" || len(rows) == 0 {
			continue
		}
		if at < 0 {
			return shapeError(syntax.Pos{}, "%s hangs on ?%s, which has to be a column, too", c.text, on)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "SELECT ?%s", on)
		var wanted []string
		for _, v := range c.vars {
			if v != on && slices.Contains(pl.vars, v) {
				wanted = append(wanted, v)
				fmt.Fprintf(&b, " ?%s", v)
			}
		}
		fmt.Fprintf(&b, " WHERE { VALUES ?%s {", on)
		for _, r := range rows {
			if r.Terms[at].Kind == kg.IRI {
				b.WriteString(" " + r.Terms[at].String())
			}
		}
		b.WriteString(" } " + c.text + " }")
		found, err := x.run(b.String())
		if err != nil {
			return err
		}
		for _, f := range found {
			for j := range rows {
				if !rows[j].Terms[at].Equal(f[0]) {
					continue
				}
				for k, v := range wanted {
					if slot := &rows[j].Terms[slices.Index(pl.vars, v)]; slot.Kind == kg.None {
						*slot = f[k+1]
					}
				}
			}
		}
	}
	return nil
}
