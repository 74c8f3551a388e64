package run

import (
	"errors"
	"math/bits"
	"slices"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
)

// Op is an operator. Next returns a batch that is good until the following
// call, or nil at the end. An operator above a seed may be asked again after
// the end, once the seed was refilled.
type Op interface {
	Source
	// Sorted names the variables that the rows are sorted by, most significant
	// first; ids order.
	Sorted() []string
	Plan() *Plan
}

// Base is what every operator has. Operators set the exported fields before
// they are used.
type Base struct {
	Env   *Env
	Names []string // columns
	Order []string // see Op.Sorted
	Node  *Plan
	held  int64 // bytes charged to the run
}

// Vars is part of Op.
func (b *Base) Vars() []string { return b.Names }

// Sorted is part of Op.
func (b *Base) Sorted() []string { return b.Order }

// Plan is part of Op.
func (b *Base) Plan() *Plan { return b.Node }

// Charge charges memory that Release gives back.
func (b *Base) Charge(n int64) error {
	b.held += n
	return b.Env.Grow(n, b.Node.Op)
}

// Hold sets the bytes charged to n.
func (b *Base) Hold(n int64) error { return b.Charge(n - b.held) }

// Release gives back what was charged.
func (b *Base) Release() {
	_ = b.Env.Grow(-b.held, b.Node.Op) // giving back cannot fail
	b.held = 0
}

// Over is the base of an operator with the columns and order of its input.
func Over(env *Env, name, detail string, in Op) Base {
	return Base{Env: env, Names: in.Vars(), Order: in.Sorted(), Node: NewPlan(name, detail, -1, in)}
}

// Column returns the index of a variable, or -1.
func Column(vars []string, v string) int { return slices.Index(vars, v) }

// NewPlan describes an operator and its inputs.
func NewPlan(name, detail string, est float64, inputs ...Op) *Plan {
	p := &Plan{Op: name, Detail: detail, Estimate: est}
	for _, in := range inputs {
		p.Children = append(p.Children, in.Plan())
	}
	return p
}

// Meter returns an operator that counts the rows and the time of another.
func Meter(o Op) Op {
	o.Plan().Analyzed = true
	return &meter{Op: o}
}

type meter struct{ Op }

func (m *meter) Next() (*Batch, error) {
	t := time.Now()
	b, err := m.Op.Next()
	p := m.Op.Plan()
	p.Millis += float64(time.Since(t).Nanoseconds()) / 1e6
	if b != nil {
		p.Batches++
		for i := range b.N {
			p.Rows += b.Times(i)
		}
	}
	return b, err
}

// Out is a batch that an operator fills row by row.
type Out struct {
	Batch
	Weighted bool // Mult is in use
}

// NewOut returns an empty batch.
func NewOut(cols int) Out { return Out{Batch: Batch{Cols: make([][]kg.ID, cols)}} }

// Reset empties the batch.
func (o *Out) Reset() {
	o.N = 0
	for i := range o.Cols {
		o.Cols[i] = o.Cols[i][:0]
	}
	o.Mult = nil
	o.Weighted = false
}

// Weigh notes how often the row that is being added counts, in buf; call it
// before N grows.
func (o *Out) Weigh(buf *[]int64, m int64) {
	if m == 1 && !o.Weighted {
		return
	}
	if !o.Weighted {
		o.Weighted = true
		*buf = (*buf)[:0]
		for range o.N {
			*buf = append(*buf, 1)
		}
	}
	*buf = append(*buf, m)
	o.Mult = *buf
}

// maxTimes is where the number of times that a row counts stops growing; sums of
// a few such numbers still fit.
const maxTimes = 1 << 60

// ErrTooMany: a result has more solutions than can be counted.
var ErrTooMany = errors.New("sparql: more than 10^18 solutions: the patterns of the query are not connected")

// Product multiplies two numbers of times; beyond maxTimes it stays there, and
// TooMany tells.
func Product(a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > maxTimes {
		return maxTimes
	}
	return int64(lo)
}

// TooMany reports whether a number of times is no exact one any more.
func TooMany(n int64) bool { return n >= maxTimes || n < 0 }

// Mode says what a join does with left rows that match or do not.
type Mode uint8

// Modes. The columns of the right side exist for Inner and Outer only.
const (
	Inner Mode = iota
	Outer      // keep rows without match
	Semi       // keep rows with a match, once
	Anti       // keep rows without match only
)

// Prefix names the mode in plans, before the name of the operator.
func (m Mode) Prefix() string { return [...]string{"", "Left", "Semi", "Anti"}[m] }
