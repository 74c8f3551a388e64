package xsd

import (
	"errors"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Errors of arithmetic. They are sentinels because a query turns every one of
// them into an unbound result.
var (
	ErrDivZero  = errors.New("xsd: division by zero")
	ErrOverflow = errors.New("xsd: number too large")
	ErrLexical  = errors.New("xsd: not a lexical form of the datatype")
	ErrType     = errors.New("xsd: operands of incompatible types")
	// ErrIndeterminate: the two values have no order, such as a dateTime with
	// and one without time zone less than 14 hours apart.
	ErrIndeterminate = errors.New("xsd: values have no order")
)

// DivDigits is the number of digits after the point that Div keeps at least;
// XSD 1.1 section 5.4 asks for 18 in total, F&O leaves it to us.
const DivDigits = 24

// maxDigits bounds the size of a result, so that a query that squares a number
// again and again ends with ErrOverflow instead of filling the memory.
const maxDigits = 100_000

// Decimal is a number n / 10^scale of any precision. The zero value is 0. It
// is always reduced: scale is 0 or n is not a multiple of ten. Decimals are
// values; none of the methods changes its operands.
type Decimal struct {
	n     int64    // used if big is nil
	big   *big.Int // set only if the number does not fit n
	scale int32
}

var (
	bigTen = big.NewInt(10)
	pow10  = func() (p [19]int64) {
		p[0] = 1
		for i := 1; i < len(p); i++ {
			p[i] = p[i-1] * 10
		}
		return p
	}()
)

func bigPow10(n int32) *big.Int { return new(big.Int).Exp(bigTen, big.NewInt(int64(n)), nil) }

// NewDecimal returns n / 10^scale.
func NewDecimal(n int64, scale int32) Decimal {
	if n == 0 {
		return Decimal{}
	}
	for scale > 0 && n%10 == 0 {
		n /= 10
		scale--
	}
	return Decimal{n: n, scale: scale}
}

// FromBig returns n / 10^scale.
func FromBig(n *big.Int, scale int32) (Decimal, error) {
	if n.IsInt64() {
		return NewDecimal(n.Int64(), scale), nil
	}
	if n.BitLen() > maxDigits*10/3 {
		return Decimal{}, ErrOverflow
	}
	var q, r big.Int
	m := new(big.Int).Set(n)
	for scale > 0 {
		q.QuoRem(m, bigTen, &r)
		if r.Sign() != 0 {
			break
		}
		m.Set(&q)
		scale--
	}
	if m.IsInt64() {
		return NewDecimal(m.Int64(), scale), nil
	}
	return Decimal{big: m, scale: scale}, nil
}

// ParseDecimal reads the lexical form of an xsd:decimal.
func ParseDecimal(s string) (Decimal, error) {
	digits, point, n, neg := 0, -1, int64(0), false
	i := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		i = 1
	}
	start, small := i, true
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
			if n > (math.MaxInt64-9)/10 {
				small = false
			} else {
				n = n*10 + int64(c-'0')
			}
		case c == '.' && point < 0:
			point = i
		default:
			return Decimal{}, ErrLexical
		}
	}
	if digits == 0 {
		return Decimal{}, ErrLexical
	}
	if digits > maxDigits {
		return Decimal{}, ErrOverflow
	}
	scale := int32(0)
	if point >= 0 {
		scale = int32(len(s) - point - 1)
	}
	if small {
		if neg {
			n = -n
		}
		return NewDecimal(n, scale), nil
	}
	text := s[start:]
	if point >= 0 {
		text = s[start:point] + s[point+1:]
	}
	b, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return Decimal{}, ErrLexical
	}
	if neg {
		b.Neg(b)
	}
	return FromBig(b, scale)
}

// ParseInteger reads the lexical form of an xsd:integer.
func ParseInteger(s string) (Decimal, error) {
	if strings.IndexByte(s, '.') >= 0 {
		return Decimal{}, ErrLexical
	}
	return ParseDecimal(s)
}

// FromFloat returns the exact decimal value of a finite float.
func FromFloat(f float64) (Decimal, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Decimal{}, ErrOverflow
	}
	return ParseDecimal(strconv.FormatFloat(f, 'f', -1, 64))
}

// Int64 returns the number if it is an integer that fits.
func (d Decimal) Int64() (int64, bool) { return d.n, d.big == nil && d.scale == 0 }

// IsInt reports whether the number is an integer.
func (d Decimal) IsInt() bool { return d.scale == 0 }

// Unscaled returns n and scale if n fits an int64.
func (d Decimal) Unscaled() (n int64, scale int32, ok bool) { return d.n, d.scale, d.big == nil }

func (d Decimal) bigInt() *big.Int {
	if d.big != nil {
		return d.big
	}
	return big.NewInt(d.n)
}

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int {
	if d.big != nil {
		return d.big.Sign()
	}
	switch {
	case d.n < 0:
		return -1
	case d.n > 0:
		return 1
	}
	return 0
}

// align returns both numbers over the larger scale, in int64 if they fit.
func align(a, b Decimal) (x, y int64, scale int32, ok bool) {
	if a.big != nil || b.big != nil {
		return 0, 0, 0, false
	}
	x, y, scale = a.n, b.n, a.scale
	switch {
	case a.scale < b.scale:
		scale = b.scale
		x, ok = mulPow10(x, b.scale-a.scale)
	case a.scale > b.scale:
		y, ok = mulPow10(y, a.scale-b.scale)
	default:
		ok = true
	}
	return x, y, scale, ok
}

func mulPow10(x int64, e int32) (int64, bool) {
	if int(e) >= len(pow10) {
		return 0, x == 0
	}
	return mul64(x, pow10[e])
}

func mul64(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(absU(x), absU(y))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (x < 0) != (y < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func absU(x int64) uint64 {
	if x < 0 {
		return uint64(-(x + 1)) + 1
	}
	return uint64(x)
}

func alignBig(a, b Decimal) (x, y *big.Int, scale int32) {
	x, y, scale = a.bigInt(), b.bigInt(), a.scale
	switch {
	case a.scale < b.scale:
		x, scale = new(big.Int).Mul(x, bigPow10(b.scale-a.scale)), b.scale
	case a.scale > b.scale:
		y = new(big.Int).Mul(y, bigPow10(a.scale-b.scale))
	}
	return x, y, scale
}

// Cmp orders two decimals.
func (d Decimal) Cmp(e Decimal) int {
	if x, y, _, ok := align(d, e); ok {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	if s, t := d.Sign(), e.Sign(); s != t {
		if s < t {
			return -1
		}
		return 1
	}
	x, y, _ := alignBig(d, e)
	return x.Cmp(y)
}

// Neg returns -d.
func (d Decimal) Neg() Decimal {
	if d.big == nil && d.n != math.MinInt64 {
		d.n = -d.n
		return d
	}
	r, _ := FromBig(new(big.Int).Neg(d.bigInt()), d.scale) // no larger than d
	return r
}

// Abs returns the absolute value.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// Add returns d + e.
func (d Decimal) Add(e Decimal) (Decimal, error) {
	if x, y, scale, ok := align(d, e); ok {
		if s := x + y; (s > x) == (y > 0) {
			return NewDecimal(s, scale), nil
		}
	}
	x, y, scale := alignBig(d, e)
	return FromBig(new(big.Int).Add(x, y), scale)
}

// Sub returns d - e.
func (d Decimal) Sub(e Decimal) (Decimal, error) { return d.Add(e.Neg()) }

// Mul returns d * e.
func (d Decimal) Mul(e Decimal) (Decimal, error) {
	if d.big == nil && e.big == nil {
		if p, ok := mul64(d.n, e.n); ok {
			return NewDecimal(p, d.scale+e.scale), nil
		}
	}
	x, y := d.bigInt(), e.bigInt()
	if x.BitLen()+y.BitLen() > maxDigits*10/3 || d.scale+e.scale > maxDigits {
		return Decimal{}, ErrOverflow
	}
	return FromBig(new(big.Int).Mul(x, y), d.scale+e.scale)
}

// Div returns d / e, exactly if the result has at most DivDigits digits after
// the point, else cut off there.
func (d Decimal) Div(e Decimal) (Decimal, error) {
	if e.Sign() == 0 {
		return Decimal{}, ErrDivZero
	}
	if x, y, _, ok := align(d, e); ok && x%y == 0 && (x != math.MinInt64 || y != -1) {
		return NewDecimal(x/y, 0), nil
	}
	x, y, _ := alignBig(d, e)
	q := new(big.Int).Mul(x, bigPow10(DivDigits))
	return FromBig(q.Quo(q, y), DivDigits)
}

// parts returns the integer part cut towards zero and the rest's sign.
func (d Decimal) parts() (Decimal, int, *big.Int) {
	if d.scale == 0 {
		return d, 0, nil
	}
	p := bigPow10(d.scale)
	q, r := new(big.Int).QuoRem(d.bigInt(), p, new(big.Int))
	i, _ := FromBig(q, 0)
	return i, r.Sign(), r
}

// Trunc cuts towards zero.
func (d Decimal) Trunc() Decimal { i, _, _ := d.parts(); return i }

// Floor is the largest integer not above d.
func (d Decimal) Floor() Decimal {
	i, s, _ := d.parts()
	if s < 0 {
		i, _ = i.Sub(NewDecimal(1, 0))
	}
	return i
}

// Ceil is the smallest integer not below d.
func (d Decimal) Ceil() Decimal { return d.Neg().Floor().Neg() }

// Round is the nearest integer; halves go up (F&O fn:round).
func (d Decimal) Round() Decimal {
	h, err := d.Add(NewDecimal(5, 1))
	if err != nil {
		return d
	}
	return h.Floor()
}

// Float returns the nearest float64.
func (d Decimal) Float() float64 {
	if d.big == nil {
		if d.scale == 0 {
			return float64(d.n)
		}
		if d.scale < 16 && d.n < 1<<53 && d.n > -1<<53 {
			return float64(d.n) / float64(pow10[d.scale]) // both exact: one rounding
		}
	}
	f, _ := strconv.ParseFloat(d.String(), 64) // out of range gives an infinity
	return f
}

// String is the canonical form: no leading or trailing zeros, no point if the
// number is an integer (XSD 1.1, decimalCanonicalMap).
func (d Decimal) String() string {
	var digits string
	if d.big != nil {
		digits = d.big.String()
	} else {
		digits = strconv.FormatInt(d.n, 10)
	}
	if d.scale == 0 {
		return digits
	}
	neg := digits[0] == '-'
	if neg {
		digits = digits[1:]
	}
	if n := int(d.scale) + 1 - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	at := len(digits) - int(d.scale)
	digits = digits[:at] + "." + digits[at:]
	if neg {
		return "-" + digits
	}
	return digits
}
