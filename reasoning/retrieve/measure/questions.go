// Package measure evaluates evidence retrieval and answers over filings:
// ranks of pages, values, citations, refusals and tokens of context, each beside
// a baseline that is run on the same questions.
package measure

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
)

// Question is a line of a question file.
type Question struct {
	ID       string          `json:"qid"`
	Type     string          `json:"type"`
	Scope    string          `json:"scope"`
	Hops     int             `json:"hop_count"`
	Text     string          `json:"question"`
	Answer   json.RawMessage `json:"answer"`
	Unit     string          `json:"unit"`
	Tickers  []string        `json:"tickers"`
	Years    []string        `json:"years"`
	Evidence []Group         `json:"evidence_groups"`
	Single   bool            `json:"maybe_single_page"`
	// Impossible marks questions that must be refused.
	Impossible bool `json:"impossible"`
}

// Group is one piece of evidence with all places that give it.
type Group struct {
	Hop    int        `json:"hop"`
	Pages  []Place    `json:"accept_pages"`
	Facts  []FactName `json:"facts"`
	Others []Place    `json:"other_pages_with_numeral"`
}

// Place is a page of a document, by the document's name.
type Place struct {
	Doc  string
	Page int
}

// UnmarshalJSON reads ["name", page].
func (p *Place) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.Doc, &p.Page})
}

// FactName is a fact by its document's name and its id there.
type FactName struct{ Doc, ID string }

// UnmarshalJSON reads ["name", "id"].
func (f *FactName) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&f.Doc, &f.ID})
}

// ReadQuestions reads JSON lines.
func ReadQuestions(r io.Reader) ([]Question, error) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	var list []Question
	for n := 1; s.Scan(); n++ {
		if strings.TrimSpace(s.Text()) == "" {
			continue
		}
		var q Question
		if err := json.Unmarshal(s.Bytes(), &q); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if q.Text == "" {
			return nil, fmt.Errorf("line %d: no question", n)
		}
		list = append(list, q)
	}
	return list, s.Err()
}

// QuestionsOf names the file of questions in a folder of an answer key.
func QuestionsOf(gold string) (string, error) {
	list, err := filepath.Glob(filepath.Join(gold, "finmh_ix_*.jsonl"))
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%s holds %d files of questions: name one with --questions", gold, len(list))
	}
	if err != nil {
		return "", err
	}
	return list[0], nil
}

// questionLine is the line that is written about a question.
type questionLine struct {
	ID       string   `json:"qid"`
	Type     string   `json:"type"`
	Question string   `json:"question"`
	Right    bool     `json:"right"`
	Refused  string   `json:"refused,omitempty"`
	Value    string   `json:"value,omitempty"`
	Formula  string   `json:"formula,omitempty"`
	Score    float64  `json:"score"`
	Ranks    Ranks    `json:"ranks"`
	Facts    []string `json:"facts"`
	Pages    [][2]any `json:"pages"`
	Answer   any      `json:"answer"`
}

// Line is what is written about a question.
func Line(q *Question, x *retrieve.Result, r Ranks, right bool) any {
	l := questionLine{ID: q.ID, Type: q.Type, Question: q.Text, Right: right, Formula: x.Formula, Score: x.Score, Ranks: r, Answer: q.Answer}
	if x.Refusal != nil {
		l.Refused = x.Refusal.Code + ": " + x.Refusal.Message
	} else {
		l.Value = x.Value.String()
	}
	for _, c := range x.Evidence() {
		l.Facts = append(l.Facts, c.Fact.ID)
	}
	for _, p := range x.Pages[:min(10, len(x.Pages))] {
		l.Pages = append(l.Pages, [2]any{p.Filing.Name, p.Page})
	}
	return l
}
