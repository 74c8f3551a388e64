package embed

import (
	"fmt"
	"math"
	"sync"

	"github.com/quaestor-kg/quaestor/embed/kernel"
)

// Table is a trained model: parameters of every entity and relation, and the
// names they stand for. It is a BatchPredictor and Differentiable.
type Table struct {
	Spec       Spec
	Vocabulary Vocabulary // names may be absent; the hash is not
	Hash       string     // of the vocabulary
	Info       Info       // how it was trained
	Params     kernel.Rows
	RelParams  kernel.Rows // [2R][RelationWidth]

	model   Model[float32]
	rows    kernel.Rows // score rows; Params itself if the model is Identity
	scratch sync.Pool   // *[]float32 of Rank
}

// Info records how a table was trained and how good it was.
type Info struct {
	Dataset string  `json:"dataset,omitempty"`
	Seed    uint64  `json:"seed"`
	Epochs  int     `json:"epochs"`
	MRR     float64 `json:"mrr,omitempty"` // filtered, on the validation split, at the best epoch
	// Calibration maps scores to probabilities; nil if it was not fitted.
	Calibration *Calibration `json:"calibration,omitempty"`
}

var (
	_ BatchPredictor = (*Table)(nil)
	_ Differentiable = (*Table)(nil)
)

// MemoryError says that scores would take more memory than is allowed.
type MemoryError struct {
	What          string // whose scores
	Need, Allowed int64  // bytes
	Remedy        string
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("the scores of %s take %d KiB, more than the %d KiB allowed: %s", e.What, (e.Need+1023)>>10, e.Allowed>>10, e.Remedy)
}

// NewTable returns a table of zeros for a vocabulary.
func NewTable(s Spec, v Vocabulary) (*Table, error) {
	return newTable(s, v, v.Hash(), len(v.Entities), 2*len(v.Relations))
}

func newTable(s Spec, v Vocabulary, hash string, entities, relations int) (*Table, error) {
	m, err := NewModel[float32](s)
	if err != nil {
		return nil, err
	}
	if entities == 0 || relations == 0 {
		return nil, fmt.Errorf("a graph with %d entities and %d relations has nothing to learn from", entities, relations/2)
	}
	t := &Table{
		Spec: s, Vocabulary: v, Hash: hash,
		Params:    kernel.NewRows(entities, m.Width()),
		RelParams: kernel.NewRows(relations, m.RelationWidth()),
		model:     m,
	}
	t.scratch.New = func() any { b := make([]float32, m.Rank()); return &b }
	if m.Identity() {
		t.rows = t.Params
	} else {
		t.rows = kernel.NewRows(entities, m.Rank())
	}
	return t, nil
}

// Refresh recomputes the score rows after Params changed. It must not run
// beside a prediction.
func (t *Table) Refresh() {
	if t.model.Identity() {
		return
	}
	for e := range t.rows.N {
		t.model.Row(t.Params.Row(e), t.rows.Row(e))
	}
}

// Model returns the mathematics of the table.
func (t *Table) Model() Model[float32] { return t.model }

// Rows returns the score rows, which the caller must not change.
func (t *Table) Rows() kernel.Rows { return t.rows }

// Entities is the number of entities.
func (t *Table) Entities() int { return t.Params.N }

// Relations is twice the number of relation names.
func (t *Table) Relations() int { return t.RelParams.N }

// Rank is the length of a query vector.
func (t *Table) Rank() int { return t.model.Rank() }

// Width is the length of an entity's parameter vector.
func (t *Table) Width() int { return t.model.Width() }

// Entity returns the parameters of an entity.
func (t *Table) Entity(e int32) []float32 { return t.Params.Row(int(e)) }

// Relation returns the parameters of a directed relation.
func (t *Table) Relation(r int32) []float32 { return t.RelParams.Row(int(r)) }

// Query writes the query vector of (h, r, ?).
func (t *Table) Query(h, r int32, q []float32) { t.QueryFrom(t.Entity(h), r, q) }

// QueryFrom writes the query vector of any head.
func (t *Table) QueryFrom(head []float32, r int32, q []float32) {
	t.model.Query(head, t.Relation(r), q[:t.Rank()])
}

// ScoreAll writes the scores of a query vector against all entities.
func (t *Table) ScoreAll(q, out []float32) { t.rows.Multiply(q, out) }

// Score is the score of a query vector against one entity.
func (t *Table) Score(q []float32, e int32) float32 {
	return t.rows.MultiplyRow(q, int(e))
}

// ScoreBatch writes the scores of qs [n][Rank] against all entities into out
// [n][N].
func (t *Table) ScoreBatch(qs, out []float32) { t.rows.MultiplyMany(qs, out) }

// ScoreVectors returns the score of vectors that need not be in the table.
func (t *Table) ScoreVectors(head []float32, r int32, tail []float32) float32 {
	q, row := t.vector(), t.vector()
	defer t.scratch.Put(q)
	defer t.scratch.Put(row)
	t.model.Query(head, t.Relation(r), *q)
	t.model.Row(tail, *row)
	return kernel.Dot(*q, *row)
}

// GradVectors adds the gradients of ScoreVectors, times up, to dhead and dtail.
func (t *Table) GradVectors(head []float32, r int32, tail []float32, up float32, dhead, dtail []float32) {
	q, row := t.vector(), t.vector()
	defer t.scratch.Put(q)
	defer t.scratch.Put(row)
	t.model.Query(head, t.Relation(r), *q)
	t.model.Row(tail, *row)
	scale(*q, up)
	scale(*row, up)
	if dtail != nil {
		t.model.RowGrad(tail, *q, dtail)
	}
	if dhead != nil {
		// The relation's gradient is not wanted; its buffer is ours.
		dr := make([]float32, t.model.RelationWidth())
		t.model.QueryGrad(head, t.Relation(r), *row, dhead, dr)
	}
}

func (t *Table) vector() *[]float32 { return t.scratch.Get().(*[]float32) }

func scale(v []float32, by float32) {
	for i := range v {
		v[i] *= by
	}
}

// check returns an error that names the first parameter that is not finite.
func (t *Table) check() error {
	for _, part := range []struct {
		what string
		rows kernel.Rows
	}{{"entity", t.Params}, {"relation", t.RelParams}} {
		for i := range part.rows.N {
			for k, x := range part.rows.Row(i) {
				if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
					return fmt.Errorf("parameter %d of %s %d is %v", k, part.what, i, x)
				}
			}
		}
	}
	return nil
}

// Sigma returns the uncertainty that a model with one assigns to an entity: the
// root mean square of the spread over coordinates. ok is false for models that
// have none.
func (t *Table) Sigma(e int32) (sigma float64, ok bool) {
	v, d := t.Entity(e), t.Spec.Dim
	var parts []float32
	switch t.Spec.Model {
	case "nfe1", "nfe2", "nfe3":
		parts = v[d:]
	case "nfe1-sigma":
		parts = v
	default:
		return 0, false
	}
	var sum float64
	for _, x := range parts {
		s := float64(x)
		if t.Spec.Model == "nfe3" {
			s = math.Log1p(math.Exp(s))
		}
		sum += s * s
	}
	return math.Sqrt(sum / float64(len(parts))), true
}

// Project returns a table for another vocabulary that takes every name it
// knows from this one. It returns how many entities of v are unknown; their
// vectors are zero. Every relation of v must be known.
func (t *Table) Project(v Vocabulary) (*Table, int, error) {
	if t.Vocabulary.Entities == nil {
		return nil, 0, &GraphError{Reason: "it holds no names to project by"}
	}
	out, err := NewTable(t.Spec, v)
	if err != nil {
		return nil, 0, err
	}
	out.Info = t.Info
	ents, rels := index(t.Vocabulary.Entities), index(t.Vocabulary.Relations)
	for i, name := range v.Relations {
		j, ok := rels[name]
		if !ok {
			return nil, 0, &GraphError{Reason: fmt.Sprintf("it has no relation %q", name)}
		}
		copy(out.Relation(int32(i)), t.Relation(j))
		copy(out.Relation(int32(i+len(v.Relations))), t.Relation(j+int32(len(t.Vocabulary.Relations))))
	}
	unknown := 0
	for i, name := range v.Entities {
		if j, ok := ents[name]; ok {
			copy(out.Entity(int32(i)), t.Entity(j))
		} else {
			unknown++
		}
	}
	out.Refresh()
	return out, unknown, nil
}

func index(names []string) map[string]int32 {
	m := make(map[string]int32, len(names))
	for i, n := range names {
		m[n] = int32(i)
	}
	return m
}
