// Package filingtest makes a small store of filings for tests: three
// companies, two annual reports each but the last, with facts, members,
// restatements, documents and spans that can be verified.
package filingtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

// company is what its filings are made of.
type company struct {
	cik, name, ticker, city, auditor string
	years                            []year
}

// year is one annual report: figures in millions of dollars.
type year struct {
	fy      int
	figures []figure
	text    []string
}

// figure is a concept with its row, a member if it has one, and values by the
// fiscal year they are of.
type figure struct {
	concept, row, member string
	values               map[int]string
}

func v(pairs ...any) map[int]string {
	m := map[int]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(int)] = pairs[i+1].(string)
	}
	return m
}

var companies = []company{
	{"101", "NORTHWIND FOODS INC", "NWF", "Fargo", "Marcum LLP", []year{
		{2022, []figure{
			{"us-gaap:Revenues", "Net sales", "", v(2021, "900", 2022, "1000")},
			{"us-gaap:OperatingIncomeLoss", "Operating income", "", v(2021, "90", 2022, "120")},
			{"us-gaap:InventoryNet", "Inventories", "", v(2021, "200", 2022, "210")},
			{"us-gaap:Goodwill", "Goodwill", "", v(2022, "50")},
			{"us-gaap:NetCashProvidedByUsedInOperatingActivities", "Net cash provided by operating activities", "", v(2022, "150")},
			{"us-gaap:PaymentsToAcquirePropertyPlantAndEquipment", "Purchases of property and equipment", "", v(2022, "40")},
			{"us-gaap:Revenues", "Net sales", "northwind:FrozenMealsMember", v(2021, "300", 2022, "400")},
		}, []string{"Our frozen meals depend on a single cold storage warehouse in Fargo. A fire there would harm our results.", "We lease most of our trucks."}},
		{2023, []figure{
			{"us-gaap:Revenues", "Net sales", "", v(2022, "990", 2023, "1100")},
			{"us-gaap:OperatingIncomeLoss", "Operating income", "", v(2022, "120", 2023, "99")},
			{"us-gaap:InventoryNet", "Inventories", "", v(2022, "210", 2023, "260")},
			{"us-gaap:Goodwill", "Goodwill", "", v(2022, "50", 2023, "75")},
			{"us-gaap:NetCashProvidedByUsedInOperatingActivities", "Net cash provided by operating activities", "", v(2022, "150", 2023, "165")},
			{"us-gaap:PaymentsToAcquirePropertyPlantAndEquipment", "Purchases of property and equipment", "", v(2022, "40", 2023, "55")},
			{"us-gaap:Revenues", "Net sales", "northwind:FrozenMealsMember", v(2022, "400", 2023, "500")},
		}, []string{"The Board believes that demand for frozen meals will soften as restaurants reopen.", "Competition from private labels is intense."}},
	}},
	{"202", "Acme Robotics Corp", "ACR", "Boise", "ERNST & YOUNG LLP", []year{
		{2023, []figure{
			{"us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax", "Total revenue", "", v(2021, "410", 2022, "450", 2023, "500")},
			{"us-gaap:OperatingIncomeLoss", "Income from operations", "", v(2022, "-20", 2023, "60")},
			{"us-gaap:ResearchAndDevelopmentExpense", "Research and development", "", v(2022, "80", 2023, "110")},
			{"us-gaap:InventoryNet", "Inventory", "", v(2022, "70", 2023, "90")},
			{"us-gaap:Goodwill", "Goodwill", "", v(2023, "300")},
		}, []string{"We design robots for warehouses."}},
	}},
	{"303", "Zephyr Airlines, Inc.", "ZA", "Salt Lake City", "Deloitte & Touche LLP", []year{
		{2023, []figure{
			{"us-gaap:Revenues", "Total operating revenues", "", v(2022, "2000", 2023, "2500")},
			{"us-gaap:OperatingIncomeLoss", "Operating income", "", v(2022, "100", 2023, "400")},
			{"us-gaap:Goodwill", "Goodwill", "", v(2023, "10")},
		}, []string{"Fuel is our largest cost."}},
	}},
}

// instants are concepts measured at a point in time.
var instants = map[string]bool{"us-gaap:InventoryNet": true, "us-gaap:Goodwill": true}

// Open returns the store. Changed, if not empty, is the accession number of a
// filing whose stored bytes are other than those its spans were made of.
func Open(t testing.TB, changed string) kg.Store {
	t.Helper()
	st := mem.New()
	t.Cleanup(func() { st.Close() })
	var quads []kg.TermQuad
	add := func(seq iter.Seq[kg.TermQuad]) {
		for q := range seq {
			quads = append(quads, q)
		}
	}
	for _, c := range companies {
		for _, y := range c.years {
			acc := fmt.Sprintf("%s-%d", c.cik, y.fy)
			b := &builder{graph: doc.Base + acc, company: fact.CompanyIRI(c.cik)}
			b.cover(c)
			for _, f := range y.figures {
				for fy, val := range f.values {
					b.figure(f, fy, val)
				}
			}
			b.page()
			for _, p := range y.text {
				b.paragraph(p)
			}
			d := doc.Document{
				ID: b.graph, Graph: b.graph, Name: acc, MediaType: "text/html", Form: "10-K", Accession: acc, Company: b.company, FiscalYear: y.fy, FiscalPart: "FY",
				PeriodEnd: fmt.Sprintf("%d-12-31", y.fy), Filed: fmt.Sprintf("%d-02-20", y.fy+1), Pages: len(b.tree.Pages), Bytes: int64(b.html.Len()), Run: "urn:quaestor:run:test",
			}
			file := []byte(b.html.String())
			sum := sha256.Sum256(file)
			d.SHA256 = hex.EncodeToString(sum[:])
			for i := range b.facts {
				s := &b.facts[i].Span
				s.Hash = doc.Hash(file[s.Start:s.End])
			}
			if changed == acc {
				file = []byte(strings.NewReplacer("1", "7", "9", "2").Replace(string(file)))
			}
			tree := b.finish()
			for name, body := range map[string][]byte{doc.BytesName(d.SHA256): file, doc.TreeName(d.SHA256): tree.Encode()} {
				if err := st.PutBlob(context.Background(), name, body); err != nil {
					t.Fatal(err)
				}
			}
			add(d.Quads)
			co := fact.Company{IRI: b.company, Graph: b.graph, CIK: c.cik, Name: c.name, Tickers: []string{c.ticker}, City: c.city, Auditors: []string{c.auditor}}
			add(co.Quads)
			fp := fact.FiscalPeriod{IRI: fact.FiscalIRI(b.company, y.fy, "FY"), Graph: b.graph, Company: b.company, Year: y.fy, Part: "FY", Period: fact.Period{Start: fmt.Sprintf("%d-01-01", y.fy), End: d.PeriodEnd}}
			add(fp.Quads)
			for _, iri := range b.concepts {
				_, local, _ := fact.Name(iri)
				k := fact.Concept{IRI: iri, Graph: b.graph, Name: strings.TrimPrefix(iri, "urn:quaestor:concept:"), Label: fact.LabelOf(local)}
				add(k.Quads)
			}
			for i := range b.facts {
				add(b.facts[i].Quads)
			}
		}
	}
	_, err := st.Load(context.Background(), func(yield func(kg.TermQuad, error) bool) {
		for _, q := range quads {
			if !yield(q, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// builder writes a document and the facts in it.
type builder struct {
	graph, company string
	html, text     strings.Builder
	tree           doc.Tree
	facts          []fact.Fact
	concepts       []string
}

// shown writes text into the document and notes where it stands.
func (b *builder) shown(s string) (from, to int64) {
	from = int64(b.html.Len())
	b.tree.Runs = append(b.tree.Runs, doc.Run{Text: int64(b.text.Len()), Byte: from, TextLen: int32(len(s)), ByteLen: int32(len(s))})
	b.html.WriteString(s)
	b.text.WriteString(s)
	return from, int64(b.html.Len())
}

func (b *builder) page() { b.tree.Pages = append(b.tree.Pages, int32(b.text.Len())) }

func (b *builder) concept(name string) string {
	space, local, _ := strings.Cut(name, ":")
	iri := fact.ConceptIRI(space, local)
	for _, k := range b.concepts {
		if k == iri {
			return iri
		}
	}
	b.concepts = append(b.concepts, iri)
	return iri
}

func (b *builder) add(f fact.Fact) {
	f.ID = b.graph + "#f-" + strconv.Itoa(len(b.facts)+1)
	f.Graph, f.Company = b.graph, b.company
	f.Span.Doc = b.graph
	b.facts = append(b.facts, f)
}

func (b *builder) cover(c company) {
	b.page()
	for _, x := range [][2]string{{"dei:EntityAddressCityOrTown", c.city}, {"dei:AuditorName", c.auditor}} {
		b.html.WriteString("<p>")
		from, to := b.shown(x[1])
		b.text.WriteByte('\n')
		b.html.WriteString("</p>")
		b.add(fact.Fact{Concept: b.concept(x[0]), Value: x[1], Span: doc.Span{Start: from, End: to}})
	}
	b.page()
}

func (b *builder) figure(f figure, fy int, val string) {
	b.html.WriteString("<tr><td>")
	b.shown(f.row)
	b.text.WriteByte(' ')
	b.html.WriteString("</td><td>")
	from, to := b.shown(val)
	b.text.WriteByte('\n')
	b.html.WriteString("</td></tr>")
	x := fact.Fact{
		Concept: b.concept(f.concept), Period: fact.Period{Start: fmt.Sprintf("%d-01-01", fy), End: fmt.Sprintf("%d-12-31", fy)}, Unit: "iso4217:USD",
		Value: val + "000000", Numeric: true, Decimals: "-6", Scale: 6, Row: f.row, Column: strconv.Itoa(fy), Span: doc.Span{Start: from, End: to, Page: 1},
	}
	if instants[f.concept] {
		x.Period.Start = ""
	}
	if f.member != "" {
		x.Dims = []fact.Dim{{Axis: b.concept("us-gaap:StatementBusinessSegmentsAxis"), Member: b.concept(f.member)}}
	}
	b.add(x)
}

func (b *builder) paragraph(s string) {
	b.html.WriteString("<p>")
	at := b.text.Len()
	b.shown(s)
	b.tree.Nodes = append(b.tree.Nodes, doc.Node{Kind: doc.Paragraph, Page: int32(len(b.tree.Pages) - 1), From: int32(at), To: int32(b.text.Len())})
	b.text.WriteByte('\n')
	b.html.WriteString("</p>")
}

func (b *builder) finish() *doc.Tree {
	b.tree.Text = b.text.String()
	nodes := []doc.Node{{Kind: doc.Root, Parent: -1, To: int32(len(b.tree.Text))}}
	nodes = append(nodes, b.tree.Nodes...)
	for i := range nodes {
		nodes[i].End = int32(i + 1)
		if i == 0 {
			nodes[i].End = int32(len(nodes))
			nodes[i].Parent = -1
		}
	}
	b.tree.Nodes = nodes
	return &b.tree
}
