package doc_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

// page is "<p>Ann &amp; Bob ran.  They won 7.</p>" with its tree.
const page = "<p>Ann &amp; Bob ran.  They won 7.</p>"

func tree() *doc.Tree {
	return &doc.Tree{
		Text: "Ann & Bob ran. They won 7.\n",
		Runs: []doc.Run{{0, 3, 4, 4}, {4, 7, 1, 5}, {5, 12, 9, 9}, {14, 21, 1, 2}, {15, 23, 11, 11}},
		Nodes: []doc.Node{
			{Kind: doc.Root, Parent: -1, End: 4, To: 27},
			{Kind: doc.Paragraph, Parent: 0, End: 4, To: 26},
			{Kind: doc.Sentence, Parent: 1, End: 3, To: 14},
			{Kind: doc.Sentence, Parent: 1, End: 4, From: 15, To: 26},
		},
		Pages: []int32{0},
	}
}

func TestTree(t *testing.T) {
	tr := tree()
	for _, c := range []struct {
		from, to int
		want     string
	}{{0, 3, "Ann"}, {0, 5, "Ann &amp;"}, {4, 5, "&amp;"}, {6, 9, "Bob"}, {10, 19, "ran.  They"}, {24, 25, "7"}, {0, 26, "Ann &amp; Bob ran.  They won 7."}, {5, 5, ""}, {26, 27, ""}} {
		start, end := tr.Bytes(c.from, c.to)
		if got := page[start:end]; got != c.want {
			t.Errorf("text %d-%d is at %q, want %q", c.from, c.to, got, c.want)
		}
		if c.want == "" {
			continue
		}
		if from, to := tr.TextRange(start, end); from != c.from || to != c.to {
			t.Errorf("bytes %d-%d are text %d-%d, want %d-%d", start, end, from, to, c.from, c.to)
		}
	}
	if n := tr.At(20); n != 3 || tr.Str(n) != "They won 7." || tr.Within(n, doc.Paragraph) != 1 || tr.Within(n, doc.Table) != -1 {
		t.Errorf("at 20 is node %d", n)
	}
	back, err := doc.Decode(tr.Encode())
	if err != nil || !reflect.DeepEqual(back, tr) {
		t.Errorf("%v: %+v", err, back)
	}
}

func TestSpanLiteral(t *testing.T) {
	s := doc.Span{Doc: "d", Start: 3, End: 9, Page: doc.Hidden, Hash: doc.Hash([]byte("x"))}
	if got, err := doc.ParseSpan("d", s.Literal()); err != nil || got != s {
		t.Errorf("%v: %+v", err, got)
	}
	for _, bad := range []string{"", "3-9", "3-9/1", "9-3/1/x", "-1-3/1/x", "a-b/1/x", "3-9/-2/x"} {
		if _, err := doc.ParseSpan("d", bad); err == nil {
			t.Errorf("%q is taken for a span", bad)
		}
	}
}

func store(t *testing.T, body string) (kg.Snapshot, doc.Document) {
	ctx := context.Background()
	sum := sha256.Sum256([]byte(page))
	d := doc.Document{
		ID: doc.Base + "x", Graph: doc.Base + "x", Name: "x", MediaType: "text/html", SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(page)), Source: "x.html", Title: "X", Form: "10-K",
		Accession: "0000000007-24-000001", Company: "urn:quaestor:cik:7", PeriodEnd: "2024-12-31", FiscalYear: 2024, FiscalPart: "FY", Filed: "2025-02-01", Amends: "10-K", Pages: 1, Run: "urn:r", Loaded: "2025-03-01T00:00:00Z",
	}
	st := mem.New()
	if err := st.PutBlob(ctx, doc.BytesName(d.SHA256), []byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := st.PutBlob(ctx, doc.TreeName(d.SHA256), tree().Encode()); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
		d.Quads(func(q kg.TermQuad) bool { return yield(q, nil) })
	}); err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

func TestDocument(t *testing.T) {
	ctx := t.Context()
	s, want := store(t, page)
	list, err := doc.List(ctx, s)
	if err != nil || len(list) != 1 || list[0] != want {
		t.Errorf("%v: %+v", err, list)
	}
	if _, err := doc.Get(ctx, s, doc.Base+"y"); !errors.Is(err, doc.ErrUnknown) {
		t.Error(err)
	}
	c, err := doc.Open(ctx, s, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	q, err := c.Quote(c.Span(15, 26), 9)
	if err != nil || q.Text != "They won 7." || q.Bytes != "They won 7." || q.State != doc.Unchanged || q.Before != "Bob ran. " || len(q.SHA256) != 64 {
		t.Errorf("%v: %+v", err, q)
	}
	if q, err := c.Quote(doc.Span{Start: 3, End: 6, Hash: doc.Hash([]byte("Eve"))}, 0); err != nil || q.State != doc.Changed {
		t.Errorf("%v: %+v", err, q)
	}
	if _, err := c.Quote(doc.Span{Start: 3, End: 600}, 0); err == nil {
		t.Error("a span beyond the end is quoted")
	}
}

func TestOtherBytes(t *testing.T) {
	s, d := store(t, strings.Replace(page, "7", "8", 1))
	if _, err := doc.Open(t.Context(), s, d.ID); !errors.Is(err, doc.ErrBytes) {
		t.Errorf("bytes with another hash: %v", err)
	}
}

func TestGrid(t *testing.T) {
	// Two rows of headings, a group and its parts.
	rows := [][]string{{"", "Year ended", ""}, {"(in millions)", "2024", "2023"}, {"Sales:", "", ""}, {"Stone", "5", "4"}, {"Total sales", "7", "6"}}
	tr := &doc.Tree{Nodes: []doc.Node{{Kind: doc.Root, Parent: -1}, {Kind: doc.Table}}}
	at := func() int32 { return int32(len(tr.Text)) }
	for _, r := range rows {
		row := len(tr.Nodes)
		tr.Nodes = append(tr.Nodes, doc.Node{Kind: doc.Row, Parent: 1, From: at()})
		col := 0
		for i, c := range r {
			span := 1
			if r[1] == "Year ended" && i == 1 {
				span = 2
			}
			if r[1] == "Year ended" && i == 2 {
				continue
			}
			n := doc.Node{Kind: doc.Cell, Parent: int32(row), From: at(), Col: uint16(col), Span: uint16(span)}
			tr.Text += c
			n.To, n.End = at(), int32(len(tr.Nodes)+1)
			tr.Text += " "
			tr.Nodes = append(tr.Nodes, n)
			col += span
		}
		tr.Nodes[row].To, tr.Nodes[row].End = at(), int32(len(tr.Nodes))
	}
	for i := range 2 {
		tr.Nodes[i].To, tr.Nodes[i].End = at(), int32(len(tr.Nodes))
	}
	g := tr.Grid(1)
	for text, want := range map[string][2]string{"5": {"Sales: | Stone", "Year ended | 2024"}, "4": {"Sales: | Stone", "Year ended | 2023"}, "6": {"Sales: | Total sales", "Year ended | 2023"}} {
		for n := range tr.Nodes {
			if tr.Nodes[n].Kind == doc.Cell && tr.Str(n) == text {
				if row, col := g.Headings(n); row != want[0] || col != want[1] {
					t.Errorf("%s: %q, %q, want %q", text, row, col, want)
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(tree().Encode())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := doc.Decode(b)
		if err != nil {
			return
		}
		for n := range tr.Nodes {
			_ = tr.Str(n)
			tr.Headings(n)
			tr.Bytes(int(tr.Nodes[n].From), int(tr.Nodes[n].To))
			if tr.Nodes[n].Kind == doc.Table {
				tr.Grid(n)
			}
		}
		if again, err := doc.Decode(tr.Encode()); err != nil || !bytes.Equal(again.Encode(), tr.Encode()) {
			t.Error("another tree comes back", err)
		}
	})
}
