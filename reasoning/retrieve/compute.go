package retrieve

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

var (
	hundred = xsd.NewDecimal(100, 0)
)

// evaluate computes the cell from its facts. prior gives the same leaf at the
// end of the period before. Averages append the fact of the period before.
func (c *Cell) evaluate(e lexicon.Expr, prior func(leaf int) (Cited, bool)) error {
	base := slices.Clone(c.Facts)
	var walk func(e lexicon.Expr) (xsd.Decimal, string, error)
	walk = func(e lexicon.Expr) (xsd.Decimal, string, error) {
		switch e.Op {
		case 0:
			i, err := strconv.Atoi(e.Name)
			if err != nil || i >= len(base) {
				return xsd.Decimal{}, "", fmt.Errorf("operand %q is none of %d", e.Name, len(base))
			}
			d, err := base[i].Fact.Decimal()
			return d, "f" + e.Name, err
		case '#':
			d, err := xsd.ParseDecimal(e.Name)
			return d, e.Name, err
		case 'a':
			x, s, err := walk(e.Terms[0])
			if err != nil {
				return x, s, err
			}
			i, err := strconv.Atoi(e.Terms[0].Name)
			if err != nil || prior == nil {
				return x, s, errors.New("a mean needs the period before, which is not held")
			}
			before, ok := prior(i)
			if !ok {
				return x, s, errors.New("a mean needs the period before, which is not held")
			}
			y, err := before.Fact.Decimal()
			if err != nil {
				return x, s, err
			}
			c.Facts = append(c.Facts, before)
			sum, err := x.Add(y)
			if err != nil {
				return sum, s, err
			}
			d, err := sum.Div(xsd.NewDecimal(2, 0))
			return d, fmt.Sprintf("(%s + f%d) / 2", s, len(c.Facts)-1), err
		}
		a, sa, err := walk(e.Terms[0])
		if err != nil {
			return a, "", err
		}
		b, sb, err := walk(e.Terms[1])
		if err != nil {
			return b, "", err
		}
		if composite(e.Terms[0]) && (e.Op == '*' || e.Op == '/') && addition(e.Terms[0]) {
			sa = "(" + sa + ")"
		}
		if composite(e.Terms[1]) {
			sb = "(" + sb + ")"
		}
		d, err := arithmetic(e.Op, a, b)
		return d, sa + " " + string(e.Op) + " " + sb, err
	}
	v, formula, err := walk(e)
	if err != nil {
		return err
	}
	if c.Kind == lexicon.Percent && e.Op != 0 {
		if v, err = v.Mul(hundred); err != nil {
			return err
		}
		if addition(e) {
			formula = "(" + formula + ")"
		}
		formula += " * 100"
	}
	c.Value, c.Formula = v, formula
	if e.Op == 0 {
		c.Formula = ""
		f := base[0].Fact
		c.Unit = f.Unit
		if f.Unit == "xbrli:pure" && isRate(base[0]) {
			c.Kind = lexicon.Percent
			if c.Value, err = v.Mul(hundred); err != nil {
				return err
			}
			c.Formula = "f0 * 100"
		}
		return nil
	}
	if c.Kind == lexicon.Money || c.Kind == "" {
		c.Unit = base[0].Fact.Unit
	}
	return nil
}

// isRate reports whether a pure number is shown as a percentage: its scale
// says so.
func isRate(c Cited) bool { return c.Fact.Scale == -2 }

func composite(e lexicon.Expr) bool { return len(e.Terms) > 1 }
func addition(e lexicon.Expr) bool  { return e.Op == '+' || e.Op == '-' }

func arithmetic(op byte, a, b xsd.Decimal) (xsd.Decimal, error) {
	switch op {
	case '+':
		return a.Add(b)
	case '-':
		return a.Sub(b)
	case '*':
		return a.Mul(b)
	}
	if b.Sign() == 0 {
		return b, errors.New("the divisor is zero")
	}
	return a.Div(b)
}

// compute makes the answer's value of the cells.
func (x *Result) compute() error {
	cells := x.Cells
	first, last := cells[0], cells[len(cells)-1]
	x.Kind, x.Unit = first.Kind, first.Unit
	set := func(v xsd.Decimal, err error, formula string) error {
		x.Value, x.Formula = v, formula
		return err
	}
	for _, c := range cells[1:] {
		if c.Unit != first.Unit || c.Kind != first.Kind {
			if x.Op != plan.Value && x.Op != plan.Pair {
				return fmt.Errorf("%s is in %s and %s in %s: they cannot be compared", first.Company.Short(), unitName(first), c.Company.Short(), unitName(c))
			}
		}
	}
	end := "c" + strconv.Itoa(len(cells)-1)
	switch x.Op {
	case plan.Change, plan.CAGR:
		if len(cells) < 2 {
			break
		}
		if first.Kind == lexicon.Percent && !x.Question.Percent {
			v, err := last.Value.Sub(first.Value)
			return set(v, err, end+" - c0")
		}
		if first.Value.Sign() == 0 {
			return errors.New("the first value is zero: there is no change in percent")
		}
		if x.Op == plan.CAGR {
			years := years(x.Question.Periods)
			ratio := last.Value.Float() / first.Value.Float()
			if ratio <= 0 || years <= 0 {
				return errors.New("a compound rate needs two values of one sign and years between them")
			}
			x.Kind = lexicon.Percent
			v, err := xsd.FromFloat(math.Round((math.Pow(ratio, 1/float64(years))-1)*1e8) / 1e6)
			return set(v, err, fmt.Sprintf("((%s / c0) ^ (1 / %d) - 1) * 100", end, years))
		}
		d, err := last.Value.Sub(first.Value)
		if err != nil {
			return err
		}
		d, err = d.Mul(hundred)
		if err != nil {
			return err
		}
		d, err = d.Div(first.Value.Abs())
		x.Kind = lexicon.Percent
		f := fmt.Sprintf("(%s - c0) / c0 * 100", end)
		if first.Value.Sign() < 0 {
			f = fmt.Sprintf("(%s - c0) / -c0 * 100", end)
		}
		return set(d, err, f)
	case plan.Points, plan.Diff:
		if len(cells) < 2 {
			break
		}
		if x.Op == plan.Diff && len(x.Question.Companies) > 1 && len(x.Question.Periods) < 2 {
			v, err := first.Value.Sub(last.Value)
			return set(v, err, "c0 - "+end)
		}
		v, err := last.Value.Sub(first.Value)
		return set(v, err, end+" - c0")
	case plan.Compare, plan.Highest, plan.Lowest, plan.Rank:
		low := x.Op == plan.Lowest || x.Op == plan.Compare && x.Question.Lowest
		w := 0
		for i, c := range cells {
			if d := c.Value.Cmp(cells[w].Value); low && d < 0 || !low && d > 0 {
				w = i
			}
		}
		if x.Op == plan.Rank {
			slices.SortStableFunc(cells, func(a, b Cell) int { return b.Value.Cmp(a.Value) })
			w = 0
		}
		x.Winner = w
		if x.Op == plan.Compare && len(cells) == 2 {
			o := 1 - w
			v, err := cells[w].Value.Sub(cells[o].Value)
			f := fmt.Sprintf("c%d - c%d", w, o)
			if low {
				v, f = v.Neg(), fmt.Sprintf("c%d - c%d", o, w)
			}
			return set(v, err, f)
		}
		x.Value = cells[w].Value
		return nil
	case plan.Sum, plan.Average:
		v := xsd.NewDecimal(0, 0)
		var terms []string
		for i, c := range cells {
			var err error
			if v, err = v.Add(c.Value); err != nil {
				return err
			}
			terms = append(terms, "c"+strconv.Itoa(i))
		}
		f := strings.Join(terms, " + ")
		if x.Op == plan.Average {
			var err error
			if v, err = v.Div(xsd.NewDecimal(int64(len(cells)), 0)); err != nil {
				return err
			}
			f = fmt.Sprintf("(%s) / %d", f, len(cells))
		}
		return set(v, nil, f)
	}
	x.Value = first.Value
	return nil
}

// years is how many years lie between the first and the last period.
func years(ps []plan.Period) int {
	if len(ps) < 2 {
		return 0
	}
	a, b := ps[0], ps[len(ps)-1]
	if a.Kind == plan.Last {
		return a.Shift - b.Shift
	}
	return b.Year - a.Year
}

func unitName(c Cell) string {
	if c.Unit == "" {
		return string(c.Kind)
	}
	return c.Unit
}
