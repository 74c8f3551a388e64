package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning"
)

// File is a file to download.
type File struct {
	Name, MediaType string
	Body            []byte
}

// Export writes an answer with its proof as a file: md (text with footnotes),
// csv (rows, safe to open in a spreadsheet), json (the whole answer), rq (the
// query) or nt (the statements of the proof).
func (s *Service) Export(_ context.Context, run, format string) (*File, error) {
	r, a, err := s.finished(run)
	if err != nil {
		return nil, err
	}
	name := "answer-" + run
	switch format {
	case "", "md":
		return &File{name + ".md", "text/markdown; charset=utf-8", markdown(r, a)}, nil
	case "csv":
		b, err := answerCSV(a)
		return &File{name + ".csv", "text/csv; charset=utf-8; header=present", b}, err
	case "json":
		b, err := json.MarshalIndent(a, "", "  ")
		return &File{name + ".json", "application/json", append(b, '\n')}, err
	case "rq":
		if a.SPARQL == "" {
			return nil, fmt.Errorf("%w: the run has no query", ErrNotFound)
		}
		return &File{name + ".rq", "application/sparql-query", []byte(a.SPARQL + "\n")}, nil
	case "nt":
		var b bytes.Buffer
		for _, st := range a.Evidence {
			fmt.Fprintf(&b, "%s %s %s .\n", st.S.RDF(), st.P.RDF(), st.O.RDF())
		}
		return &File{name + ".nt", "application/n-triples", b.Bytes()}, nil
	}
	return nil, NewProblem("bad-parameter", fmt.Sprintf("format %q: want md, csv, json, rq or nt", format))
}

// markdown is the answer as a text whose footnotes are the statements.
func markdown(r *Run, a *reasoning.Answer) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n", inMarkdown(r.Question))
	if a.Status != "answered" {
		fmt.Fprintf(&b, "Not answered: %s\n", inMarkdown(a.Reason))
	} else {
		fmt.Fprintf(&b, "%s\n\n", inMarkdown(a.Text))
		for _, v := range a.Answers {
			label := v.Label
			if label == "" {
				label = v.Value
			}
			fmt.Fprintf(&b, "- %s", inMarkdown(label))
			if v.Type == "uri" {
				fmt.Fprintf(&b, " (`%s`)", strings.ReplaceAll(v.Value, "`", "%60"))
			}
			b.WriteByte('\n')
		}
	}
	if a.Understood != "" {
		fmt.Fprintf(&b, "\nUnderstood as: %s\n", inMarkdown(a.Understood))
	}
	if a.Confidence != nil {
		fmt.Fprintf(&b, "\nConfidence: %d of 100 answers that looked like this one were right.\n", int(*a.Confidence*100))
	}
	if a.SPARQL != "" {
		fence := "```"
		for strings.Contains(a.SPARQL, fence) {
			fence += "`"
		}
		fmt.Fprintf(&b, "\n%ssparql\n%s\n%s\n", fence, a.SPARQL, fence)
	}
	if len(a.Evidence) > 0 {
		b.WriteString("\nStatements:\n\n")
		for i, st := range a.Evidence {
			fmt.Fprintf(&b, "[^%d]: %s · %s · %s, s%d\n", i+1, inMarkdown(shown(st.S)), inMarkdown(shown(st.P)), inMarkdown(shown(st.O)), a.Snapshot)
		}
	}
	return b.Bytes()
}

func shown(t reasoning.Term) string {
	if t.Label != "" {
		return t.Label
	}
	return t.Value
}

// inMarkdown escapes what Markdown or HTML would act on, and takes out line
// breaks and the marks that turn the direction of text around.
func inMarkdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		case strings.ContainsRune("\\`*_{}[]()#+!|<>&", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// answerCSV is the rows of an answer. Cells that a spreadsheet would run as a formula
// begin with an apostrophe.
func answerCSV(a *reasoning.Answer) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	w.Write([]string{"label", "value", "type", "datatype", "lang"})
	for _, v := range a.Answers {
		w.Write([]string{guarded(v.Label), guarded(v.Value), v.Type, v.Datatype, v.Lang})
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func guarded(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}
