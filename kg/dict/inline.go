package dict

import (
	"math"
	"strconv"

	"github.com/quaestor-kg/quaestor/kg"
)

// Datatypes of inlined literals.
const (
	xsdString   = kg.XSDString
	xsdBoolean  = kg.XSD + "boolean"
	xsdInteger  = kg.XSD + "integer"
	xsdDecimal  = kg.XSD + "decimal"
	xsdDouble   = kg.XSD + "double"
	xsdDate     = kg.XSD + "date"
	xsdDateTime = kg.XSD + "dateTime"
)

// Parts of the payloads. On disk: never change one.
const (
	mid = 1 << 59 // payload of zero in signed encodings

	decDigits = 16
	decScale  = 1_000_000_000_000_000 // 10^(decDigits-1)
	decMinExp = -32
	decMaxExp = 31

	dblDigits = 15
	dblScale  = 100_000_000_000_000 // 10^(dblDigits-1)
	dblMinExp = -300
	dblMaxExp = 300
	dblInf    = 1 + (dblMaxExp-dblMinExp+1)*9*dblScale

	maxYear  = 999_999
	zoneBits = 11
	zoneZ    = 841
	msBias   = 1 << 48
)

var pow10 = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
}

// Inline returns the id that holds the term itself, and false if the term
// belongs into the dictionary.
func Inline(t kg.Term) (kg.ID, bool) {
	if t.Kind != kg.Literal || t.Lang != "" || t.Dir != "" {
		return 0, false
	}
	switch t.Datatype {
	case xsdString:
		return inlineShort(t.Value)
	case xsdInteger:
		return inlineInteger(t.Value)
	case xsdDecimal:
		return inlineDecimal(t.Value)
	case xsdDouble:
		return inlineDouble(t.Value)
	case xsdDate:
		return inlineDate(t.Value)
	case xsdDateTime:
		return inlineDateTime(t.Value)
	case xsdBoolean:
		switch t.Value {
		case "true":
			return kg.MakeID(kg.TagBool, 1), true
		case "false":
			return kg.MakeID(kg.TagBool, 0), true
		}
	}
	return 0, false
}

// Value returns the term inside an inlined id, and false if the id is of
// another kind or no call of Inline returns it.
func Value(id kg.ID) (kg.Term, bool) {
	var buf [64]byte
	b, datatype, ok := appendValue(buf[:0], id)
	if !ok {
		return kg.Term{}, false
	}
	return kg.Term{Kind: kg.Literal, Value: string(b), Datatype: datatype}, true
}

// Valid reports whether the id is one that Inline returns, without building
// the term.
func Valid(id kg.ID) bool {
	var buf [64]byte
	_, _, ok := appendValue(buf[:0], id)
	return ok
}

// AppendValue appends the lexical form of an inlined id and returns its
// datatype, for writers that need no Term.
func AppendValue(b []byte, id kg.ID) (out []byte, datatype string, ok bool) {
	return appendValue(b, id)
}

func appendValue(b []byte, id kg.ID) ([]byte, string, bool) {
	p := id.Payload()
	switch id.Tag() {
	case kg.TagShort:
		n := int(p & 15)
		if n > 7 || p>>4<<(8+8*n) != 0 {
			return b, "", false
		}
		for i := range n {
			b = append(b, byte(p>>(52-8*i)))
		}
		return b, xsdString, true
	case kg.TagBool:
		if p > 1 {
			return b, "", false
		}
		return strconv.AppendBool(b, p == 1), xsdBoolean, true
	case kg.TagInteger:
		return strconv.AppendInt(b, int64(p)-mid, 10), xsdInteger, true
	case kg.TagDecimal:
		b, ok := appendDecimal(b, p)
		return b, xsdDecimal, ok
	case kg.TagDouble:
		b, ok := appendDouble(b, p)
		return b, xsdDouble, ok
	case kg.TagDate:
		y, m, d := civil(int64(p) - mid)
		if y < -maxYear || y > maxYear {
			return b, "", false
		}
		return appendDate(b, y, m, d), xsdDate, true
	case kg.TagDateTime:
		b, ok := appendDateTime(b, p)
		return b, xsdDateTime, ok
	}
	return b, "", false
}

// Bool returns the value of a TagBool id.
func Bool(id kg.ID) bool { return id.Payload() == 1 }

// Int returns the value of a TagInteger id.
func Int(id kg.ID) int64 { return int64(id.Payload()) - mid }

// FromInt returns the id of an xsd:integer, and false if it is out of range.
func FromInt(v int64) (kg.ID, bool) {
	if v < -mid || v >= mid {
		return 0, false
	}
	return kg.MakeID(kg.TagInteger, uint64(v+mid)), true
}

// Decimal returns the value of a TagDecimal id as mantissa * 10^-scale; the
// mantissa has no trailing zeros beyond the point, scale is >= 0.
func Decimal(id kg.ID) (mantissa int64, scale int) {
	neg, m, e, zero := split(id.Payload(), decScale, decMinExp)
	if zero {
		return 0, 0
	}
	scale = decDigits - 1 - e
	for scale > 0 && m%10 == 0 {
		m /= 10
		scale--
	}
	for ; scale < 0; scale++ {
		m *= 10
	}
	if neg {
		return -int64(m), scale
	}
	return int64(m), scale
}

// Double returns the value of a TagDouble id.
func Double(id kg.ID) float64 {
	p := id.Payload()
	if p == mid+dblInf {
		return math.Inf(1)
	}
	if p == mid-dblInf {
		return math.Inf(-1)
	}
	neg, m, e, zero := split(p, dblScale, dblMinExp)
	if zero {
		return 0
	}
	e -= dblDigits - 1
	for e < 0 && m%10 == 0 {
		m /= 10
		e++
	}
	var f float64
	switch {
	case e >= -22 && e <= 0: // both exact: one rounding (Clinger 1990)
		f = float64(m) / math.Pow10(-e)
	case e > 0 && e <= 22:
		f = float64(m) * math.Pow10(e)
	default:
		var buf [32]byte
		b := strconv.AppendUint(buf[:0], m, 10)
		b = append(b, 'e')
		b = strconv.AppendInt(b, int64(e), 10)
		f, _ = strconv.ParseFloat(string(b), 64)
	}
	if neg {
		f = -f
	}
	return f
}

// Days returns the day of a TagDate id, counted from 1970-01-01.
func Days(id kg.ID) int64 { return int64(id.Payload()) - mid }

// Millis returns the instant of a TagDateTime id in milliseconds since the
// Unix epoch, its zone in minutes east of UTC, and whether it has a zone. An
// instant without a zone is given as if it were UTC.
func Millis(id kg.ID) (ms int64, zone int, zoned bool) {
	p := id.Payload()
	z := int(p & (1<<zoneBits - 1))
	ms = int64(p>>zoneBits) - msBias
	if z == 0 {
		return ms, 0, false
	}
	return ms, z - zoneZ, true
}

func inlineShort(s string) (kg.ID, bool) {
	if len(s) > 7 {
		return 0, false
	}
	var v uint64
	for i := range len(s) {
		v |= uint64(s[i]) << (48 - 8*i)
	}
	return kg.MakeID(kg.TagShort, v<<4|uint64(len(s))), true
}

func inlineInteger(s string) (kg.ID, bool) {
	neg := false
	if s != "" && s[0] == '-' {
		neg, s = true, s[1:]
	}
	if s == "" || len(s) > 18 || s[0] == '0' && (len(s) > 1 || neg) {
		return 0, false
	}
	v, ok := digits(s)
	if !ok || v > mid || v == mid && !neg {
		return 0, false
	}
	if neg {
		return kg.MakeID(kg.TagInteger, mid-v), true
	}
	return kg.MakeID(kg.TagInteger, mid+v), true
}

// digits parses up to 19 decimal digits; s may be empty.
func digits(s string) (uint64, bool) {
	var v uint64
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	return v, true
}

// inlineDecimal takes -?(0|[1-9][0-9]*)\.([0-9]*[1-9]|0), the canonical form
// of XSD 1.0 part 2, 3.2.3.2, with up to 16 significant digits. "-0.0" is not
// canonical.
func inlineDecimal(s string) (kg.ID, bool) {
	neg := false
	if s != "" && s[0] == '-' {
		neg, s = true, s[1:]
	}
	if len(s) > 56 {
		return 0, false
	}
	dot := -1
	for i := range len(s) {
		if s[i] == '.' {
			dot = i
			break
		}
	}
	if dot <= 0 || dot == len(s)-1 {
		return 0, false
	}
	whole, frac := s[:dot], s[dot+1:]
	if len(whole) > 1 && whole[0] == '0' || len(frac) > 1 && frac[len(frac)-1] == '0' {
		return 0, false
	}
	if frac == "0" {
		frac = ""
	}
	if whole == "0" {
		whole = ""
	}
	// Position of the first significant digit relative to the point.
	exp := len(whole) - 1
	lead := 0
	if whole == "" {
		for lead < len(frac) && frac[lead] == '0' {
			lead++
		}
		if lead == len(frac) {
			if neg {
				return 0, false
			}
			return kg.MakeID(kg.TagDecimal, mid), true
		}
		exp = -1 - lead
	}
	frac = frac[lead:]
	sig := len(whole) + len(frac)
	if frac == "" { // trailing zeros of a whole number are not significant
		for n := len(whole); n > 0 && whole[n-1] == '0'; n-- {
			sig--
		}
		whole = whole[:sig]
	}
	if sig > decDigits || exp < decMinExp || exp > decMaxExp {
		return 0, false
	}
	hi, ok1 := digits(whole)
	lo, ok2 := digits(frac)
	if !ok1 || !ok2 {
		return 0, false
	}
	m := (hi*pow10[len(frac)] + lo) * pow10[decDigits-sig]
	return kg.MakeID(kg.TagDecimal, join(neg, m, exp, decScale, decMinExp)), true
}

// join builds a payload from a normalised mantissa and exponent; split is its
// inverse.
func join(neg bool, m uint64, exp int, scale uint64, minExp int) uint64 {
	v := 1 + uint64(exp-minExp)*9*scale + (m - scale)
	if neg {
		return mid - v
	}
	return mid + v
}

func split(p, scale uint64, minExp int) (neg bool, m uint64, exp int, zero bool) {
	if p == mid {
		return false, 0, 0, true
	}
	var v uint64
	if p < mid {
		neg, v = true, mid-p-1
	} else {
		v = p - mid - 1
	}
	return neg, scale + v%(9*scale), int(v/(9*scale)) + minExp, false
}

func appendDecimal(b []byte, p uint64) ([]byte, bool) {
	neg, m, e, zero := split(p, decScale, decMinExp)
	if zero {
		return append(b, "0.0"...), true
	}
	if e > decMaxExp {
		return b, false
	}
	if neg {
		b = append(b, '-')
	}
	var buf [decDigits]byte
	d := strconv.AppendUint(buf[:0], m, 10)
	for len(d) > 1 && d[len(d)-1] == '0' {
		d = d[:len(d)-1]
	}
	if e < 0 {
		b = append(b, "0."...)
		for range -1 - e {
			b = append(b, '0')
		}
		return append(b, d...), true
	}
	for i := 0; i <= e || i < len(d); i++ {
		if i == e+1 {
			b = append(b, '.')
		}
		if i < len(d) {
			b = append(b, d[i])
		} else {
			b = append(b, '0')
		}
	}
	if len(d) <= e+1 {
		b = append(b, ".0"...)
	}
	return b, true
}

// inlineDouble takes -?[1-9]\.([0-9]*[1-9]|0)E(0|-?[1-9][0-9]*), 0.0E0, INF
// and -INF: the canonical form of XSD 1.0 part 2, 3.2.5.2. NaN is left out
// because it has no place in the order, -0.0E0 because it equals 0.0E0.
func inlineDouble(s string) (kg.ID, bool) {
	switch s {
	case "INF":
		return kg.MakeID(kg.TagDouble, mid+dblInf), true
	case "-INF":
		return kg.MakeID(kg.TagDouble, mid-dblInf), true
	case "0.0E0":
		return kg.MakeID(kg.TagDouble, mid), true
	}
	neg := false
	if s != "" && s[0] == '-' {
		neg, s = true, s[1:]
	}
	if len(s) < 5 || len(s) > 24 || s[0] < '1' || s[0] > '9' || s[1] != '.' {
		return 0, false
	}
	e := 2
	for e < len(s) && s[e] != 'E' {
		e++
	}
	if e == 2 || e >= len(s)-1 {
		return 0, false
	}
	frac, exps := s[2:e], s[e+1:]
	if len(frac) > 1 && frac[len(frac)-1] == '0' || len(frac) > dblDigits-1 {
		return 0, false
	}
	eneg := false
	if exps[0] == '-' {
		eneg, exps = true, exps[1:]
	}
	if exps == "" || len(exps) > 3 || exps[0] == '0' && (len(exps) > 1 || eneg) {
		return 0, false
	}
	lo, ok1 := digits(frac)
	ev, ok2 := digits(exps)
	if !ok1 || !ok2 {
		return 0, false
	}
	exp := int(ev)
	if eneg {
		exp = -exp
	}
	if exp < dblMinExp || exp > dblMaxExp {
		return 0, false
	}
	m := (uint64(s[0]-'0')*pow10[len(frac)] + lo) * pow10[dblDigits-1-len(frac)]
	return kg.MakeID(kg.TagDouble, join(neg, m, exp, dblScale, dblMinExp)), true
}

func appendDouble(b []byte, p uint64) ([]byte, bool) {
	switch p {
	case mid + dblInf:
		return append(b, "INF"...), true
	case mid - dblInf:
		return append(b, "-INF"...), true
	}
	neg, m, e, zero := split(p, dblScale, dblMinExp)
	if zero {
		return append(b, "0.0E0"...), true
	}
	if e > dblMaxExp {
		return b, false
	}
	if neg {
		b = append(b, '-')
	}
	var buf [dblDigits]byte
	d := strconv.AppendUint(buf[:0], m, 10)
	for len(d) > 2 && d[len(d)-1] == '0' {
		d = d[:len(d)-1]
	}
	b = append(b, d[0], '.')
	b = append(b, d[1:]...)
	b = append(b, 'E')
	return strconv.AppendInt(b, int64(e), 10), true
}

// inlineDate takes the canonical -?YYYY-MM-DD without a zone.
func inlineDate(s string) (kg.ID, bool) {
	y, m, d, rest, ok := parseDate(s)
	if !ok || rest != "" {
		return 0, false
	}
	return kg.MakeID(kg.TagDate, uint64(days(y, m, d)+mid)), true
}

func parseDate(s string) (y int64, m, d int, rest string, ok bool) {
	neg := false
	if s != "" && s[0] == '-' {
		neg, s = true, s[1:]
	}
	n := 0
	for n < len(s) && s[n]-'0' <= 9 {
		n++
	}
	if n < 4 || n > 6 || n > 4 && s[0] == '0' || len(s) < n+6 || s[n] != '-' || s[n+3] != '-' {
		return 0, 0, 0, "", false
	}
	yv, _ := digits(s[:n])
	mv, ok1 := digits(s[n+1 : n+3])
	dv, ok2 := digits(s[n+4 : n+6])
	y, m, d = int64(yv), int(mv), int(dv)
	if neg {
		if y == 0 {
			return 0, 0, 0, "", false
		}
		y = -y
	}
	if !ok1 || !ok2 || m < 1 || m > 12 || d < 1 || d > monthDays(y, m) {
		return 0, 0, 0, "", false
	}
	return y, m, d, s[n+6:], true
}

func monthDays(y int64, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// days counts from 1970-01-01 in the proleptic Gregorian calendar, year 0
// being 1 BCE (XSD 1.1). Both directions follow Howard Hinnant's
// "chrono-Compatible Low-Level Date Algorithms".
func days(y int64, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	mp := int64(m+9) % 12
	doy := (153*mp+2)/5 + int64(d) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

func civil(z int64) (y int64, m, d int) {
	z += 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp + 3)
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func appendDate(b []byte, y int64, m, d int) []byte {
	if y < 0 {
		b = append(b, '-')
		y = -y
	}
	b = appendPadded(b, uint64(y), 4)
	b = append(b, '-')
	b = appendPadded(b, uint64(m), 2)
	b = append(b, '-')
	return appendPadded(b, uint64(d), 2)
}

func appendPadded(b []byte, v uint64, width int) []byte {
	for w := width - 1; w > 0 && v < pow10[w]; w-- {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, v, 10)
}

const dayMillis = 86_400_000

// inlineDateTime takes -?YYYY-MM-DDThh:mm:ss(\.[0-9]{0,2}[1-9])?(Z|[+-]hh:mm)?
// with the zone within 14 hours; +00:00, -00:00 and 24:00:00 are not canonical.
func inlineDateTime(s string) (kg.ID, bool) {
	y, m, d, r, ok := parseDate(s)
	if !ok || len(r) < 9 || r[0] != 'T' || r[3] != ':' || r[6] != ':' {
		return 0, false
	}
	hh, ok1 := digits(r[1:3])
	mm, ok2 := digits(r[4:6])
	ss, ok3 := digits(r[7:9])
	if !ok1 || !ok2 || !ok3 || hh > 23 || mm > 59 || ss > 59 {
		return 0, false
	}
	r = r[9:]
	var frac uint64
	if r != "" && r[0] == '.' {
		n := 1
		for n < len(r) && r[n]-'0' <= 9 {
			n++
		}
		if n == 1 || n > 4 || r[n-1] == '0' {
			return 0, false
		}
		frac, _ = digits(r[1:n])
		frac *= pow10[4-n]
		r = r[n:]
	}
	ms := days(y, m, d)*dayMillis + int64(((hh*60+mm)*60+ss)*1000+frac)
	zone := uint64(0)
	switch {
	case r == "":
	case r == "Z":
		zone = zoneZ
	case len(r) == 6 && (r[0] == '+' || r[0] == '-') && r[3] == ':':
		zh, ok1 := digits(r[1:3])
		zm, ok2 := digits(r[4:6])
		off := int64(zh*60 + zm)
		if !ok1 || !ok2 || zm > 59 || off > 840 || off == 0 {
			return 0, false
		}
		if r[0] == '-' {
			off = -off
		}
		ms -= off * 60_000
		zone = uint64(zoneZ + off)
	default:
		return 0, false
	}
	if ms < -msBias || ms >= msBias {
		return 0, false
	}
	return kg.MakeID(kg.TagDateTime, uint64(ms+msBias)<<zoneBits|zone), true
}

func appendDateTime(b []byte, p uint64) ([]byte, bool) {
	ms, off, zoned := Millis(kg.MakeID(kg.TagDateTime, p))
	if off < -840 || off > 840 {
		return b, false
	}
	local := ms + int64(off)*60_000
	day := floorDiv(local, dayMillis)
	t := local - day*dayMillis
	y, m, d := civil(day)
	b = appendDate(b, y, m, d)
	b = append(b, 'T')
	b = appendPadded(b, uint64(t/3_600_000), 2)
	b = append(b, ':')
	b = appendPadded(b, uint64(t/60_000%60), 2)
	b = append(b, ':')
	b = appendPadded(b, uint64(t/1000%60), 2)
	if f := uint64(t % 1000); f != 0 {
		b = append(b, '.')
		w := 3
		for f%10 == 0 {
			f /= 10
			w--
		}
		b = appendPadded(b, f, w)
	}
	switch {
	case !zoned:
	case off == 0:
		b = append(b, 'Z')
	default:
		if off < 0 {
			b = append(b, '-')
			off = -off
		} else {
			b = append(b, '+')
		}
		b = appendPadded(b, uint64(off/60), 2)
		b = append(b, ':')
		b = appendPadded(b, uint64(off%60), 2)
	}
	return b, true
}

// The largest encodings must fit 60 bits.

const (
	_ = uint64(mid - (1 + (decMaxExp-decMinExp+1)*9*decScale)) // compile error if negative
	_ = uint64(mid - 1 - dblInf)
)
