// Package reasoning answers questions: it links the question's words to the
// graph, lets the decoder write a query that the graph supports, runs it,
// gathers the statements that prove the result, and decides whether the answer
// can be stood behind. Numbers in answers come from rows, never from the
// decoder.
package reasoning

import (
	"context"

	"github.com/quaestor-kg/quaestor/kg"
)

// Question is what is asked, and how.
type Question struct {
	Text string
	// Run names this run; it is made up when empty.
	Run string
	// Reading chooses one of the readings of an earlier run; 0 is the best.
	Reading int
	// Links pins mentions to entities.
	Links []Link
	// Beams is the width of the search; 0 is the default.
	Beams int
	// Lang is the language of labels, such as "en".
	Lang string
}

// Link pins a part of the question, in UTF-16 offsets, to an entity.
type Link struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	IRI  string `json:"iri"`
}

// Value is one answer: a term with its label.
type Value struct {
	Value    string `json:"value"`
	Type     string `json:"type"` // uri, bnode or literal
	Label    string `json:"label,omitempty"`
	Datatype string `json:"datatype,omitempty"`
	Lang     string `json:"lang,omitempty"`
}

// Alternative is another reading with its answers.
type Alternative struct {
	SPARQL  string  `json:"sparql"`
	English string  `json:"english"`
	Weight  float64 `json:"weight"`
	Rows    int64   `json:"rows"`
}

// Answer is the outcome of a question; its JSON form is that of `ask --json`.
type Answer struct {
	Status       string             `json:"status"` // answered or refused
	Answers      []Value            `json:"answers"`
	Text         string             `json:"text"`
	SPARQL       string             `json:"sparql"`
	Confidence   *float64           `json:"confidence"` // 0 to 1, calibrated; nil: not calibrated
	Reason       string             `json:"reason"`     // why it was refused
	Refusal      *Refusal           `json:"refusal,omitempty"`
	Path         *Path              `json:"path"`
	Evidence     []Statement        `json:"evidence"`
	Alternatives []Alternative      `json:"alternatives"`
	Timings      map[string]float64 `json:"timings"` // seconds per stage
	Model        string             `json:"model"`
	Snapshot     uint64             `json:"snapshot"`
	Tokens       int                `json:"tokens"`
}

// Answerer answers questions over a snapshot. emit, which may be nil, gets the
// events in order, from one goroutine. A refusal is an Answer, not an error;
// errors are failures of the machine, a cancelled context or an unusable
// question (see ErrQuestion).
type Answerer interface {
	Answer(ctx context.Context, s kg.Snapshot, q Question, emit func(Event)) (*Answer, error)
}
