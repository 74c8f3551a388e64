package reasoning

import "encoding/json"

// Event is one step of an answer in the making, in the order and with the
// fields of the console's contract. Name is the event's name on the wire and
// Data its body.
type Event struct {
	Name string
	Data any // one of the types below
}

// MarshalJSON writes {"event": name, "data": body}, the form of --json output
// and of a recorded run.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Event string `json:"event"`
		Data  any    `json:"data"`
	}{e.Name, e.Data})
}

// Term is an RDF term in SPARQL-results JSON form, with a label for readers.
type Term struct {
	Type     string `json:"type"` // uri, bnode, literal or triple
	Value    string `json:"value"`
	Datatype string `json:"datatype,omitempty"`
	Lang     string `json:"xml:lang,omitempty"`
	Label    string `json:"label,omitempty"`
	Curie    string `json:"curie,omitempty"`
}

// Open is the first event ("open").
type Open struct {
	V           int          `json:"v"`
	Run         string       `json:"run"`
	At          string       `json:"at"` // snapshot id
	AtTime      string       `json:"atTime,omitempty"`
	Question    string       `json:"question"`
	Lang        string       `json:"lang,omitempty"`
	Model       *string      `json:"model"` // nil: no decoder
	Calibration *Calibration `json:"calibration,omitempty"`
}

// Calibration says what a confidence rests on; without it no number is shown.
type Calibration struct {
	N         int    `json:"n"`
	Date      string `json:"date,omitempty"`
	Threshold int    `json:"threshold"` // 0 to 100
}

// Stage marks the start, end or omission of a stage ("stage"): link, write,
// run, infer, evidence or verify.
type Stage struct {
	Stage string `json:"stage"`
	State string `json:"state"` // start, end or skip
	Ms    int64  `json:"ms,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Mention is a part of the question and what it may name ("mention"). From and
// To are UTF-16 offsets in the question.
type Mention struct {
	I          int         `json:"i"`
	From       int         `json:"from"`
	To         int         `json:"to"`
	Candidates []Candidate `json:"candidates"`
	Chosen     *string     `json:"chosen"` // IRI; nil: none
}

// Candidate is one thing a mention may name.
type Candidate struct {
	IRI    string  `json:"iri"`
	Label  string  `json:"label"`
	Class  string  `json:"class,omitempty"`
	Degree int64   `json:"degree,omitempty"`
	Score  float64 `json:"score,omitempty"`
}

// Follow says how a follow-up was read ("follow").
type Follow struct {
	How      string `json:"how"`
	Question string `json:"question"` // that it was read as
}

// Token is newly written query text ("token"). From is the UTF-16 offset at
// which the pieces go.
type Token struct {
	From   int     `json:"from"`
	Pieces []Piece `json:"pieces"`
}

// Piece is a piece of query text and how free its choice was.
type Piece struct {
	T       string  `json:"t"`
	Forced  bool    `json:"forced,omitempty"`
	Slot    string  `json:"slot,omitempty"`
	Allowed int     `json:"allowed,omitempty"`
	Mass    float64 `json:"mass,omitempty"`
}

// Retract takes written text back to an offset ("retract").
type Retract struct {
	To     int    `json:"to"`
	Reason string `json:"reason,omitempty"`
}

// Reading is one way to understand the question ("reading").
type Reading struct {
	N      int      `json:"n"`
	Label  string   `json:"label"`
	Parts  []string `json:"parts,omitempty"`
	Count  *int64   `json:"count"` // rows; nil: unknown
	Exact  bool     `json:"exact"`
	Chosen bool     `json:"chosen"`
}

// Query is the finished query ("query").
type Query struct {
	SPARQL   string  `json:"sparql"`
	Anchored string  `json:"anchored,omitempty"` // the pipeline it was written as
	English  string  `json:"english,omitempty"`
	Tokens   int     `json:"tokens,omitempty"`
	Forced   int     `json:"forced,omitempty"`
	Drafts   []Draft `json:"drafts,omitempty"`
}

// Draft is a query that was considered.
type Draft struct {
	SPARQL string  `json:"sparql"`
	Group  string  `json:"group"` // drafts of one letter have the same answers
	Weight float64 `json:"weight"`
	Why    string  `json:"why,omitempty"` // why it was dropped
	Rows   int64   `json:"rows,omitempty"`
}

// Rows are rows of the result ("rows"); several events append.
type Rows struct {
	Vars    []string          `json:"vars"`
	Rows    []map[string]Term `json:"rows"`
	Kinds   []string          `json:"kinds"` // stated, derived or inferred, per row
	More    bool              `json:"more"`
	Total   int64             `json:"total"`
	Boolean *bool             `json:"boolean,omitempty"` // of a yes/no question
}

// Evidence are the statements that prove the answer ("evidence").
type Evidence struct {
	Statements []Statement `json:"statements"`
	Spans      []Span      `json:"spans"`
}

// Statement is one stated quad and the rows it supports.
type Statement struct {
	ID    string   `json:"id"`
	S     Term     `json:"s"`
	P     Term     `json:"p"`
	O     Term     `json:"o"`
	G     *Term    `json:"g,omitempty"`
	Kind  string   `json:"kind"` // stated
	Spans []string `json:"spans"`
	Rows  []int    `json:"rows,omitempty"`
}

// Span is a cited part of a document, in bytes.
type Span struct {
	ID     string `json:"id"`
	Doc    string `json:"doc"`
	Start  int    `json:"start"`
	End    int    `json:"end"`
	SHA256 string `json:"sha256,omitempty"`
	State  string `json:"state,omitempty"`
	Page   int    `json:"page,omitempty"`
	Title  string `json:"title,omitempty"` // of the document
	Text   string `json:"text"`
}

// Path is the picture of the proof ("path").
type Path struct {
	Nodes []PathNode `json:"nodes"`
	Edges []PathEdge `json:"edges"`
}

// PathNode is a node of a Path.
type PathNode struct {
	ID    string `json:"id"`
	Term  *Term  `json:"term,omitempty"`
	Label string `json:"label"`
	Sub   string `json:"sub,omitempty"`
	Kind  string `json:"kind,omitempty"` // entity, literal, derived, class or var
}

// PathEdge is an edge of a Path.
type PathEdge struct {
	ID        string `json:"id"`
	From      string `json:"from"`
	To        string `json:"to"`
	Label     string `json:"label,omitempty"`
	Statement string `json:"statement,omitempty"`
	Kind      string `json:"kind"`
}

// Verdict says whether the answer stands ("verdict").
type Verdict struct {
	Outcome    string      `json:"outcome"` // answered or refused
	Confidence *Confidence `json:"confidence,omitempty"`
	Rests      []string    `json:"rests,omitempty"`
	Refusal    *Refusal    `json:"refusal,omitempty"`
}

// Confidence is a calibrated share of right answers, 0 to 100, with its
// interval and the number of questions behind it.
type Confidence struct {
	Value int `json:"value"`
	Low   int `json:"low"`
	High  int `json:"high"`
	N     int `json:"n"`
}

// Refusal says why there is no answer and what would help. Code is one of the
// console's refusal codes: unknown-entity, ambiguous, no-relation, no-fact,
// no-period, not-a-query, outside-knowledge, drafts-disagree, low-confidence,
// conflict, over-budget, unsupported.
type Refusal struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Tried   []string `json:"tried,omitempty"`
	Needs   []Need   `json:"needs,omitempty"`
}

// Need is a next action that a refusal offers.
type Need struct {
	Label    string `json:"label"`
	IRI      string `json:"iri,omitempty"`     // ask again with this link
	Mention  *int   `json:"mention,omitempty"` // for this mention
	Question string `json:"question,omitempty"`
	Reading  int    `json:"reading,omitempty"`
	SPARQL   string `json:"sparql,omitempty"`
}

// Sentence is the composed answer ("answer").
type Sentence struct {
	Headline  *Segment   `json:"headline,omitempty"`
	Segments  []Segment  `json:"segments"`
	Derived   []Derived  `json:"derived,omitempty"`
	Citations []Citation `json:"citations,omitempty"`
}

// Segment is a piece of the sentence: plain text, a value that a row holds, or
// a reference to a citation. Digits never stand in Text unless the question
// holds them.
type Segment struct {
	Text string `json:"text,omitempty"`
	Val  *Val   `json:"val,omitempty"`
	As   string `json:"as,omitempty"`
	Ref  int    `json:"ref,omitempty"`
}

// Val says where a value comes from: a cell, the number of rows, or a derived
// value.
type Val struct {
	Row     int    `json:"row"`
	Var     string `json:"var,omitempty"`
	Count   bool   `json:"count,omitempty"`
	Derived string `json:"derived,omitempty"`
	Span    string `json:"span,omitempty"`
}

// Derived is a value computed from rows.
type Derived struct {
	ID       string   `json:"id"`
	Formula  string   `json:"formula"`
	Operands []string `json:"operands"`
	Value    string   `json:"value"`
	Digits   int      `json:"digits"`
	Label    string   `json:"label,omitempty"` // what it is
}

// Citation is a numbered reference to a statement or span.
type Citation struct {
	N         int    `json:"n"`
	Statement string `json:"statement,omitempty"`
	Span      string `json:"span,omitempty"`
	Label     string `json:"label"`
}

// End is the last event ("end").
type End struct {
	Outcome string           `json:"outcome"` // answered, refused, cancelled or failed
	Ms      int64            `json:"ms"`
	Stages  map[string]int64 `json:"stages,omitempty"`
	Tokens  int              `json:"tokens,omitempty"`
}
