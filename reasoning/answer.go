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
	// Inferred allows an answer of what is likely where nothing is stated.
	Inferred bool
	// At names the state of the graph that whoever keeps states opens; empty: the
	// newest.
	At string
	// Previous makes the question a follow-up: "and Germany?". After names a run
	// instead; whoever keeps runs turns it into Previous.
	Previous *Previous
	After    string
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
	// Kind is "inferred" for what is likely and not stated; Probability is then
	// how likely, if that is calibrated.
	Kind        string   `json:"kind,omitempty"`
	Probability *float64 `json:"probability,omitempty"`
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
	Run     string  `json:"run,omitempty"`
	Status  string  `json:"status"` // answered or refused
	Answers []Value `json:"answers"`
	Text    string  `json:"text"`
	SPARQL  string  `json:"sparql"`
	// Inferred: the graph states no answer; what stands here is only likely.
	// Meaning says what its probability has meant.
	Inferred   bool     `json:"inferred,omitempty"`
	Meaning    string   `json:"meaning,omitempty"`
	Confidence *float64 `json:"confidence"` // 0 to 1, calibrated; nil: not calibrated
	// Answerable is the calibrated probability that the graph holds an answer at
	// all; nil: not calibrated.
	Answerable *float64 `json:"answerable,omitempty"`
	Reason     string   `json:"reason"` // why it was refused
	Refusal    *Refusal `json:"refusal,omitempty"`
	Path       *Path    `json:"path"`
	// Understood is the query in words; Anchored is its pipeline.
	Understood string `json:"understood,omitempty"`
	Anchored   string `json:"anchored,omitempty"`
	// Named are the parts of the question and what they were taken for.
	Named []NamedThing `json:"named,omitempty"`
	// Follows says how a follow-up was read, and ReadAs is the question that it
	// was read as.
	Follows      string             `json:"follows,omitempty"`
	ReadAs       string             `json:"read_as,omitempty"`
	Evidence     []Statement        `json:"evidence"`
	Alternatives []Alternative      `json:"alternatives"`
	Timings      map[string]float64 `json:"timings"` // seconds per stage
	Model        string             `json:"model"`
	Snapshot     uint64             `json:"snapshot"`
	Tokens       int                `json:"tokens"`
	// Figures are the reported figures that the answer rests on, and Derived
	// what was computed of them; only of answers from filings.
	Figures  []Figure  `json:"figures,omitempty"`
	Derived  []Derived `json:"derived,omitempty"`
	Spans    []Span    `json:"spans,omitempty"`
	Searched []string  `json:"searched,omitempty"` // names of the filings looked in
}

// Figure is one reported figure with everything that says what it is and where
// it stands.
type Figure struct {
	Value    string `json:"value"` // decimal; scale and sign applied
	Unit     string `json:"unit"`
	Scale    int    `json:"scale"` // power of ten it is shown in
	Decimals string `json:"decimals,omitempty"`
	Shown    string `json:"shown"`  // as people write it
	Period   string `json:"period"` // START/END or a day
	Fiscal   string `json:"fiscal"` // as the company calls it
	Company  string `json:"company"`
	Concept  string `json:"concept"`
	Label    string `json:"label"`
	Fact     string `json:"fact"` // IRI
	Filing   string `json:"filing"`
	Form     string `json:"form,omitempty"`
	Filed    string `json:"filed,omitempty"`

	Accession string `json:"accession,omitempty"`
	Page      int    `json:"page"` // from 0; -1: hidden
	Span      string `json:"span"` // id in Answer.Spans
	State     string `json:"state"`
	// Restated are other values that other filings give for the same thing.
	Restated []Figure `json:"restated,omitempty"`
}

// Answerer answers questions over a snapshot. emit, which may be nil, gets the
// events in order, from one goroutine. A refusal is an Answer, not an error;
// errors are failures of the machine, a cancelled context or an unusable
// question (see ErrQuestion).
type Answerer interface {
	Answer(ctx context.Context, s kg.Snapshot, q Question, emit func(Event)) (*Answer, error)
}
