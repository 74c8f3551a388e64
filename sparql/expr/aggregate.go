package expr

import (
	"strings"

	"github.com/quaestor-kg/quaestor/kg/xsd"
)

// Accumulator computes one aggregate over one group (SPARQL 1.1, section
// 18.5.1). Duplicates are removed by the caller if DISTINCT is wanted.
type Accumulator interface {
	// Add takes a value that occurs n times; kind Err if the expression failed.
	Add(c *Ctx, v Value, n int64)
	// Result returns the aggregate.
	Result(c *Ctx) Value
	// Bytes is about how much memory the accumulator holds.
	Bytes() int64
}

// NewAccumulator returns an empty accumulator of the named aggregate.
func NewAccumulator(name, separator string) Accumulator {
	switch name {
	case "COUNT":
		return &counter{}
	case "SUM":
		return &Summer{}
	case "AVG":
		return &Summer{Avg: true}
	case "MIN":
		return &extreme{sign: -1}
	case "MAX":
		return &extreme{sign: 1}
	case "GROUP_CONCAT":
		return &concat{sep: separator}
	}
	return &sample{}
}

type counter struct{ n int64 }

func (a *counter) Add(_ *Ctx, v Value, n int64) {
	if v.K != Err {
		a.n += n
	}
}
func (a *counter) Result(*Ctx) Value { return integer(a.n) }
func (a *counter) Bytes() int64      { return 24 }

// Summer is the accumulator of SUM and, with Avg, of AVG. Its zero value is
// empty.
type Summer struct {
	Avg    bool
	failed bool
	n      int64
	small  int64 // sum of integers while it fits
	rest   xsd.Number
}

// Add is part of Accumulator.
func (a *Summer) Add(c *Ctx, v Value, n int64) {
	a.n += n
	if a.failed {
		return
	}
	if v.K == Int {
		const bound = 1 << 40
		if v.N < bound && v.N > -bound && n < 1<<20 {
			a.small += v.N * n
			if a.small < 1<<61 && a.small > -1<<61 {
				return
			}
			a.flush()
			return
		}
	}
	c.resolve(&v)
	x, ok := v.Number()
	if !ok {
		a.failed = true
		return
	}
	var err error
	if n != 1 {
		if x, err = x.Mul(xsd.Int(n)); err != nil {
			a.failed = true
			return
		}
	}
	a.add(x)
}

func (a *Summer) add(x xsd.Number) {
	var err error
	if a.rest, err = a.rest.Add(x); err != nil {
		a.failed = true
	}
}

func (a *Summer) flush() {
	a.add(xsd.Int(a.small))
	a.small = 0
}

// Result is part of Accumulator.
func (a *Summer) Result(*Ctx) Value {
	a.flush()
	if a.failed {
		return errValue
	}
	if !a.Avg || a.n == 0 {
		return number(a.rest)
	}
	q, err := a.rest.Div(xsd.Int(a.n))
	if err != nil {
		return errValue
	}
	return number(q)
}

// Bytes is part of Accumulator.
func (a *Summer) Bytes() int64 { return 96 }

type extreme struct {
	sign   int
	failed bool
	best   Value
}

func (a *extreme) Add(c *Ctx, v Value, _ int64) {
	if v.K == Err {
		a.failed = true
	}
	if a.failed {
		return
	}
	if a.best.K == Err || c.Order(v, a.best)*a.sign > 0 {
		c.resolve(&v)
		a.best = v
	}
}

func (a *extreme) Result(*Ctx) Value {
	if a.failed {
		return errValue
	}
	return a.best
}
func (a *extreme) Bytes() int64 { return 160 }

type sample struct{ v Value }

func (a *sample) Add(c *Ctx, v Value, _ int64) {
	if a.v.K == Err {
		a.v = v
	}
}
func (a *sample) Result(*Ctx) Value { return a.v }
func (a *sample) Bytes() int64      { return 96 }

type concat struct {
	sep    string
	any    bool
	failed bool
	b      strings.Builder
}

func (a *concat) Add(c *Ctx, v Value, n int64) {
	c.resolve(&v)
	if v.K != Err {
		v = fnStr(c, []Value{v})
	}
	if v.K == Err {
		a.failed = true
	}
	for ; n > 0 && !a.failed; n-- {
		if a.any {
			a.b.WriteString(a.sep)
		}
		a.any = true
		a.b.WriteString(v.S)
		if a.b.Len() > maxString {
			a.failed = true
		}
	}
}

func (a *concat) Result(*Ctx) Value {
	if a.failed {
		return errValue
	}
	return str(a.b.String())
}
func (a *concat) Bytes() int64 { return 96 + int64(a.b.Cap()) }
