// Package qa measures how well questions are answered: data sets of questions
// with gold queries, the figures reported for them, the ceilings of linking and
// enumeration, and the ablation of the constraint.
package qa

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// Question is one line of a data set.
type Question struct {
	ID       string          `json:"id"`
	Text     string          `json:"question"`
	SPARQL   string          `json:"sparql"`
	Answers  []string        `json:"answers"` // IRIs, lexical forms, or true/false
	Rows     [][]string      `json:"rows"`    // instead of answers: only the first column is compared
	Split    string          `json:"split"`
	Topic    json.RawMessage `json:"topic"`
	Path     json.RawMessage `json:"path"`
	Feasible *bool           `json:"answerable"` // false: the right outcome is a refusal
}

// Gold returns the set of right answers.
func (q *Question) Gold() map[string]bool {
	gold := map[string]bool{}
	for _, a := range q.Answers {
		gold[a] = true
	}
	if q.Answers == nil {
		for _, r := range q.Rows {
			if len(r) > 0 {
				gold[r[0]] = true
			}
		}
	}
	return gold
}

// ReadQuestions reads a .jsonl or .jsonl.gz file.
func ReadQuestions(path string) ([]Question, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	br := bufio.NewReaderSize(f, 1<<16)
	var r io.Reader = br
	if magic, _ := br.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		defer z.Close()
		r = z
	}
	var out []Question
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 16<<20)
	for line := 1; sc.Scan(); line++ {
		if strings.TrimSpace(sc.Text()) == "" {
			continue
		}
		var q Question
		if err := json.Unmarshal(sc.Bytes(), &q); err != nil {
			return nil, fmt.Errorf("%s:%d: not a question: %w", path, line, err)
		}
		if q.Text == "" {
			return nil, fmt.Errorf("%s:%d: field \"question\" is missing or empty", path, line)
		}
		if q.ID == "" {
			q.ID = fmt.Sprintf("line-%d", line)
		}
		out = append(out, q)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// Sample returns n questions, one for each text, chosen by the seed; n <= 0
// keeps all in their order.
func Sample(qs []Question, n int, seed uint64) []Question {
	if n <= 0 {
		return qs
	}
	seen := map[string]bool{}
	var distinct []Question
	for _, q := range qs {
		if t := strings.ToLower(q.Text); !seen[t] {
			seen[t] = true
			distinct = append(distinct, q)
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	rng.Shuffle(len(distinct), func(i, j int) { distinct[i], distinct[j] = distinct[j], distinct[i] })
	return distinct[:min(n, len(distinct))]
}

// LoadGraph reads files of triples into memory and returns a snapshot.
func LoadGraph(ctx context.Context, paths ...string) (kg.Snapshot, error) {
	st := mem.New()
	for _, path := range paths {
		r, f, err := rdf.Open(path)
		if err != nil {
			return nil, err
		}
		_, err = st.Load(ctx, rdf.Read(ctx, r, rdf.ReadOptions{Format: f}))
		r.Close()
		if err != nil {
			return nil, err
		}
	}
	return st.Snapshot()
}
