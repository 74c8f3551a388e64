package measure

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/bm25"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// TATQA measures which of the contexts (a table with its paragraphs) a
// question is about, and the answers to arithmetic questions over the context's
// table (arXiv 2105.07624).
func TATQA(ctx context.Context, file string) (*Bench, error) {
	var contexts []struct {
		Table struct {
			UID   string     `json:"uid"`
			Table [][]string `json:"table"`
		} `json:"table"`
		Paragraphs []struct {
			Text string `json:"text"`
		} `json:"paragraphs"`
		Questions []struct {
			Text   string          `json:"question"`
			Answer json.RawMessage `json:"answer"`
			Type   string          `json:"answer_type"`
			Scale  string          `json:"scale"`
		} `json:"questions"`
	}
	if err := readJSON(file, &contexts); err != nil {
		return nil, err
	}
	c, src := library.Catalogue{}, pageTexts{}
	all := bm25.New()
	var of []Place
	for _, x := range contexts {
		var b strings.Builder
		for _, row := range x.Table.Table {
			b.WriteString(strings.Join(row, " ") + "\n")
		}
		for _, p := range x.Paragraphs {
			b.WriteString(p.Text + "\n")
		}
		d := doc.Document{ID: doc.Base + x.Table.UID, Graph: doc.Base + x.Table.UID, Name: x.Table.UID}
		c.Documents = append(c.Documents, d)
		src[d.ID] = pageTree(b.String())
		all.Add(lexicon.Keywords(b.String()))
		of = append(of, Place{x.Table.UID, 0})
	}
	r := retrieve.New(library.New(c, src), retrieve.Options{})
	out := &Bench{Name: "TAT-QA", Documents: len(contexts)}
	for _, x := range contexts {
		table := retrieve.New(TableLibrary(x.Table.UID, x.Table.Table), retrieve.Options{})
		for _, q := range x.Questions {
			pages, err := r.Search(ctx, q.Text, 10)
			if err != nil {
				return nil, err
			}
			var base []Place
			for _, h := range all.Search(bm25.Terms(lexicon.Keywords(q.Text)), 10, nil) {
				base = append(base, of[h.Doc])
			}
			out.score(places(pages), base, map[Place]bool{{x.Table.UID, 0}: true})
			var want float64
			if q.Type != "arithmetic" || json.Unmarshal(q.Answer, &want) != nil {
				continue
			}
			if err := out.number(ctx, table, q.Text, want); err != nil {
				return nil, err
			}
		}
	}
	out.mean()
	return out, nil
}

// number asks a question whose answer is a number over a table.
func (b *Bench) number(ctx context.Context, r *retrieve.Retriever, text string, want float64) error {
	x, err := r.Answer(ctx, text)
	if err != nil {
		return err
	}
	b.Numbers++
	if x.Refusal != nil || len(x.Cells) == 0 {
		return nil
	}
	b.Answered++
	got := x.Value.Float()
	if near(got, want) || x.Kind == lexicon.Percent && near(got/100, want) || x.Kind == lexicon.Times && near(got*100, want) {
		b.Right++
	}
	return nil
}

// near allows half a percent and the rounding to two places.
func near(got, want float64) bool {
	d := math.Abs(got - want)
	return d <= math.Abs(want)*0.005+1e-9 || d <= 0.0051
}

// ConvFinQA measures the first and the last questions of conversations over a
// table (arXiv 2210.03849). A follow-up is asked as it stands: what it leaves
// out is not filled in.
func ConvFinQA(ctx context.Context, file string) (*Bench, error) {
	var talks []struct {
		Questions []string `json:"questions"`
		Answer    any      `json:"answer"`
		Table     string   `json:"table"`
	}
	if err := readJSON(file, &talks); err != nil {
		return nil, err
	}
	out := &Bench{Name: "ConvFinQA", Documents: len(talks)}
	for i, t := range talks {
		want, ok := t.Answer.(float64)
		if !ok || len(t.Questions) == 0 {
			continue
		}
		out.N++
		table := retrieve.New(TableLibrary("t"+strconv.Itoa(i), textTable(t.Table)), retrieve.Options{})
		if err := out.number(ctx, table, strings.Join(t.Questions, " "), want); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// textTable splits a table that is written as lines with bars.
func textTable(s string) [][]string {
	var rows [][]string
	for _, line := range strings.Split(s, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var row []string
		for _, c := range strings.Split(strings.Trim(line, "| "), "|") {
			row = append(row, strings.TrimSpace(c))
		}
		rows = append(rows, row)
	}
	return rows
}

var (
	cellNumber = regexp.MustCompile(`^\(?\s*-?\s*[$€£]?\s*\(?\s*-?\d[\d,]*(?:\.\d+)?\s*%?\s*\)?$`)
	cellYear   = regexp.MustCompile(`\b((?:19|20)\d\d)\b`)
)

// TableLibrary reads a table as one company's report: a row is a figure, a
// column with a year its period.
func TableLibrary(name string, table [][]string) *library.Library {
	const company = "urn:quaestor:cik:1"
	graph := doc.Base + name
	c := library.Catalogue{Companies: []fact.Company{{IRI: company, Name: "The company"}}}
	c.Documents = []doc.Document{{ID: graph, Graph: graph, Name: name, Company: company}}
	years := map[int]string{}
	var facts tableFacts
	seen := map[string]bool{}
	section := ""
	for _, row := range table {
		numbers := false
		for i, cell := range row {
			if i > 0 && cellNumber.MatchString(strings.TrimSpace(cell)) && !cellYear.MatchString(strings.TrimSpace(cell)) {
				numbers = true
			}
		}
		if !numbers {
			found := false
			for i, cell := range row {
				if m := cellYear.FindStringSubmatch(cell); m != nil && (i > 0 || len(row) == 1) {
					if !found {
						years = map[int]string{}
					}
					found = true
					years[i] = m[1]
				}
			}
			if !found && len(row) > 0 {
				section = strings.TrimSpace(row[0])
			}
			continue
		}
		label := strings.TrimSpace(row[0])
		if label == "" {
			label = section
		}
		for i, cell := range row[1:] {
			value, ok := number(cell)
			y := years[i+1]
			if !ok || y == "" {
				continue
			}
			iri := fact.ConceptIRI("table", camel(label))
			if !seen[iri] {
				seen[iri] = true
				k := fact.Concept{IRI: iri, Label: label}
				if section != "" && section != label {
					k.Labels = []string{section + " " + label}
				}
				c.Concepts = append(c.Concepts, k)
			}
			facts = append(facts, fact.Fact{
				ID: fmt.Sprintf("%s#f%d", graph, len(facts)), Graph: graph, Company: company, Concept: iri, Numeric: true, Unit: "xbrli:pure", Value: value, Row: label,
				Period: fact.Period{Start: y + "-01-01", End: y + "-12-31"},
			})
		}
	}
	return library.New(c, facts)
}

// tableFacts is the Source of a table.
type tableFacts []fact.Fact

func (t tableFacts) Facts(context.Context, string) ([]fact.Fact, error) { return t, nil }
func (tableFacts) Tree(doc.Document) (*doc.Tree, error)                 { return pageTree(""), nil }

// number reads a cell: brackets are a sign.
func number(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if !cellNumber.MatchString(s) {
		return "", false
	}
	neg := strings.HasPrefix(s, "(") || strings.Contains(s, "-")
	s = strings.Trim(strings.NewReplacer(",", "", "$", "", "€", "", "£", "", "(", "", ")", "", "%", "", "-", "", " ", "").Replace(s), " ")
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return "", false
	}
	if neg {
		s = "-" + s
	}
	return s, true
}

// camel makes a local name of a label.
func camel(s string) string {
	var b strings.Builder
	for _, w := range library.Words(s) {
		b.WriteString(strings.ToUpper(w.Text[:1]) + w.Text[1:])
	}
	if b.Len() == 0 {
		return "Row"
	}
	return b.String()
}

func readJSON(name string, v any) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r = z
	}
	if err := json.NewDecoder(r).Decode(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
