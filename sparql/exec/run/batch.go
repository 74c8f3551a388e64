package run

import "github.com/quaestor-kg/quaestor/kg"

// BatchRows is how many rows operators aim to hand on at once.
const BatchRows = 1024

// Batch is a set of rows, stored by column.
type Batch struct {
	N    int
	Cols [][]kg.ID // one per variable of the operator, each of length N
	// Mult tells how often each row counts; nil means once.
	Mult []int64
}

// Times returns how often row i counts.
func (b *Batch) Times(i int) int64 {
	if b.Mult == nil {
		return 1
	}
	return b.Mult[i]
}

// Source yields the rows of a query.
type Source interface {
	// Vars names the columns.
	Vars() []string
	// Next returns the next batch, which is good until the following call; nil
	// at the end.
	Next() (*Batch, error)
	// Close frees what the source holds; it may be called twice.
	Close()
}

// rowSource hands out rows that are already there.
type rowSource struct {
	vars []string
	rows [][]kg.ID
	b    Batch
}

// Rows returns a source of ready rows, each with a value per variable.
func Rows(vars []string, rows [][]kg.ID) Source { return &rowSource{vars: vars, rows: rows} }

func (s *rowSource) Vars() []string { return s.vars }
func (s *rowSource) Close()         {}
func (s *rowSource) Next() (*Batch, error) {
	n := min(len(s.rows), BatchRows)
	if n == 0 {
		return nil, nil
	}
	s.b = Batch{N: n, Cols: make([][]kg.ID, len(s.vars))}
	for c := range s.vars {
		col := make([]kg.ID, n)
		for i := range n {
			col[i] = s.rows[i][c]
		}
		s.b.Cols[c] = col
	}
	s.rows = s.rows[n:]
	return &s.b, nil
}
