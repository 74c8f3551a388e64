package sparqltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
	"github.com/quaestor-kg/quaestor/kg/rdf/rdftest"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/results"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// Result is the outcome of one test. A test that neither passed nor was
// skipped failed.
type Result struct {
	Pass, Skip bool
	Reason     string // why it was skipped or failed, in a few words
	Detail     string // expected and found, or the error; may be many lines
}

// perTest bounds the time of one test: all of them are tiny.
const perTest = 20 * time.Second

// Run runs one test on stores that newStore makes, which are closed again. A
// panic of the engine fails the test.
func Run(ctx context.Context, t Test, newStore func() (kg.Store, error)) Result {
	return RunWith(ctx, t, newStore, sparql.Options{})
}

// RunWith is Run with options for the engine.
func RunWith(ctx context.Context, t Test, newStore func() (kg.Store, error), opt sparql.Options) (res Result) {
	if t.Skip != "" {
		return Result{Skip: true, Reason: t.Skip}
	}
	defer func() {
		if p := recover(); p != nil {
			res = Result{Reason: "panic", Detail: fmt.Sprintf("%v\n%s", p, debug.Stack())}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, perTest)
	defer cancel()
	text, err := os.ReadFile(t.Text)
	if err != nil {
		return failed("file is missing", err)
	}
	r := &runner{ctx: ctx, t: t, engine: sparql.New(opt), text: string(text), base: rdftest.FileIRI(t.Text)}
	switch t.Type {
	case "PositiveSyntaxTest", "PositiveSyntaxTest11", "PositiveUpdateSyntaxTest", "PositiveUpdateSyntaxTest11":
		return r.positive()
	case "NegativeSyntaxTest", "NegativeSyntaxTest11", "NegativeUpdateSyntaxTest", "NegativeUpdateSyntaxTest11":
		if _, err := r.parse(r.text); err == nil {
			return Result{Reason: "accepted", Detail: r.text}
		}
		return Result{Pass: true}
	case "QueryEvaluationTest", "CSVResultFormatTest", "UpdateEvaluationTest":
		st, err := newStore()
		if err != nil {
			return failed("cannot open a store", err)
		}
		defer st.Close()
		r.store = st
		if t.Type == "UpdateEvaluationTest" {
			return r.update()
		}
		return r.query()
	}
	return Result{Skip: true, Reason: "unknown type of test " + t.Type}
}

func failed(reason string, err error) Result { return Result{Reason: reason, Detail: err.Error()} }

type runner struct {
	ctx        context.Context
	t          Test
	engine     *sparql.Engine
	text, base string
	store      kg.Store
}

// tree is what both kinds of text parse to.
type tree interface{ String() string }

func (r *runner) parse(text string) (tree, error) {
	if strings.Contains(r.t.Type, "Update") {
		return syntax.ParseUpdate(text, r.base)
	}
	return syntax.ParseQuery(text, r.base)
}

// positive checks that a text parses, and that what it prints as parses to an
// equal tree.
func (r *runner) positive() Result {
	a, err := r.parse(r.text)
	if err != nil {
		return failed("refused", err)
	}
	printed := a.String()
	b, err := r.parse(printed)
	if err != nil {
		return Result{Reason: "printed form is refused", Detail: err.Error() + "\n" + printed}
	}
	if !syntax.Equal(a, b) {
		return Result{Reason: "printed form parses to another tree", Detail: printed + "\nthen\n" + b.String()}
	}
	return Result{Pass: true}
}

func quadSeq(quads []kg.TermQuad) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		for _, q := range quads {
			if !yield(q, nil) {
				return
			}
		}
	}
}

func (r *runner) load(files []GraphFile) error {
	quads, err := readFiles(files)
	if err != nil {
		return err
	}
	_, err = r.store.Load(r.ctx, quadSeq(quads))
	return err
}

func (r *runner) query() Result {
	q, err := syntax.ParseQuery(r.text, r.base)
	if err != nil {
		return failed("query is refused", err)
	}
	files := r.t.Data
	if len(q.Dataset) > 0 {
		// The query names its dataset: the files are graphs of their own.
		files = nil
		loaded := map[string]bool{}
		for _, s := range q.Dataset {
			path, err := rdftest.PathOf(s.IRI)
			if err != nil {
				return failed("dataset", err)
			}
			if !loaded[s.IRI] {
				files = append(files, GraphFile{s.IRI, path})
			}
			loaded[s.IRI] = true
		}
	}
	if err := r.load(files); err != nil {
		return failed("cannot load the data", err)
	}
	want, err := ReadExpected(r.t.Result)
	if err != nil {
		return failed("cannot read the expected result", err)
	}
	got, err := Evaluate(r.ctx, r.engine, r.store, r.text, r.base)
	if err != nil {
		return failed("error", err)
	}
	return r.compare(q, want, got)
}

// Outcome is the whole result of a query.
type Outcome struct {
	Form    sparql.Form
	Boolean bool
	Table   Table
	Graph   []kg.TermQuad
}

// Evaluate runs a query to its end on the newest snapshot.
func Evaluate(ctx context.Context, e *sparql.Engine, st kg.Store, text, base string) (*Outcome, error) {
	p, err := e.Prepare(text, base)
	if err != nil {
		return nil, err
	}
	snap, err := st.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	res, err := p.Run(ctx, snap, sparql.Limits{})
	if err != nil {
		return nil, err
	}
	defer res.Close()
	return drain(res, -1)
}

// drain reads a result to its end; more than limit rows, if that is not
// negative, are ErrTooLarge.
func drain(res *sparql.Result, limit int) (*Outcome, error) {
	o := &Outcome{Form: res.Form, Boolean: res.Boolean}
	switch res.Form {
	case sparql.Select:
		o.Table.Vars = res.Vars
		for row, err := range res.Rows() {
			if err != nil {
				return nil, err
			}
			if len(o.Table.Rows) == limit {
				return nil, ErrTooLarge
			}
			o.Table.Rows = append(o.Table.Rows, append([]kg.Term(nil), row...))
		}
	case sparql.Construct, sparql.Describe:
		for q, err := range res.Quads() {
			if err != nil {
				return nil, err
			}
			if len(o.Graph) == limit {
				return nil, ErrTooLarge
			}
			o.Graph = append(o.Graph, q)
		}
	}
	return o, nil
}

func (r *runner) compare(q *syntax.Query, want *Expected, got *Outcome) Result {
	switch {
	case want.Boolean != nil:
		if got.Form != sparql.Ask || got.Boolean != *want.Boolean {
			return Result{Reason: "wrong answer", Detail: fmt.Sprintf("expected %t, found %t", *want.Boolean, got.Boolean)}
		}
		return Result{Pass: true}
	case want.IsGraph:
		return sameQuads(want.Graph, got.Graph)
	}
	w, g := Table{want.Vars, want.Rows}, got.Table
	if want.Lossy {
		var err error
		if g, err = throughCSV(g); err != nil {
			return failed("CSV", err)
		}
	}
	if q.Reduced {
		return r.reduced(q, w, g)
	}
	ordered := want.Ordered && len(q.OrderBy) > 0
	if SameRows(w, g, ordered) {
		return Result{Pass: true}
	}
	if SameRows(w.Canonical(), g.Canonical(), ordered) {
		return Result{Pass: true, Detail: "spelled differently"}
	}
	reason := "wrong rows"
	if ordered && SameRows(w.Canonical(), g.Canonical(), false) {
		reason = "wrong order"
	}
	return Result{Reason: reason, Detail: "expected " + w.String() + "found " + g.String()}
}

// reduced accepts any number of repetitions between one and that of the full
// result (SPARQL 1.1, section 15.3.2).
func (r *runner) reduced(q *syntax.Query, want, got Table) Result {
	full := *q
	full.Reduced = false
	all, err := Evaluate(r.ctx, r.engine, r.store, full.String(), "")
	if err != nil {
		return failed("error without REDUCED", err)
	}
	w, _ := want.distinct()
	g, counts := got.distinct()
	_, most := all.Table.distinct()
	for row, n := range counts {
		if n > most[row] {
			return Result{Reason: "row too often", Detail: fmt.Sprintf("%s: %d times, %d in the full result", row, n, most[row])}
		}
	}
	if !SameRows(w, g, false) {
		return Result{Reason: "wrong rows", Detail: "expected " + w.String() + "found " + g.String()}
	}
	return Result{Pass: true}
}

// throughCSV reduces a table to what CSV keeps.
func throughCSV(t Table) (Table, error) {
	var b bytes.Buffer
	err := results.WriteRows(&b, results.CSV, t.Vars, func(yield func([]kg.Term, error) bool) {
		for _, row := range t.Rows {
			if !yield(row, nil) {
				return
			}
		}
	})
	if err != nil {
		return Table{}, err
	}
	d, err := results.Read(&b, results.CSV)
	if err != nil {
		return Table{}, err
	}
	return Table{d.Vars, d.Rows}, nil
}

func sameQuads(want, got []kg.TermQuad) Result {
	if iso.Equal(want, got) {
		return Result{Pass: true}
	}
	if iso.Equal(canonicalQuads(want), canonicalQuads(got)) {
		return Result{Pass: true, Detail: "spelled differently"}
	}
	return Result{Reason: "wrong graph", Detail: "expected\n" + quadsText(want) + "found\n" + quadsText(got)}
}

func (r *runner) update() Result {
	if err := r.load(r.t.Data); err != nil {
		return failed("cannot load the data", err)
	}
	want, err := readFiles(r.t.After)
	if err != nil {
		return failed("cannot read the expected dataset", err)
	}
	if _, err := r.engine.Update(r.ctx, r.store, r.text, r.base, sparql.Limits{}); err != nil {
		return failed("error", err)
	}
	got, err := Dump(r.ctx, r.store)
	if err != nil {
		return failed("cannot read the store", err)
	}
	return sameQuads(want, got)
}

// Dump returns all quads of a store.
func Dump(ctx context.Context, st kg.Store) (quads []kg.TermQuad, err error) {
	snap, err := st.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	c := snap.Scan(ctx, kg.Pattern{}, kg.SPO)
	defer func() { err = errors.Join(err, c.Close()) }()
	for c.Next() {
		q := c.Quad()
		var t [4]kg.Term
		for i, id := range [4]kg.ID{q.S, q.P, q.O, q.G} {
			if t[i], err = snap.Term(id); err != nil {
				return nil, err
			}
		}
		quads = append(quads, kg.TermQuad{S: t[0], P: t[1], O: t[2], G: t[3]})
	}
	return quads, c.Err()
}

// ShortName is a readable name: the suite and the last part of the IRI.
func (t Test) ShortName() string {
	_, name, ok := strings.Cut(t.ID, "#")
	if !ok {
		name = filepath.Base(t.ID)
	}
	return t.Suite + "/" + name
}
