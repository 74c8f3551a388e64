package sparqltest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/kg/rdf/iso"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/results"
	"github.com/quaestor-kg/quaestor/sparql/sparqltest"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// bugCase is a line of the cases made from public bug reports; the README
// beside them explains the fields.
type bugCase struct {
	ID     string `json:"id"`
	What   string `json:"what_went_wrong"`
	Op     string `json:"op"`
	Kind   string `json:"kind"`
	Data   any    `json:"data"`
	Format any    `json:"format"`
	Input  string `json:"input"`
	Reject []string
	Expect struct {
		Rows       []map[string]string
		Ordered    bool
		Triples    string
		Quads      *string
		Error      string
		TSVLines   []string   `json:"tsv_lines"`
		CSVRecords [][]string `json:"csv_records"`
	}
}

// generated are the data of cases that are too large to be written out.
var generated = map[string]func() string{
	"RDF-D05": func() string { return lines(20000, `<http://ex.example/s%[1]d> <http://ex.example/p> "%[1]d" .`) },
	"RDF-D07": func() string {
		return lines(20000, `<http://ex.example/s%[1]d> <http://ex.example/p%[2]d> "%[1]d" .`)
	},
	"RDF-D09": func() string {
		var b strings.Builder
		for a := range 12 {
			for c := range 12 {
				if a != c {
					fmt.Fprintf(&b, "<http://ex.example/n%d> <http://ex.example/p> <http://ex.example/n%d> .\n", a, c)
				}
			}
		}
		return b.String()
	},
}

func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i, i%10)
	}
	return b.String()
}

// inputs are the texts of cases that are too large to be written out.
func inputs(c bugCase) []string {
	if c.ID != "RDF-D05" {
		return []string{c.Input}
	}
	var list []string
	for i := 0; i < 40000; i += 2 {
		list = append(list, fmt.Sprintf("<http://ex.example/s%d>", i))
	}
	return []string{
		"SELECT (COUNT(*) AS ?n) { ?s <http://ex.example/p> ?o VALUES ?s { " + strings.Join(list, " ") + " } }",
		"SELECT (COUNT(*) AS ?n) { ?s <http://ex.example/p> ?o FILTER(?s IN (" + strings.Join(list, ", ") + ")) }",
	}
}

func TestBugCases(t *testing.T) {
	f, err := os.Open(filepath.Join(shared.Dir(t), "cases", "rdf-sparql.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	n := 0
	for sc.Scan() {
		var c bugCase
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			continue // a case of another room, whose fields have other types
		}
		run := bugRunners[c.Op]
		if run == nil || c.Kind != "query" && c.Kind != "update" && c.Kind != "perf" {
			continue
		}
		n++
		t.Run(c.ID, func(t *testing.T) {
			for _, plain := range []bool{false, true} {
				if plain && generated[c.ID] != nil {
					continue // too much for nested loops
				}
				run(t, c, sparql.New(sparql.Options{NoOptimise: plain}))
			}
		})
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	if n < 20 {
		t.Errorf("only %d cases found", n)
	}
}

var bugRunners = map[string]func(*testing.T, bugCase, *sparql.Engine){
	"select": runSelect, "gen_select": runSelect, "construct": runConstruct, "reject_query": runReject, "update": runUpdate, "results": runResults,
}

const exBase = "http://ex.example/"

func parseRDF(t *testing.T, text string, f rdf.Format, blanks string) []kg.TermQuad {
	t.Helper()
	var quads []kg.TermQuad
	for q, err := range rdf.Read(context.Background(), strings.NewReader(text), rdf.ReadOptions{Format: f, Base: exBase, BlankPrefix: blanks}) {
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		quads = append(quads, q)
	}
	return quads
}

func caseStore(t *testing.T, c bugCase) kg.Store {
	t.Helper()
	text, _ := c.Data.(string)
	if g := generated[c.ID]; g != nil {
		text = g()
	}
	return memWith(t, parseRDF(t, text, rdf.TriG, "d"))
}

func term(t *testing.T, nt string) kg.Term {
	t.Helper()
	v, err := syntax.ParseTerm(nt)
	if err != nil {
		t.Fatalf("%s: %v", nt, err)
	}
	return v
}

// run evaluates a query; rows are copied.
func run(t *testing.T, e *sparql.Engine, st kg.Store, text string) *sparqltest.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o, err := sparqltest.Evaluate(ctx, e, st, text, exBase)
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, text)
	}
	return o
}

func runSelect(t *testing.T, c bugCase, e *sparql.Engine) {
	st := caseStore(t, c)
	for _, text := range inputs(c) {
		o := run(t, e, st, text)
		want := sparqltest.Table{Vars: o.Table.Vars}
		for _, r := range c.Expect.Rows {
			row := make([]kg.Term, len(want.Vars))
			for name, nt := range r {
				i := slices.Index(want.Vars, name)
				if i < 0 {
					t.Fatalf("column ?%s is missing", name)
				}
				row[i] = term(t, nt)
			}
			want.Rows = append(want.Rows, row)
		}
		if !sparqltest.SameRows(want, o.Table, c.Expect.Ordered) && !sparqltest.SameRows(want.Canonical(), o.Table.Canonical(), c.Expect.Ordered) {
			t.Errorf("%s\n%.2000s\nexpected %v\nfound %v", c.What, text, want, o.Table)
		}
	}
}

func runConstruct(t *testing.T, c bugCase, e *sparql.Engine) {
	o := run(t, e, caseStore(t, c), c.Input)
	if want := parseRDF(t, c.Expect.Triples, rdf.NTriples, "w"); !iso.Equal(want, o.Graph) {
		t.Errorf("%s\nexpected %v\nfound %v", c.What, want, o.Graph)
	}
}

func runReject(t *testing.T, c bugCase, e *sparql.Engine) {
	for _, text := range append(c.Reject, c.Input) {
		if _, err := e.Prepare(text, exBase); err == nil {
			t.Errorf("%s\naccepted: %s", c.What, text)
		}
	}
}

func runUpdate(t *testing.T, c bugCase, e *sparql.Engine) {
	st := caseStore(t, c)
	_, err := e.Update(context.Background(), st, c.Input, exBase, sparql.Limits{})
	if (err != nil) != (c.Expect.Error != "") {
		t.Errorf("%s\nerror: %v, expected: %q", c.What, err, c.Expect.Error)
	}
	if c.Expect.Quads == nil {
		return
	}
	got, err := sparqltest.Dump(context.Background(), st)
	if err != nil {
		t.Fatal(err)
	}
	if want := parseRDF(t, *c.Expect.Quads, rdf.NQuads, "w"); !iso.Equal(want, got) {
		t.Errorf("%s\nexpected %v\nfound %v", c.What, want, got)
	}
}

func runResults(t *testing.T, c bugCase, e *sparql.Engine) {
	o := run(t, e, caseStore(t, c), c.Input)
	write := func(f results.Format) string {
		var b bytes.Buffer
		if err := results.WriteRows(&b, f, o.Table.Vars, rowSeq(o.Table.Rows)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	tsv := strings.Split(strings.TrimSuffix(write(results.TSV), "\n"), "\n")
	slices.Sort(tsv[1:])
	slices.Sort(c.Expect.TSVLines[1:])
	if !slices.Equal(tsv, c.Expect.TSVLines) {
		t.Errorf("%s\nTSV %q\nexpected %q", c.What, tsv, c.Expect.TSVLines)
	}
	text := write(results.CSV)
	r := csv.NewReader(strings.NewReader(text))
	var records [][]string
	for {
		rec, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
	}
	order := func(a, b []string) int { return slices.Compare(a, b) }
	slices.SortFunc(records[1:], order)
	slices.SortFunc(c.Expect.CSVRecords[1:], order)
	if !reflect.DeepEqual(records, c.Expect.CSVRecords) || strings.Count(text, "\r\n") != len(records) {
		t.Errorf("%s\nCSV %q\nexpected %q", c.What, records, c.Expect.CSVRecords)
	}
}

func rowSeq(rows [][]kg.Term) iter.Seq2[[]kg.Term, error] {
	return func(yield func([]kg.Term, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}
