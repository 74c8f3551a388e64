package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// Env is what one run of a query shares: snapshot, dataset, limits, terms.
// It is not safe for concurrent use.
type Env struct {
	Snap   kg.Snapshot
	Limits Limits
	Now    xsd.DateTime
	Base   string
	Terms  *Terms

	ctx     context.Context
	cancel  context.CancelFunc
	stop    func() bool
	began   time.Time
	ended   atomic.Bool // the context is done
	used    int64       // bytes held
	most    int64       // most bytes held
	dataset Dataset
	fresh   int
}

// Dataset says which graphs a query sees.
type Dataset struct {
	// Explicit: the query or the protocol named the graphs; else the default
	// graph is the store's and all of its named graphs can be met.
	Explicit bool
	// Union: the default graph is the union of all graphs. Ignored if Explicit.
	Union bool
	// Default are the graphs whose merge is the default graph, Named the named
	// graphs; ids sorted.
	Default, Named []kg.ID
}

// NewEnv starts the clock of a run. Close it.
func NewEnv(ctx context.Context, s kg.Snapshot, l Limits, now time.Time, base string) *Env {
	e := &Env{Snap: s, Limits: l, Now: xsd.FromTime(now), Base: base, began: time.Now()}
	if l.Timeout > 0 {
		e.ctx, e.cancel = context.WithTimeout(ctx, l.Timeout)
	} else {
		e.ctx, e.cancel = context.WithCancel(ctx)
	}
	e.stop = context.AfterFunc(e.ctx, func() { e.ended.Store(true) })
	e.Terms = newTerms(e)
	return e
}

// Close ends the run and frees its timer.
func (e *Env) Close() {
	e.stop()
	e.cancel()
}

// SetDataset names the graphs of the query. Graphs that the store does not
// have are empty.
func (e *Env) SetDataset(def, named []string) error {
	e.dataset = Dataset{Explicit: true}
	ids := func(iris []string) (out []kg.ID, err error) {
		for _, s := range iris {
			id, ok, err := e.Snap.Lookup(kg.NewIRI(s))
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, id)
			}
		}
		slices.Sort(out)
		return slices.Compact(out), nil
	}
	var err error
	if e.dataset.Default, err = ids(def); err != nil {
		return err
	}
	e.dataset.Named, err = ids(named)
	return err
}

// SetUnion makes the default graph the union of all graphs.
func (e *Env) SetUnion() { e.dataset = Dataset{Union: true} }

// FreshVar makes a variable that the query does not have.
func (e *Env) FreshVar() string {
	e.fresh++
	return "#b" + strconv.Itoa(e.fresh)
}

// Context is cancelled when the run must end.
func (e *Env) Context() context.Context { return e.ctx }

// Check returns an error once the run must end. It is cheap: call it at least
// every few thousand steps.
func (e *Env) Check(stage string) error {
	if !e.ended.Load() {
		return nil
	}
	return e.Fault(stage, e.ctx.Err())
}

// Fault turns an error of the store or the context into the one to report.
func (e *Env) Fault(stage string, err error) error {
	if err == nil {
		return nil
	}
	var le *LimitError
	if errors.As(err, &le) {
		return err
	}
	if e.ctx.Err() != nil && errors.Is(e.ctx.Err(), context.DeadlineExceeded) && e.Limits.Timeout > 0 {
		if since := time.Since(e.began); since >= e.Limits.Timeout {
			return &LimitError{Name: "time", Used: since.Round(time.Millisecond).String(), Allowed: e.Limits.Timeout.String(), Stage: stage}
		}
	}
	if e.ctx.Err() != nil {
		return context.Cause(e.ctx)
	}
	return fmt.Errorf("sparql: %s: %w", stage, err)
}

// Grow charges bytes to the run, or frees them if n is negative.
func (e *Env) Grow(n int64, stage string) error {
	e.used += n
	if e.used > e.most {
		e.most = e.used
	}
	if m := e.Limits.MaxMemory; m > 0 && e.used > m && n > 0 {
		return &LimitError{Name: "memory", Used: bytesText(e.used), Allowed: bytesText(m), Stage: stage}
	}
	return nil
}

// Memory returns the bytes held now and at most.
func (e *Env) Memory() (now, most int64) { return e.used, e.most }

func bytesText(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// Graph selects quads by graph and says whether the same triple may come
// from several graphs.
type Graph struct {
	ID    kg.ID   // the only graph, or Any
	in    []kg.ID // sorted; nil: any
	named bool    // not the default graph
	Dedup bool    // the triple counts once
	None  bool    // nothing matches
}

// Accepts reports whether a quad of a graph is selected.
func (g *Graph) Accepts(id kg.ID) bool {
	if g.named && id == kg.DefaultGraph {
		return false
	}
	if g.in == nil {
		return true
	}
	_, ok := slices.BinarySearch(g.in, id)
	return ok
}

// Filters reports whether Accepts can be false.
func (g *Graph) Filters() bool { return g.named || g.in != nil }

// Select resolves the graph of a pattern.
func (e *Env) Select(g algebra.GraphRef) (Graph, error) {
	d := &e.dataset
	switch {
	case g.Kind == algebra.Current:
		return Graph{}, errors.New("sparql: pattern outside of its GRAPH")
	case g.Kind == algebra.Default:
		if !d.Explicit {
			if d.Union {
				return Graph{Dedup: true}, nil
			}
			return Graph{ID: kg.DefaultGraph}, nil
		}
		switch len(d.Default) {
		case 0:
			return Graph{None: true}, nil
		case 1:
			return Graph{ID: d.Default[0]}, nil
		}
		return Graph{in: d.Default, Dedup: true}, nil
	case g.Name.IsVar():
		if !d.Explicit {
			return Graph{named: true}, nil
		}
		if len(d.Named) == 0 {
			return Graph{None: true}, nil
		}
		return Graph{in: d.Named}, nil
	}
	id, err := e.Terms.Intern(g.Name.Term)
	if err != nil {
		return Graph{}, err
	}
	if d.Explicit {
		if _, ok := slices.BinarySearch(d.Named, id); !ok {
			return Graph{None: true}, nil
		}
	}
	return Graph{ID: id}, nil
}

// NamedGraphs lists the named graphs of the dataset, in order of their ids.
func (e *Env) NamedGraphs() ([]kg.ID, error) {
	if e.dataset.Explicit {
		return e.dataset.Named, nil
	}
	return StoreGraphs(e.ctx, e.Snap)
}

// StoreGraphs lists the named graphs of a snapshot.
func StoreGraphs(ctx context.Context, s kg.Snapshot) ([]kg.ID, error) {
	var out []kg.ID
	if d, ok := s.(kg.DistinctScanner); ok {
		for id := range d.Distinct(ctx, kg.GSPO) {
			if id != kg.DefaultGraph {
				out = append(out, id)
			}
		}
		return out, ctx.Err()
	}
	c := s.Scan(ctx, kg.Pattern{}, kg.GSPO)
	defer c.Close()
	last := kg.DefaultGraph
	for ok := c.Seek(kg.Quad{G: last + 1}); ok; ok = c.Seek(kg.Quad{G: last + 1}) {
		last = c.Quad().G
		out = append(out, last)
	}
	return out, c.Err()
}

// Scan reads the quads of a pattern in a graph; duplicates over several graphs
// are removed. f returns false to stop. It is the plain way to read, for
// operators that need no speed.
func (e *Env) Scan(g algebra.GraphRef, p kg.Pattern, o kg.Order, f func(kg.Quad) bool) error {
	sel, err := e.Select(g)
	if err != nil || sel.None {
		return err
	}
	if p.G == kg.Any {
		p.G = sel.ID
	} else if !sel.Accepts(p.G) || sel.ID != kg.Any && sel.ID != p.G {
		return nil
	}
	c := e.Snap.Scan(e.ctx, p, o)
	defer c.Close()
	var last kg.Quad
	for i := 0; c.Next(); i++ {
		q := c.Quad()
		if !sel.Accepts(q.G) {
			continue
		}
		if sel.Dedup && q.S == last.S && q.P == last.P && q.O == last.O {
			continue
		}
		last = q
		if !f(q) {
			return nil
		}
		if i&1023 == 0 {
			if err := e.Check("scan"); err != nil {
				return err
			}
		}
	}
	return e.Fault("scan", c.Err())
}
