// Package sources is the use cases about documents: listing them, reading their
// pages and facts, checking cited spans, deleting what a document brought.
package sources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"github.com/quaestor-kg/quaestor/api"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// Sources offers the use cases over a store.
type Sources struct {
	store    kg.Store
	writable bool
}

// New returns the use cases; documents can be deleted if writable.
func New(store kg.Store, writable bool) *Sources { return &Sources{store, writable} }

func (s *Sources) withSnapshot(use func(kg.Snapshot) error) error {
	snap, err := s.store.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	return use(snap)
}

// DocumentItem is a source document in a list.
type DocumentItem struct {
	ID         string `json:"id"` // without the common beginning of documents' IRIs
	IRI        string `json:"iri"`
	Title      string `json:"title"`
	Name       string `json:"name"`
	MediaType  string `json:"mediaType,omitempty"`
	Form       string `json:"form,omitempty"`
	Amends     string `json:"amends,omitempty"`
	Company    string `json:"company,omitempty"` // IRI
	Filer      string `json:"filer,omitempty"`   // the company's name
	FiscalYear int    `json:"fiscalYear,omitempty"`
	FiscalPart string `json:"fiscalPeriod,omitempty"`
	PeriodEnd  string `json:"periodEnd,omitempty"`
	Filed      string `json:"filed,omitempty"`
	Accession  string `json:"accession,omitempty"`
	PartOf     string `json:"partOf,omitempty"` // id of the filing's main document
	Pages      int    `json:"pages,omitempty"`
	Bytes      int64  `json:"bytes"`
	SHA256     string `json:"sha256"`
	Loaded     string `json:"loaded,omitempty"`
}

// DocumentFilter selects documents; empty fields select all.
type DocumentFilter struct {
	Filer      string // company's IRI, or a part of its name
	Form       string
	FiscalYear int
}

// Documents lists source documents, newest period first.
func (s *Sources) Documents(ctx context.Context, f DocumentFilter) ([]DocumentItem, error) {
	items := []DocumentItem{}
	err := s.withSnapshot(func(snap kg.Snapshot) error {
		all, names, err := documents(ctx, snap)
		if err != nil {
			return err
		}
		for _, d := range all {
			it := item(d, names)
			if f.Form != "" && !strings.EqualFold(f.Form, it.Form) || f.FiscalYear != 0 && f.FiscalYear != it.FiscalYear {
				continue
			}
			if f.Filer != "" && f.Filer != it.Company && !strings.Contains(strings.ToLower(it.Filer), strings.ToLower(f.Filer)) {
				continue
			}
			items = append(items, it)
		}
		slices.SortStableFunc(items, func(a, b DocumentItem) int {
			return cmp.Or(cmp.Compare(a.Filer, b.Filer), cmp.Compare(b.PeriodEnd, a.PeriodEnd), cmp.Compare(b.Filed, a.Filed), cmp.Compare(a.ID, b.ID))
		})
		return nil
	})
	return items, err
}

// documents returns all documents and the companies' names by IRI.
func documents(ctx context.Context, snap kg.Snapshot) ([]doc.Document, map[string]string, error) {
	all, err := doc.List(ctx, snap)
	if err != nil {
		return nil, nil, err
	}
	companies, err := fact.Companies(ctx, snap)
	if err != nil {
		return nil, nil, err
	}
	names := map[string]string{}
	for _, c := range companies {
		names[c.IRI] = c.Name
	}
	return all, names, nil
}

func item(d doc.Document, names map[string]string) DocumentItem {
	it := DocumentItem{
		ID: strings.TrimPrefix(d.ID, doc.Base), IRI: d.ID, Title: d.Title, Name: d.Name, MediaType: d.MediaType, Form: d.Form, Amends: d.Amends,
		Company: d.Company, Filer: names[d.Company], FiscalYear: d.FiscalYear, FiscalPart: d.FiscalPart, PeriodEnd: d.PeriodEnd,
		Filed: d.Filed, Accession: d.Accession, Pages: d.Pages, Bytes: d.Bytes, SHA256: d.SHA256, Loaded: d.Loaded,
	}
	if !d.Main() {
		it.PartOf = strings.TrimPrefix(d.Graph, doc.Base)
	}
	if it.Title == "" {
		it.Title = cmp.Or(strings.TrimSpace(strings.Join([]string{it.Filer, it.Form, it.FiscalPart, yearOf(it.FiscalYear)}, " ")), it.Name)
	}
	return it
}

func yearOf(y int) string {
	if y == 0 {
		return ""
	}
	return strconv.Itoa(y)
}

// documentIRI is the IRI of an id, or the id if it is one already.
func documentIRI(id string) string {
	if strings.HasPrefix(id, doc.Base) {
		return id
	}
	return doc.Base + id
}

// opened reads a document with its bytes and tree.
func opened(ctx context.Context, snap kg.Snapshot, id string) (*doc.Content, error) {
	c, err := doc.Open(ctx, snap, documentIRI(id))
	if errors.Is(err, kg.ErrNoBlob) {
		return nil, api.NewProblem("not-found", fmt.Sprintf("the bytes of document %s are not in the store", id))
	}
	return c, unknownDocument(id, err)
}

// unknownDocument makes the error for a document that is not there a problem.
func unknownDocument(id string, err error) error {
	if errors.Is(err, doc.ErrUnknown) {
		return api.NewProblem("not-found", fmt.Sprintf("no document %s; it may have been forgotten", id))
	}
	return err
}

// Block is a part of a page that is drawn as one.
type Block struct {
	Kind  string    `json:"kind"` // heading, paragraph or table
	Level int       `json:"level,omitempty"`
	Runs  []TextRun `json:"runs,omitempty"`
	Rows  []Row     `json:"rows,omitempty"`
}

// Row is a row of a table.
type Row struct {
	Cells []CellBlock `json:"cells"`
}

// CellBlock is a cell of a table.
type CellBlock struct {
	Runs []TextRun `json:"runs"`
	Head bool      `json:"head,omitempty"`
	Col  int       `json:"col"`
	Span int       `json:"span,omitempty"`
}

// TextRun is text and the bytes of the file in which it stands. Mark is the number,
// from 1, of the cited span it belongs to.
type TextRun struct {
	Text string `json:"t"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Mark int    `json:"mark,omitempty"`
}

// DocumentBlocks is a page of a document as typed blocks, never as the document's own
// markup.
type DocumentBlocks struct {
	Document DocumentItem `json:"document"`
	Page     int          `json:"page"` // from 1
	Pages    int          `json:"pages"`
	Blocks   []Block      `json:"blocks"`
}

// ByteRange is a range of a file, To excluded.
type ByteRange struct{ From, To int64 }

// DocumentPage returns a page, from 1; 0 is the page of the first mark, or 1.
func (s *Sources) DocumentPage(ctx context.Context, id string, page int, marks []ByteRange) (p *DocumentBlocks, err error) {
	err = s.withSnapshot(func(snap kg.Snapshot) error {
		c, err := opened(ctx, snap, id)
		if err != nil {
			return err
		}
		t := c.Tree
		if page == 0 && len(marks) > 0 {
			from, _ := t.TextRange(marks[0].From, marks[0].To)
			page = t.Page(from) + 1
		}
		page = max(page, 1)
		if page > max(1, len(t.Pages)) {
			return api.NewProblem("not-found", fmt.Sprintf("document %s has %d pages, no page %d", id, len(t.Pages), page))
		}
		_, names, err := documents(ctx, snap)
		if err != nil {
			return err
		}
		p = &DocumentBlocks{Document: item(c.Document, names), Page: page, Pages: max(1, len(t.Pages)), Blocks: blocks(t, page-1, marks)}
		return nil
	})
	return p, err
}

// blocks returns what begins on a page, counted from 0.
func blocks(t *doc.Tree, page int, marks []ByteRange) []Block {
	out := []Block{}
	if len(t.Pages) == 0 {
		return out
	}
	from, to := int(t.Pages[page]), len(t.Text)
	if page+1 < len(t.Pages) {
		to = int(t.Pages[page+1])
	}
	in := func(n int) bool { return int(t.Nodes[n].From) >= from && int(t.Nodes[n].From) < to }
	for n := 1; n < len(t.Nodes); n++ {
		node := t.Nodes[n]
		if int(node.To) <= from || int(node.From) >= to {
			if node.Kind != doc.Section && node.Kind != doc.Table {
				n = int(node.End) - 1
			}
			continue
		}
		switch node.Kind {
		case doc.Heading:
			if in(n) {
				level := 1
				if node.Parent >= 0 {
					level = int(t.Nodes[node.Parent].Level)
				}
				out = append(out, Block{Kind: "heading", Level: level, Runs: textRuns(t, int(node.From), int(node.To), marks)})
			}
			n = int(node.End) - 1
		case doc.Paragraph:
			// A paragraph over a page break shows on each page what stands there.
			out = append(out, Block{Kind: "paragraph", Runs: textRuns(t, max(from, int(node.From)), min(to, int(node.To)), marks)})
			n = int(node.End) - 1
		case doc.Table:
			b := Block{Kind: "table"}
			for r := range t.Children(n) {
				if t.Nodes[r].Kind != doc.Row || !in(r) {
					continue
				}
				var row Row
				for c := range t.Children(r) {
					cell := t.Nodes[c]
					row.Cells = append(row.Cells, CellBlock{
						Runs: textRuns(t, int(cell.From), int(cell.To), marks), Head: cell.Head, Col: int(cell.Col), Span: int(cell.Span),
					})
				}
				b.Rows = append(b.Rows, row)
			}
			if len(b.Rows) > 0 {
				out = append(out, b)
			}
			n = int(node.End) - 1
		}
	}
	return out
}

// textRuns cuts a range of text where markup stands between its bytes and at the
// borders of marks.
func textRuns(t *doc.Tree, from, to int, marks []ByteRange) []TextRun {
	out := []TextRun{}
	cuts := []int{from, to}
	first, _ := slices.BinarySearchFunc(t.Runs, int64(from), func(r doc.Run, at int64) int { return cmp.Compare(r.Text+int64(r.TextLen), at+1) })
	for _, r := range t.Runs[first:] {
		if int(r.Text) >= to {
			break
		}
		cuts = append(cuts, int(r.Text), int(r.Text)+int(r.TextLen))
	}
	type mark struct{ from, to int }
	var marked []mark
	for _, m := range marks {
		a, b := t.TextRange(m.From, m.To)
		marked = append(marked, mark{a, b})
		cuts = append(cuts, a, b)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for i := range len(cuts) - 1 {
		a, b := cuts[i], cuts[i+1]
		if a < from || b > to {
			continue
		}
		start, end := t.Bytes(a, b)
		r := TextRun{Text: t.Text[a:b], From: start, To: end}
		for k, m := range marked {
			if m.from <= a && b <= m.to {
				r.Mark = k + 1
			}
		}
		// Pieces that continue each other in text and bytes are one.
		if n := len(out) - 1; n >= 0 && out[n].Mark == r.Mark && out[n].To == r.From {
			out[n].Text += r.Text
			out[n].To = r.To
			continue
		}
		out = append(out, r)
	}
	return out
}

// SpanQuote is a cited range of a document, checked against its hash.
type SpanQuote struct {
	ID     string `json:"id"`
	Doc    string `json:"doc"`
	Title  string `json:"title"`
	Start  int64  `json:"start"`
	End    int64  `json:"end"`
	SHA256 string `json:"sha256"`
	State  string `json:"state"` // unchanged, changed or missing
	Page   int    `json:"page,omitempty"`
	Text   string `json:"text"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Span returns a range of a document's bytes with the text around it. hash is
// what the citation says they hash to, whole or its beginning; empty checks
// nothing ("unchecked").
func (s *Sources) Span(ctx context.Context, id string, r ByteRange, hash string) (q SpanQuote, err error) {
	err = s.withSnapshot(func(snap kg.Snapshot) error {
		q = SpanQuote{ID: fmt.Sprintf("%s:%d-%d", id, r.From, r.To), Doc: strings.TrimPrefix(documentIRI(id), doc.Base), Start: r.From, End: r.To}
		c, err := opened(ctx, snap, id)
		var p *api.Problem
		if errors.As(err, &p) && strings.HasSuffix(p.Type, "/not-found") {
			q.State = "missing"
			return nil
		}
		if err != nil {
			return err
		}
		if r.From < 0 || r.To < r.From || r.To > int64(len(c.File)) {
			return api.NewProblem("bad-parameter", fmt.Sprintf("document %s has %d bytes, no span %d-%d", id, len(c.File), r.From, r.To))
		}
		_, names, err := documents(ctx, snap)
		if err != nil {
			return err
		}
		from, _ := c.Tree.TextRange(r.From, r.To)
		span := doc.Span{Doc: c.ID, Start: r.From, End: r.To, Page: c.Tree.Page(from), Hash: doc.Hash(c.File[r.From:r.To])}
		quote, err := c.Quote(span, 240)
		if err != nil {
			return err
		}
		q.Title, q.Page = item(c.Document, names).Title, span.Page+1
		q.Text, q.Before, q.After, q.SHA256 = quote.Text, quote.Before, quote.After, quote.SHA256
		switch {
		case hash == "":
			q.State = "unchecked"
		case strings.HasPrefix(quote.SHA256, strings.ToLower(hash)):
			q.State = "unchanged"
		default:
			q.State = "changed"
		}
		return nil
	})
	return q, err
}

// DocumentFile returns the bytes of a document as they were filed.
func (s *Sources) DocumentFile(ctx context.Context, id string) (file []byte, mediaType string, err error) {
	err = s.withSnapshot(func(snap kg.Snapshot) error {
		c, err := opened(ctx, snap, id)
		if err != nil {
			return err
		}
		file, mediaType = c.File, c.MediaType
		return nil
	})
	return file, mediaType, err
}
