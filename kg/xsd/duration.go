package xsd

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// DurationKind is one of the three duration datatypes.
type DurationKind uint8

// Kinds of duration.
const (
	AnyDuration DurationKind = iota
	YearMonth
	DayTime
)

var durationKinds = map[string]DurationKind{
	kg.XSD + "duration": AnyDuration, kg.XSD + "yearMonthDuration": YearMonth, kg.XSD + "dayTimeDuration": DayTime,
}

// DurationKindOf returns the kind of a datatype IRI.
func DurationKindOf(datatype string) (DurationKind, bool) {
	k, ok := durationKinds[datatype]
	return k, ok
}

// Datatype returns the datatype IRI.
func (k DurationKind) Datatype() string {
	return [...]string{kg.XSD + "duration", kg.XSD + "yearMonthDuration", kg.XSD + "dayTimeDuration"}[k]
}

// Duration is months plus seconds, all of one sign.
type Duration struct {
	Kind   DurationKind
	Months int64
	Secs   int64
	Frac   int64 // attoseconds, same sign as Secs
}

func newDuration(k DurationKind, months, secs, frac int64) Duration {
	switch {
	case frac <= -atto:
		secs, frac = secs-1, frac+atto
	case frac >= atto:
		secs, frac = secs+1, frac-atto
	}
	switch { // one sign for both
	case secs > 0 && frac < 0:
		secs, frac = secs-1, frac+atto
	case secs < 0 && frac > 0:
		secs, frac = secs+1, frac-atto
	}
	return Duration{Kind: k, Months: months, Secs: secs, Frac: frac}
}

// ParseDuration reads a duration literal: -PnYnMnDTnHnMnS.
func ParseDuration(s, datatype string) (Duration, error) {
	k, ok := durationKinds[datatype]
	if !ok {
		return Duration{}, ErrType
	}
	d := Duration{Kind: k}
	rest, neg := strings.CutPrefix(s, "-")
	rest, ok = strings.CutPrefix(rest, "P")
	if !ok || rest == "" {
		return d, ErrLexical
	}
	date, clock, hasT := strings.Cut(rest, "T")
	if hasT && clock == "" {
		return d, ErrLexical
	}
	p := scanner{s: date}
	months := p.units("YM", []int64{12, 1})
	secs := p.units("D", []int64{86400})
	p.bad = p.bad || p.s != ""
	p.s = clock
	secs += p.units("HM", []int64{3600, 60})
	var frac int64
	if p.s != "" {
		secs += p.number()
		frac = p.fraction()
		p.expect("S")
	}
	if p.bad || p.s != "" || months < 0 || secs < 0 {
		return d, ErrLexical
	}
	if k == YearMonth && strings.ContainsAny(s, "DT") || k == DayTime && strings.ContainsAny(date, "YM") {
		return d, ErrLexical
	}
	if neg {
		months, secs, frac = -months, -secs, -frac
	}
	d.Months, d.Secs, d.Frac = months, secs, frac
	return d, nil
}

func (p *scanner) number() int64 {
	d := p.digits()
	if d == "" || len(d) > 12 {
		p.bad = true
		return 0
	}
	var n int64
	for i := 0; i < len(d); i++ {
		n = n*10 + int64(d[i]-'0')
	}
	return n
}

// units reads optional numbers, each followed by its letter, in order.
func (p *scanner) units(letters string, worth []int64) (sum int64) {
	for i := range letters {
		j := 0
		for j < len(p.s) && p.s[j] >= '0' && p.s[j] <= '9' {
			j++
		}
		if j < len(p.s) && p.s[j] == letters[i] {
			n := p.number()
			if n > math.MaxInt64/8/worth[i] {
				p.bad = true
			}
			sum += n * worth[i]
			p.expect(letters[i : i+1])
		}
	}
	return sum
}

// Equal reports whether two durations of any kind are the same span.
func (d Duration) Equal(e Duration) bool {
	return d.Months == e.Months && d.Secs == e.Secs && d.Frac == e.Frac
}

// Compare orders two durations. Spans of months and spans of seconds have an
// order only if it holds from every one of four reference dates (XSD 1.1,
// section 3.3.6.1); else ErrIndeterminate.
func (d Duration) Compare(e Duration) (int, error) {
	if d.Months == e.Months {
		if c := cmp.Compare(d.Secs, e.Secs); c != 0 {
			return c, nil
		}
		return cmp.Compare(d.Frac, e.Frac), nil
	}
	if d.Secs == e.Secs && d.Frac == e.Frac {
		return cmp.Compare(d.Months, e.Months), nil
	}
	result := 2
	for _, ref := range [...]DateTime{
		{Year: 1696, Month: 9, Day: 1, HasTZ: true},
		{Year: 1697, Month: 2, Day: 1, HasTZ: true},
		{Year: 1903, Month: 3, Day: 1, HasTZ: true},
		{Year: 1903, Month: 7, Day: 1, HasTZ: true},
	} {
		a, err := ref.AddDuration(d)
		if err != nil {
			return 0, err
		}
		b, err := ref.AddDuration(e)
		if err != nil {
			return 0, err
		}
		c, err := a.Compare(b)
		if err != nil || result != 2 && result != c {
			return 0, ErrIndeterminate
		}
		result = c
	}
	return result, nil
}

func addInt(a, b int64) (int64, bool) { s := a + b; return s, (s > a) == (b > 0) }

// Add returns d + e.
func (d Duration) Add(e Duration) (Duration, error) {
	m, ok1 := addInt(d.Months, e.Months)
	s, ok2 := addInt(d.Secs, e.Secs)
	if !ok1 || !ok2 {
		return d, ErrOverflow
	}
	if m > 0 && s < 0 || m < 0 && s > 0 {
		return d, ErrOverflow // no single sign: outside the value space
	}
	k := d.Kind
	if e.Kind != k {
		k = AnyDuration
	}
	return newDuration(k, m, s, d.Frac+e.Frac), nil
}

// Neg returns -d.
func (d Duration) Neg() Duration {
	d.Months, d.Secs, d.Frac = -d.Months, -d.Secs, -d.Frac
	return d
}

// String is the canonical form.
func (d Duration) String() string {
	m, s, f := d.Months, d.Secs, d.Frac
	var b []byte
	if m < 0 || s < 0 || f < 0 {
		b = append(b, '-')
		m, s, f = -m, -s, -f
	}
	b = append(b, 'P')
	if m == 0 && s == 0 && f == 0 {
		if d.Kind == YearMonth {
			return "P0M"
		}
		return "PT0S"
	}
	put := func(n int64, unit byte) {
		if n != 0 {
			b = fmt.Appendf(b, "%d%c", n, unit)
		}
	}
	put(m/12, 'Y')
	put(m%12, 'M')
	put(s/86400, 'D')
	if s%86400 != 0 || f != 0 {
		b = append(b, 'T')
		put(s/3600%24, 'H')
		put(s/60%60, 'M')
		if s%60 != 0 || f != 0 {
			b = fmt.Appendf(b, "%d", s%60)
			b = append(appendFrac(b, f), 'S')
		}
	}
	return string(b)
}

// Term returns the literal.
func (d Duration) Term() kg.Term { return kg.NewTyped(d.String(), d.Kind.Datatype()) }
