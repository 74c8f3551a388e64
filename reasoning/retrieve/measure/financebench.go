package measure

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/bm25"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
)

// Bench is the outcome of a benchmark of retrieval: recall of evidence pages
// (or contexts) in one store of all documents, beside BM25.
type Bench struct {
	Name      string  `json:"name"`
	N         int     `json:"n"`
	Documents int     `json:"documents"`
	R1        float64 `json:"r1"`
	R5        float64 `json:"r5"`
	R10       float64 `json:"r10"`
	MRR       float64 `json:"mrr"`
	BM25R1    float64 `json:"bm25_r1"`
	BM25R5    float64 `json:"bm25_r5"`
	BM25R10   float64 `json:"bm25_r10"`
	// Answered and Right count questions whose answer is a number.
	Numbers  int `json:"numbers,omitempty"`
	Answered int `json:"answered,omitempty"`
	Right    int `json:"right,omitempty"`
}

// FinanceBench measures page recall over the page texts of a folder:
// financebench_*.jsonl, financebench_document_information.jsonl and
// pages.tar.gz (arXiv 2311.11944).
func FinanceBench(ctx context.Context, dir string) (*Bench, error) {
	info := map[string]struct {
		Company string `json:"company"`
		Period  int    `json:"doc_period"`
		Type    string `json:"doc_type"`
	}{}
	err := jsonLines(filepath.Join(dir, "financebench_document_information.jsonl"), func(b []byte) error {
		var d struct {
			Name    string `json:"doc_name"`
			Company string `json:"company"`
			Period  int    `json:"doc_period"`
			Type    string `json:"doc_type"`
		}
		err := json.Unmarshal(b, &d)
		info[d.Name] = struct {
			Company string `json:"company"`
			Period  int    `json:"doc_period"`
			Type    string `json:"doc_type"`
		}{d.Company, d.Period, d.Type}
		return err
	})
	if err != nil {
		return nil, err
	}
	texts, err := tarTexts(filepath.Join(dir, "pages.tar.gz"))
	if err != nil {
		return nil, err
	}
	c, src := library.Catalogue{}, pageTexts{}
	companies := map[string]string{}
	names := make([]string, 0, len(texts))
	for n := range texts {
		names = append(names, n)
	}
	sort.Strings(names)
	all := bm25.New()
	var of []Place
	for _, n := range names {
		d := info[n]
		co, ok := companies[d.Company]
		if !ok {
			co = fact.CompanyIRI(fmt.Sprint(len(companies) + 1))
			companies[d.Company] = co
			c.Companies = append(c.Companies, fact.Company{IRI: co, Name: d.Company, Aliases: []string{d.Company, squeezed(n)}})
		}
		part := "FY"
		if m := reQuarter.FindStringSubmatch(n); m != nil {
			part = m[1]
		}
		x := doc.Document{ID: doc.Base + n, Graph: doc.Base + n, Name: n, Form: d.Type, Company: co, FiscalYear: d.Period, FiscalPart: part}
		if m := reDated.FindStringSubmatch(n); m != nil {
			x.Filed, x.FiscalPart = m[1], "8K"
		}
		c.Documents = append(c.Documents, x)
		t := pageTree(texts[n])
		src[x.ID] = t
		for p := range t.Pages {
			w := lexicon.Keywords(t.PageText(p))
			all.Add(w)
			of = append(of, Place{n, p})
		}
	}
	r := retrieve.New(library.New(c, src), retrieve.Options{})
	out := &Bench{Name: "FinanceBench", Documents: len(names)}
	files, err := filepath.Glob(filepath.Join(dir, "financebench_[!d]*.jsonl"))
	if dev, _ := filepath.Glob(filepath.Join(dir, "financebench_dev.jsonl")); len(dev) == 1 {
		files = dev
	}
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s: no questions (financebench_*.jsonl): %v", dir, err)
	}
	err = jsonLines(files[0], func(b []byte) error {
		var q struct {
			Question string `json:"question"`
			Evidence []struct {
				Doc  string `json:"evidence_doc_name"`
				Name string `json:"doc_name"`
				Page int    `json:"evidence_page_num"`
			} `json:"evidence"`
		}
		if err := json.Unmarshal(b, &q); err != nil {
			return err
		}
		gold := map[Place]bool{}
		for _, e := range q.Evidence {
			name := e.Doc
			if name == "" {
				name = e.Name
			}
			if _, ok := texts[name]; ok {
				gold[Place{name, e.Page}] = true
			}
		}
		if len(gold) == 0 {
			return nil
		}
		pages, err := r.Search(ctx, q.Question, 20)
		if err != nil {
			return err
		}
		var base []Place
		for _, h := range all.Search(bm25.Terms(lexicon.Keywords(q.Question)), 20, nil) {
			base = append(base, of[h.Doc])
		}
		out.score(places(pages), base, gold)
		return nil
	})
	out.mean()
	return out, err
}

// score adds a question: recall of its evidence in the first k.
func (b *Bench) score(list, base []Place, gold map[Place]bool) {
	recall := func(l []Place, k int) float64 {
		n := 0
		for _, p := range l[:min(k, len(l))] {
			if gold[p] {
				n++
			}
		}
		return float64(n) / float64(len(gold))
	}
	b.N++
	b.R1 += recall(list, 1)
	b.R5 += recall(list, 5)
	b.R10 += recall(list, 10)
	b.BM25R1 += recall(base, 1)
	b.BM25R5 += recall(base, 5)
	b.BM25R10 += recall(base, 10)
	for i, p := range list {
		if gold[p] {
			b.MRR += 1 / float64(i+1)
			break
		}
	}
}

func (b *Bench) mean() {
	n := float64(max(1, b.N))
	for _, v := range []*float64{&b.R1, &b.R5, &b.R10, &b.MRR, &b.BM25R1, &b.BM25R5, &b.BM25R10} {
		*v /= n
	}
}

var (
	reQuarter = regexp.MustCompile(`_\d{4}(Q[1-4])_`)
	reDated   = regexp.MustCompile(`dated[-_](\d{4}-\d\d-\d\d)`)
)

// squeezed is the company's part of a document's name.
func squeezed(name string) string {
	s, _, _ := strings.Cut(name, "_")
	return s
}

// pageTexts is a Source of texts without facts.
type pageTexts map[string]*doc.Tree

func (pageTexts) Facts(context.Context, string) ([]fact.Fact, error) { return nil, nil }
func (p pageTexts) Tree(d doc.Document) (*doc.Tree, error) {
	if t := p[d.ID]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("no text of %s", d.ID)
}

// pageTree makes a tree of page texts that form feeds part.
func pageTree(text string) *doc.Tree {
	t := &doc.Tree{}
	var b strings.Builder
	for _, p := range strings.Split(strings.TrimSuffix(text, "\f"), "\f") {
		t.Pages = append(t.Pages, int32(b.Len()))
		b.WriteString(p + "\n")
	}
	t.Text = b.String()
	t.Nodes = []doc.Node{{Kind: doc.Root, Parent: -1, End: 1, To: int32(len(t.Text))}}
	return t
}

func jsonLines(name string, each func([]byte) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for n := 1; s.Scan(); n++ {
		if len(strings.TrimSpace(s.Text())) == 0 {
			continue
		}
		if err := each(s.Bytes()); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
	}
	return s.Err()
}

// tarTexts reads the text files of an archive by their names without
// extension.
func tarTexts(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	texts := map[string]string{}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err == io.EOF {
			return texts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if h.Typeflag != tar.TypeReg || path.Ext(h.Name) != ".txt" {
			continue
		}
		b, err := io.ReadAll(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, h.Name, err)
		}
		texts[strings.TrimSuffix(path.Base(h.Name), ".txt")] = string(b)
	}
}
