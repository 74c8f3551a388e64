package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/ingest/chunk"
	"github.com/quaestor-kg/quaestor/ingest/csvmap"
	"github.com/quaestor-kg/quaestor/ingest/edgar"
	"github.com/quaestor-kg/quaestor/ingest/pdftext"
	"github.com/quaestor-kg/quaestor/ingest/reflectkg"
	"github.com/quaestor-kg/quaestor/ingest/source"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// formats reads the files that are neither HTML, XML nor plain text. Of a PDF
// the text layer becomes the document: spans are ranges of that.
func formats(files []edgar.File) ([]edgar.File, []Problem, error) {
	var out []edgar.File
	var problems []Problem
	for _, f := range files {
		switch {
		case pdftext.Is(f.Body):
			text, err := pdftext.Text(f.Body)
			if err != nil {
				if len(files) == 1 {
					return nil, nil, err
				}
				problems = append(problems, Problem{Path: f.Name, What: err.Error()})
				continue
			}
			f.Body, f.Tree, f.Media = text, chunk.Plain(text), "text/plain; source=pdf"
		case isMarkdown(f.Name):
			f.Tree, f.Media = chunk.Markdown(f.Body), "text/markdown"
		}
		out = append(out, f)
	}
	return out, problems, nil
}

func isMarkdown(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown":
		return true
	}
	return false
}

func isTable(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".csv", ".tsv":
		return true
	}
	return false
}

// rows makes a bundle of a table in CSV.
func rows(u source.Unit, o *Options, run string, now time.Time) (*bundle, error) {
	f := u.Files[0]
	sum := sha256.Sum256(f.Body)
	hash := hex.EncodeToString(sum[:])
	g := doc.Base + "sha256-" + hash[:32]
	t, err := csvmap.Read(f.Body, g, o.Mapping)
	if err != nil {
		return nil, err
	}
	b := &bundle{
		path: u.Path, graph: g, files: [][]byte{f.Body}, trees: []*doc.Tree{t.Tree}, extra: t.Quads,
		docs: []doc.Document{{
			ID: g, Graph: g, Name: stem(f.Name), MediaType: "text/csv", SHA256: hash, Bytes: int64(len(f.Body)), Source: u.Path, Pages: 1, Run: run,
			Loaded: now.UTC().Format("2006-01-02T15:04:05Z"),
		}},
	}
	for _, p := range t.Problems {
		b.problems = append(b.problems, Problem{Path: u.Path, What: p})
	}
	return b, nil
}

// records makes bundles of FinReflectKG records, one for each source file.
func records(u source.Unit, run string, now time.Time) []*bundle {
	sources, problems := reflectkg.Read(u.Files[0].Body)
	var list []*bundle
	for _, s := range sources {
		sum := sha256.Sum256(s.Body)
		g := reflectkg.Graph(s.Name)
		b := &bundle{
			path: u.Path, graph: g, files: [][]byte{s.Body}, trees: []*doc.Tree{s.Tree}, mentions: s.Mentions, read: s.Statements,
			docs: []doc.Document{{
				ID: g, Graph: g, Name: stem(s.Name), MediaType: "text/plain; source=reflectkg", SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(s.Body)), Source: u.Path,
				Title: s.Name, FiscalYear: s.Year, Pages: len(s.Tree.Pages), Run: run, Loaded: now.UTC().Format("2006-01-02T15:04:05Z"),
			}},
		}
		for _, st := range s.Statements {
			for i, p := range []string{fact.PStart, fact.PEnd} {
				if t := s.Times[st.IRI]; t[i] != "" {
					b.extra = append(b.extra, kg.TermQuad{S: kg.NewIRI(st.IRI), P: kg.NewIRI(p), O: kg.NewTyped(t[i], kg.XSD+"gYearMonth"), G: kg.NewIRI(g)})
				}
			}
		}
		list = append(list, b)
	}
	if len(list) > 0 {
		for _, p := range problems {
			list[0].problems = append(list[0].problems, Problem{Path: u.Path, What: fmt.Sprintf("line %d: %s", p.Line, p.What)})
		}
	}
	return list
}
