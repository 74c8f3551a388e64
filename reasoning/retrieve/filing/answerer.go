// Package filing is the Answerer for questions about filings: it asks the
// retriever, verifies every cited span against the stored bytes, and says the
// result as events and as an answer. A Router decides which questions go here
// and which to the graph's own engine.
package filing

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

// Answerer answers questions about the filings of one store. It is safe for
// concurrent use.
type Answerer struct {
	opt    retrieve.Options
	keeper library.Keeper

	mu sync.Mutex
	r  *retrieve.Retriever
}

var _ reasoning.Answerer = (*Answerer)(nil)

// New returns an answerer.
func New(o retrieve.Options) *Answerer { return &Answerer{opt: o} }

// Retriever returns the retriever over a snapshot; it may be used until the
// snapshot is closed.
func (a *Answerer) Retriever(ctx context.Context, s kg.Snapshot) (*retrieve.Retriever, error) {
	l, err := a.keeper.Library(ctx, s)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.r != nil {
		if r := a.r.Over(l); r != nil {
			return r, nil
		}
	}
	a.r = retrieve.New(l, a.opt)
	return a.r, nil
}

// Answer implements reasoning.Answerer.
func (a *Answerer) Answer(ctx context.Context, s kg.Snapshot, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
	if strings.TrimSpace(q.Text) == "" {
		return nil, fmt.Errorf("%w: it is empty", reasoning.ErrQuestion)
	}
	r, err := a.Retriever(ctx, s)
	if err != nil {
		return nil, err
	}
	return answer(ctx, s, r, q, nil, emit)
}

// run is one question on its way.
type run struct {
	snap   kg.Snapshot
	r      *retrieve.Retriever
	q      reasoning.Question
	emit   func(reasoning.Event)
	begin  time.Time
	stages map[string]int64
	out    *reasoning.Answer
	res    *retrieve.Result
	files  map[string]*file
	spans  []reasoning.Span
	facts  []retrieve.Cited // rows, in order
	own    int              // how many of them the answer rests on; the others state it otherwise
	row    map[string]int   // fact IRI -> row
}

// answer says what the retriever finds. res may be given if it is known
// already.
func answer(ctx context.Context, s kg.Snapshot, r *retrieve.Retriever, q reasoning.Question, res *retrieve.Result, emit func(reasoning.Event)) (*reasoning.Answer, error) {
	if emit == nil {
		emit = func(reasoning.Event) {}
	}
	t := &run{snap: s, r: r, q: q, emit: emit, begin: time.Now(), stages: map[string]int64{}, files: map[string]*file{}, row: map[string]int{}, res: res}
	t.out = &reasoning.Answer{Answers: []reasoning.Value{}, Evidence: []reasoning.Statement{}, Alternatives: []reasoning.Alternative{}, Timings: map[string]float64{}, Snapshot: s.Version(), Model: "none: figures are looked up and computed"}
	if t.q.Run == "" {
		b := make([]byte, 8)
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
		t.q.Run = hex.EncodeToString(b)
	}
	emit(reasoning.Event{Name: "open", Data: reasoning.Open{V: 1, Run: t.q.Run, At: fmt.Sprintf("s%d", s.Version()), Question: q.Text, Lang: q.Lang}})
	if err := t.stage("link", "companies, periods and figures", func() (err error) {
		if t.res == nil {
			t.res, err = r.Answer(ctx, q.Text)
		}
		return err
	}); err != nil {
		return nil, err
	}
	t.mentions()
	t.reading()
	err := t.stage("run", "", func() error { t.rows(); return nil })
	if err == nil {
		err = t.stage("evidence", "spans are compared with the stored bytes", func() error { return t.evidence() })
	}
	if err == nil {
		err = t.stage("verify", "", func() error { t.verdict(); return nil })
	}
	if err != nil {
		return nil, err
	}
	end := reasoning.End{Outcome: t.out.Status, Ms: time.Since(t.begin).Milliseconds(), Stages: t.stages}
	for k, ms := range t.stages {
		t.out.Timings[k] = float64(ms) / 1000
	}
	t.out.Timings["total"] = time.Since(t.begin).Seconds()
	emit(reasoning.Event{Name: "end", Data: end})
	return t.out, nil
}

func (t *run) stage(name, note string, f func() error) error {
	t.emit(reasoning.Event{Name: "stage", Data: reasoning.Stage{Stage: name, State: "start", Note: note}})
	at := time.Now()
	err := f()
	ms := time.Since(at).Milliseconds()
	t.stages[name] = ms
	t.emit(reasoning.Event{Name: "stage", Data: reasoning.Stage{Stage: name, State: "end", Ms: ms}})
	return err
}

// mentions emits the companies of the question.
func (t *run) mentions() {
	for i, c := range t.res.Question.Companies {
		ev := reasoning.Mention{I: i, From: units(t.q.Text[:c.From]), To: units(t.q.Text[:c.To]), Candidates: []reasoning.Candidate{}}
		for _, k := range c.Candidates {
			ev.Candidates = append(ev.Candidates, reasoning.Candidate{IRI: k.IRI, Label: k.Short(), Class: "Company", Degree: int64(len(k.Filings)), Score: 1 / float64(len(c.Candidates))})
		}
		if len(ev.Candidates) == 1 {
			ev.Chosen = &ev.Candidates[0].IRI
		}
		t.emit(reasoning.Event{Name: "mention", Data: ev})
	}
}

// reading emits how the question was understood.
func (t *run) reading() {
	label, parts := understood(t.res)
	t.out.Understood = label
	n := int64(len(t.res.Evidence()))
	t.emit(reasoning.Event{Name: "reading", Data: reasoning.Reading{N: 1, Label: label, Parts: parts, Count: &n, Exact: true, Chosen: true}})
}

// rows emits the figures that were found, one row for each, and the query that
// finds them.
func (t *run) rows() {
	ev := reasoning.Rows{Vars: []string{"company", "figure", "period", "value", "unit", "filing", "page"}, Rows: []map[string]reasoning.Term{}, Kinds: []string{}}
	var iris []string
	var all []retrieve.Cited
	if t.res.Refusal == nil { // what only resembles the figure proves nothing
		all = t.res.Evidence()
	}
	t.own = len(all)
	if len(all) > 0 && t.res.Op != plan.Pair {
		// What a later report states instead is shown beside it.
		for _, c := range t.res.Evidence() {
			if n := len(c.Differs); n > 0 {
				d := c.Differs[n-1]
				all = append(all, retrieve.Cited{Fact: d.Fact, Filing: d.Filing, Concept: c.Concept, Asked: c.Asked, Score: c.Score})
			}
		}
	}
	for _, c := range all {
		if _, dup := t.row[c.Fact.ID]; dup {
			continue
		}
		t.row[c.Fact.ID] = len(t.facts)
		t.facts = append(t.facts, c)
		iris = append(iris, "<"+c.Fact.ID+">")
		value := reasoning.Term{Type: "literal", Value: c.Fact.Value, Label: Shown(c.Fact)}
		if c.Fact.Numeric {
			value.Datatype = kg.XSD + "decimal"
		}
		ev.Rows = append(ev.Rows, map[string]reasoning.Term{
			"company": {Type: "uri", Value: c.Fact.Company, Label: t.company(c)},
			"figure":  {Type: "uri", Value: c.Fact.Concept, Label: t.figure(c)},
			"period":  {Type: "literal", Value: c.Fact.Period.String(), Label: t.fiscal(c)},
			"value":   value,
			"unit":    {Type: "literal", Value: c.Fact.Unit, Label: unitLabel(c.Fact.Unit)},
			"filing":  {Type: "uri", Value: c.Filing.ID, Label: title(c.Filing)},
			"page":    {Type: "literal", Value: fmt.Sprint(c.Fact.Span.Page + 1), Datatype: kg.XSD + "integer"},
		})
		ev.Kinds = append(ev.Kinds, "stated")
	}
	ev.Total = int64(len(ev.Rows))
	if len(iris) > 0 {
		t.out.SPARQL = fmt.Sprintf("PREFIX fin: <%s>\nSELECT ?fact ?company ?concept ?period ?value ?unit ?filing WHERE {\n  VALUES ?fact { %s }\n  GRAPH ?filing {\n    ?fact fin:company ?company ; fin:concept ?concept ; fin:value ?value .\n    OPTIONAL { ?fact fin:period ?period }\n    OPTIONAL { ?fact fin:unit ?unit }\n  }\n}", fact.NS, strings.Join(iris, " "))
		label, _ := understood(t.res)
		t.emit(reasoning.Event{Name: "query", Data: reasoning.Query{SPARQL: t.out.SPARQL, English: label}})
	}
	t.emit(reasoning.Event{Name: "rows", Data: ev})
}

// company is the company of a cited fact.
func (t *run) company(c retrieve.Cited) string {
	if k := t.r.Library().Company(c.Fact.Company); k != nil {
		return k.Short()
	}
	return c.Fact.Company
}

// figure is the concept of a cited fact with its members.
func (t *run) figure(c retrieve.Cited) string {
	s := c.Concept.Title()
	var ms []string
	for _, d := range c.Fact.Dims {
		m := d.Member
		if !d.Typed {
			m = t.r.Library().Concept(d.Member).Title()
		}
		ms = append(ms, m)
	}
	if len(ms) > 0 {
		s += " (" + strings.Join(ms, ", ") + ")"
	}
	return s
}

// fiscal is what the company calls the period of a cited fact.
func (t *run) fiscal(c retrieve.Cited) string {
	for _, cell := range t.res.Cells {
		for _, f := range cell.Facts {
			if f.Fact == c.Fact || f.Fact.Period == c.Fact.Period && f.Fact.Concept == c.Fact.Concept && f.Fact.Company == c.Fact.Company {
				return cell.Period
			}
		}
	}
	return c.Fact.Period.String()
}

// title names a filing for people.
func title(f *library.Filing) string {
	name := f.Name
	if f.Company != nil {
		name = f.Company.Short()
	}
	s := strings.TrimSpace(name + " " + f.Form)
	switch {
	case f.FiscalYear != 0 && (f.FiscalPart == "FY" || f.FiscalPart == ""):
		s += fmt.Sprintf(" FY%d", f.FiscalYear)
	case f.FiscalYear != 0:
		s += fmt.Sprintf(" %s FY%d", f.FiscalPart, f.FiscalYear)
	}
	return s
}

// file is the stored bytes of a document.
type file struct {
	bytes []byte
	err   error
}

// bytes returns the bytes of a document, read once.
func (t *run) bytes(d doc.Document) ([]byte, error) {
	f := t.files[d.ID]
	if f == nil {
		f = &file{err: kg.ErrNoBlob}
		if b, ok := t.snap.(kg.BlobReader); ok {
			f.bytes, f.err = b.Blob(doc.BytesName(d.SHA256))
		}
		t.files[d.ID] = f
	}
	return f.bytes, f.err
}
