package xsd

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
)

// TimeKind is one of the nine date and time datatypes.
type TimeKind uint8

// Kinds of date and time.
const (
	DateTimeKind TimeKind = iota
	DateKind
	TimeOfDay
	GYear
	GYearMonth
	GMonth
	GMonthDay
	GDay
)

var timeTypes = [...]string{"dateTime", "date", "time", "gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay"}

var timeKinds = map[string]TimeKind{
	kg.XSD + "dateTime": DateTimeKind, kg.XSD + "date": DateKind, kg.XSD + "time": TimeOfDay,
	kg.XSD + "gYear": GYear, kg.XSD + "gYearMonth": GYearMonth, kg.XSD + "gMonth": GMonth,
	kg.XSD + "gMonthDay": GMonthDay, kg.XSD + "gDay": GDay,
	// A dateTimeStamp is a dateTime whose time zone is required.
	kg.XSD + "dateTimeStamp": DateTimeKind,
}

// TimeKindOf returns the kind of a datatype IRI.
func TimeKindOf(datatype string) (TimeKind, bool) { k, ok := timeKinds[datatype]; return k, ok }

// Datatype returns the datatype IRI.
func (k TimeKind) Datatype() string { return kg.XSD + timeTypes[k] }

func (k TimeKind) hasYear() bool  { return k <= DateKind || k == GYear || k == GYearMonth }
func (k TimeKind) hasMonth() bool { return k <= DateKind || k >= GYearMonth && k <= GMonthDay }
func (k TimeKind) hasDay() bool   { return k <= DateKind || k == GMonthDay || k == GDay }
func (k TimeKind) hasTime() bool  { return k == DateTimeKind || k == TimeOfDay }

const (
	atto    = 1_000_000_000_000_000_000 // attoseconds in a second
	maxYear = 100_000_000_000           // keeps seconds within int64
)

// DateTime is a value of the seven-property model (XSD 1.1, appendix D.2). The
// properties that a kind lacks hold the reference values 1972-12-31, 00:00.
// Fractions of a second are kept to 18 digits.
type DateTime struct {
	Kind                 TimeKind
	Year                 int64
	Month, Day           uint8
	Hour, Minute, Second uint8
	Frac                 int64 // attoseconds
	HasTZ                bool
	TZ                   int16 // minutes east of UTC
}

// ParseDateTime reads a date or time literal.
func ParseDateTime(s, datatype string) (DateTime, error) {
	k, ok := timeKinds[datatype]
	if !ok {
		return DateTime{}, ErrType
	}
	d, err := parseTime(s, k)
	if err == nil && !d.HasTZ && datatype == kg.XSD+"dateTimeStamp" {
		err = ErrLexical
	}
	return d, err
}

func parseTime(s string, k TimeKind) (d DateTime, err error) {
	d = DateTime{Kind: k, Year: 1972, Month: 12, Day: 31}
	p := scanner{s: s}
	if k.hasYear() {
		d.Year = p.year()
	} else if k != TimeOfDay {
		p.expect("--") // gMonth --MM, gMonthDay --MM-DD, gDay ---DD
	}
	if k.hasMonth() {
		if k.hasYear() {
			p.expect("-")
		}
		d.Month = p.two(1, 12)
	}
	if k.hasDay() {
		p.expect("-")
		d.Day = p.two(1, 31)
	}
	if k.hasTime() {
		if k == DateTimeKind {
			p.expect("T")
		}
		d.Hour = p.two(0, 24)
		p.expect(":")
		d.Minute = p.two(0, 59)
		p.expect(":")
		d.Second = p.two(0, 59)
		d.Frac = p.fraction()
	}
	d.HasTZ, d.TZ = p.zone()
	if p.bad || p.s != "" {
		return d, ErrLexical
	}
	if k.hasDay() && d.Day > daysIn(d.Year, d.Month) {
		return d, ErrLexical
	}
	if d.Hour == 24 {
		if d.Minute != 0 || d.Second != 0 || d.Frac != 0 {
			return d, ErrLexical
		}
		d.Hour = 0
		if k == DateTimeKind {
			d = d.addDays(1)
		}
	}
	return d, nil
}

// scanner reads the pieces of a date; bad is sticky.
type scanner struct {
	s   string
	bad bool
}

func (p *scanner) expect(lit string) {
	rest, ok := strings.CutPrefix(p.s, lit)
	p.bad = p.bad || !ok
	p.s = rest
}

func (p *scanner) digits() string {
	i := 0
	for i < len(p.s) && p.s[i] >= '0' && p.s[i] <= '9' {
		i++
	}
	d := p.s[:i]
	p.s = p.s[i:]
	return d
}

func (p *scanner) year() int64 {
	neg := strings.HasPrefix(p.s, "-")
	if neg {
		p.s = p.s[1:]
	}
	d := p.digits()
	if len(d) < 4 || len(d) > 4 && d[0] == '0' || len(d) > 11 {
		p.bad = true
		return 0
	}
	var y int64
	for i := 0; i < len(d); i++ {
		y = y*10 + int64(d[i]-'0')
	}
	if neg {
		y = -y
	}
	return y
}

func (p *scanner) two(lo, hi uint8) uint8 {
	if len(p.s) < 2 || p.s[0] < '0' || p.s[0] > '9' || p.s[1] < '0' || p.s[1] > '9' {
		p.bad = true
		return 0
	}
	v := (p.s[0]-'0')*10 + p.s[1] - '0'
	p.s = p.s[2:]
	p.bad = p.bad || v < lo || v > hi
	return v
}

func (p *scanner) fraction() int64 {
	if !strings.HasPrefix(p.s, ".") {
		return 0
	}
	p.s = p.s[1:]
	d := p.digits()
	p.bad = p.bad || d == ""
	var f int64
	for i := 0; i < 18; i++ {
		f *= 10
		if i < len(d) {
			f += int64(d[i] - '0')
		}
	}
	return f
}

func (p *scanner) zone() (bool, int16) {
	if p.s == "" || p.bad {
		return false, 0
	}
	if p.s == "Z" {
		p.s = ""
		return true, 0
	}
	neg := p.s[0] == '-'
	if !neg && p.s[0] != '+' {
		p.bad = true
		return false, 0
	}
	p.s = p.s[1:]
	h := int16(p.two(0, 14))
	p.expect(":")
	m := h*60 + int16(p.two(0, 59))
	p.bad = p.bad || m > 14*60
	if neg {
		m = -m
	}
	return true, m
}

func leap(y int64) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func daysIn(y int64, m uint8) uint8 {
	switch m {
	case 2:
		if leap(y) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// days is the number of days since 0000-03-01 in the proleptic calendar, in
// which, as in XSD 1.1, year 0 exists.
func days(y int64, m, d uint8) int64 {
	mm := int64(m) - 3
	if mm < 0 {
		mm += 12
		y--
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + (153*mm+2)/5 + int64(d) - 1
}

// civil is the inverse of days.
func civil(n int64) (y int64, m, d uint8) {
	era := floorDiv(n, 146097)
	doe := n - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	y = yoe + era*400
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = uint8(doy - (153*mp+2)/5 + 1)
	if mp < 10 {
		return y, uint8(mp + 3), d
	}
	return y + 1, uint8(mp - 9), d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func (d DateTime) addDays(n int64) DateTime {
	d.Year, d.Month, d.Day = civil(days(d.Year, d.Month, d.Day) + n)
	return d
}

// local is the number of seconds on the time line without the zone.
func (d DateTime) local() int64 {
	return days(d.Year, d.Month, d.Day)*86400 + int64(d.Hour)*3600 + int64(d.Minute)*60 + int64(d.Second)
}

// seconds is the position on the time line, zone taken into account.
func (d DateTime) seconds() int64 { return d.local() - int64(d.TZ)*60 }

// FromTime returns the dateTime of an instant, in its zone.
func FromTime(t time.Time) DateTime {
	_, off := t.Zone()
	return DateTime{
		Year: int64(t.Year()), Month: uint8(t.Month()), Day: uint8(t.Day()),
		Hour: uint8(t.Hour()), Minute: uint8(t.Minute()), Second: uint8(t.Second()),
		Frac: int64(t.Nanosecond()) * 1_000_000_000, HasTZ: true, TZ: int16(off / 60),
	}
}

// Compare orders two values of one kind (XSD 1.1 section D.2.1). Values with
// and without a zone that lie within 14 hours have no order: ErrIndeterminate.
func (d DateTime) Compare(e DateTime) (int, error) {
	if d.Kind != e.Kind {
		return 0, ErrType
	}
	a, b := d.seconds(), e.seconds()
	if d.HasTZ != e.HasTZ {
		const day14 = 14 * 3600
		if diff := a - b; diff <= day14 && diff >= -day14 {
			return 0, ErrIndeterminate
		}
	}
	if c := cmp.Compare(a, b); c != 0 {
		return c, nil
	}
	return cmp.Compare(d.Frac, e.Frac), nil
}

// String is the canonical form; the zone is kept as it was (F&O), except that
// an offset of zero is written Z.
func (d DateTime) String() string {
	var b []byte
	if d.Kind.hasYear() {
		y := d.Year
		if y < 0 {
			b = append(b, '-')
			y = -y
		}
		b = fmt.Appendf(b, "%04d", y)
	} else if d.Kind != TimeOfDay {
		b = append(b, '-', '-')
	}
	if d.Kind.hasMonth() {
		if d.Kind.hasYear() {
			b = append(b, '-')
		}
		b = fmt.Appendf(b, "%02d", d.Month)
	}
	if d.Kind.hasDay() {
		b = fmt.Appendf(b, "-%02d", d.Day)
	}
	if d.Kind == DateTimeKind {
		b = append(b, 'T')
	}
	if d.Kind.hasTime() {
		b = fmt.Appendf(b, "%02d:%02d:%02d", d.Hour, d.Minute, d.Second)
		b = appendFrac(b, d.Frac)
	}
	if d.HasTZ {
		b = append(b, ZoneString(d.TZ)...)
	}
	return string(b)
}

func appendFrac(b []byte, f int64) []byte {
	if f == 0 {
		return b
	}
	return append(b, strings.TrimRight(fmt.Sprintf(".%018d", f), "0")...)
}

// ZoneString writes an offset in minutes: Z, +hh:mm or -hh:mm.
func ZoneString(m int16) string {
	switch {
	case m == 0:
		return "Z"
	case m < 0:
		return fmt.Sprintf("-%02d:%02d", -m/60, -m%60)
	}
	return fmt.Sprintf("+%02d:%02d", m/60, m%60)
}

// Term returns the literal.
func (d DateTime) Term() kg.Term { return kg.NewTyped(d.String(), d.Kind.Datatype()) }

// Seconds returns the seconds property with its fraction.
func (d DateTime) Seconds() Decimal {
	s, _ := NewDecimal(int64(d.Second), 0).Add(NewDecimal(d.Frac, 18)) // small numbers
	return s
}

// Zone returns the offset as a dayTimeDuration.
func (d DateTime) Zone() Duration {
	return Duration{Kind: DayTime, Secs: int64(d.TZ) * 60}
}

// As converts to another kind (F&O section 19.1.5 to 19.1.7).
func (d DateTime) As(k TimeKind) (DateTime, error) {
	if k == d.Kind {
		return d, nil
	}
	if d.Kind > DateKind || d.Kind == DateKind && k == TimeOfDay {
		return d, ErrType
	}
	ref := DateTime{Kind: k, Year: 1972, Month: 12, Day: 31, HasTZ: d.HasTZ, TZ: d.TZ}
	if k.hasYear() {
		ref.Year = d.Year
	}
	if k.hasMonth() {
		ref.Month = d.Month
	}
	if k.hasDay() {
		ref.Day = d.Day
	}
	if k.hasTime() {
		ref.Hour, ref.Minute, ref.Second, ref.Frac = d.Hour, d.Minute, d.Second, d.Frac
	}
	return ref, nil
}

// Sub returns the time between two values of one kind.
func (d DateTime) Sub(e DateTime) (Duration, error) {
	if d.Kind != e.Kind || d.Kind > TimeOfDay {
		return Duration{}, ErrType
	}
	return newDuration(DayTime, 0, d.seconds()-e.seconds(), d.Frac-e.Frac), nil
}

// AddDuration returns d + u (XSD 1.1, section E.3.3).
func (d DateTime) AddDuration(u Duration) (DateTime, error) {
	if d.Kind > TimeOfDay || d.Kind == TimeOfDay && u.Months != 0 {
		return d, ErrType
	}
	m := d.Year*12 + int64(d.Month) - 1 + u.Months
	d.Year = floorDiv(m, 12)
	d.Month = uint8(m-d.Year*12) + 1
	if d.Year > maxYear || d.Year < -maxYear || u.Secs > maxYear*30_000 || u.Secs < -maxYear*31_000_000/1000 {
		return d, ErrOverflow
	}
	d.Day = min(d.Day, daysIn(d.Year, d.Month))
	secs, frac := d.local()+u.Secs, d.Frac+u.Frac
	switch {
	case frac >= atto:
		secs, frac = secs+1, frac-atto
	case frac < 0:
		secs, frac = secs-1, frac+atto
	}
	day := floorDiv(secs, 86400)
	if d.Kind == TimeOfDay {
		day = days(1972, 12, 31)
	}
	rest := secs - floorDiv(secs, 86400)*86400
	d.Year, d.Month, d.Day = civil(day)
	d.Frac = frac
	d.Hour, d.Minute, d.Second = uint8(rest/3600), uint8(rest/60%60), uint8(rest%60)
	if d.Kind == DateKind {
		d.Hour, d.Minute, d.Second, d.Frac = 0, 0, 0, 0
	}
	return d, nil
}

// Adjust returns the same instant in another zone, or without one if zone is
// nil (F&O section 9.6).
func (d DateTime) Adjust(zone *Duration) (DateTime, error) {
	if zone == nil {
		d.HasTZ, d.TZ = false, 0
		return d, nil
	}
	if zone.Months != 0 || zone.Frac != 0 || zone.Secs%60 != 0 || zone.Secs > 14*3600 || zone.Secs < -14*3600 {
		return d, ErrLexical
	}
	if !d.HasTZ {
		d.HasTZ, d.TZ = true, int16(zone.Secs/60)
		return d, nil
	}
	k := d.Kind
	d.Kind = DateTimeKind
	tz := int16(zone.Secs / 60)
	d, err := d.AddDuration(Duration{Kind: DayTime, Secs: int64(tz-d.TZ) * 60})
	d.TZ = tz
	if err != nil {
		return d, err
	}
	return d.As(k)
}
