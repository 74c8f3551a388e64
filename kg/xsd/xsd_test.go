package xsd

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
)

func dec(t testing.TB, s string) Decimal {
	t.Helper()
	d, err := ParseDecimal(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}

func TestDecimalLexical(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "+1": "1", "01.50": "1.5", "-.5": "-0.5", "5.": "5", "1.0": "1", "100": "100", "-0.000": "0",
		"123456789012345678901234567890.12345678901234567890": "123456789012345678901234567890.1234567890123456789",
		"9223372036854775807":    "9223372036854775807",
		"9223372036854775808":    "9223372036854775808",
		"-9223372036854775808":   "-9223372036854775808",
		"0.00000000000000000001": "0.00000000000000000001",
	} {
		if got := dec(t, in).String(); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", ".", "+", "-", "1e2", "1,5", " 1", "1 ", "--1", "1.2.3", "0x10", "1_000", "INF", "NaN", "١"} {
		if d, err := ParseDecimal(in); err == nil {
			t.Errorf("%q was read as %s", in, d)
		}
	}
}

// TestDecimalAgainstRat compares with exact rationals.
func TestDecimalAgainstRat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func() Decimal {
		digits := r.IntN(30) + 1
		b := make([]byte, 0, 40)
		if r.IntN(2) == 0 {
			b = append(b, '-')
		}
		point := r.IntN(digits + 1)
		for i := range digits {
			if i == point {
				b = append(b, '.')
			}
			b = append(b, byte('0'+r.IntN(10)))
		}
		return dec(t, string(b))
	}
	rat := func(d Decimal) *big.Rat {
		x, ok := new(big.Rat).SetString(d.String())
		if !ok {
			t.Fatalf("%s is no number", d)
		}
		return x
	}
	for range 5000 {
		a, b := draw(), draw()
		x, y := rat(a), rat(b)
		sum, err1 := a.Add(b)
		diff, err2 := a.Sub(b)
		prod, err3 := a.Mul(b)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			op   string
			got  Decimal
			want *big.Rat
		}{
			{"+", sum, new(big.Rat).Add(x, y)},
			{"-", diff, new(big.Rat).Sub(x, y)},
			{"*", prod, new(big.Rat).Mul(x, y)},
			{"neg", a.Neg(), new(big.Rat).Neg(x)},
			{"abs", a.Abs(), new(big.Rat).Abs(x)},
		} {
			if rat(c.got).Cmp(c.want) != 0 {
				t.Fatalf("%s %s %s: got %s", a, c.op, b, c.got)
			}
		}
		if got, want := a.Cmp(b), x.Cmp(y); got != want {
			t.Fatalf("%s against %s: got %d, want %d", a, b, got, want)
		}
		if b.Sign() != 0 {
			q, err := a.Div(b)
			if err != nil {
				t.Fatal(err)
			}
			off := new(big.Rat).Sub(new(big.Rat).Quo(x, y), rat(q))
			if off.Abs(off).Cmp(big.NewRat(1, 1e18)) >= 0 {
				t.Fatalf("%s / %s: got %s", a, b, q)
			}
		}
		floor, ceil, round := rat(a.Floor()), rat(a.Ceil()), rat(a.Round())
		one, half := big.NewRat(1, 1), big.NewRat(1, 2)
		if floor.Cmp(x) > 0 || new(big.Rat).Sub(x, floor).Cmp(one) >= 0 || ceil.Cmp(x) < 0 || new(big.Rat).Sub(ceil, x).Cmp(one) >= 0 {
			t.Fatalf("%s: floor %s, ceil %s", a, a.Floor(), a.Ceil())
		}
		if d := new(big.Rat).Sub(round, x); d.Cmp(half) > 0 || d.Cmp(new(big.Rat).Neg(half)) <= 0 {
			t.Fatalf("%s: round %s", a, a.Round())
		}
		if f, _ := x.Float64(); a.Float() != f {
			t.Fatalf("%s: as a float %v, want %v", a, a.Float(), f)
		}
	}
}

func TestDecimalBounds(t *testing.T) {
	d := dec(t, "9999999999999999")
	var err error
	for i := 0; err == nil; i++ {
		if i > 40 {
			t.Fatal("squaring never ends")
		}
		d, err = d.Mul(d)
	}
	if !errors.Is(err, ErrOverflow) {
		t.Fatal(err)
	}
	if _, err := dec(t, "1").Div(Decimal{}); !errors.Is(err, ErrDivZero) {
		t.Fatal(err)
	}
}

func TestFloats(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1.0E0", "100": "1.0E2", "-1.5e-3": "-1.5E-3", "0": "0.0E0", "-0": "-0.0E0", "INF": "INF", "+INF": "INF", "-INF": "-INF", "NaN": "NaN",
		"1e400": "INF", "123456789": "1.23456789E8", ".5": "5.0E-1", "5.": "5.0E0",
	} {
		f, err := ParseFloat(in, 64)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if got := FormatFloat(f, 64); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "inf", "Infinity", "nan", "0x1p3", "1_0", "e5", "1e", "1e+", " 1", "+-1", "++INF", "-NaN"} {
		if f, err := ParseFloat(in, 64); err == nil {
			t.Errorf("%q was read as %v", in, f)
		}
	}
}

func TestDerivedIntegers(t *testing.T) {
	for _, c := range []struct {
		lexical, datatype string
		ok                bool
	}{
		{"127", "byte", true},
		{"128", "byte", false},
		{"-129", "byte", false},
		{"255", "unsignedByte", true},
		{"-1", "unsignedByte", false},
		{"0", "positiveInteger", false},
		{"0", "nonPositiveInteger", true},
		{"1", "nonPositiveInteger", false},
		{"-1", "negativeInteger", true},
		{"18446744073709551615", "unsignedLong", true},
		{"18446744073709551616", "unsignedLong", false},
		{"9223372036854775808", "long", false},
		{"1.0", "integer", false},
		{"+007", "integer", true},
		{"99999999999999999999999", "integer", true},
	} {
		_, err := ParseNumber(c.lexical, kg.XSD+c.datatype)
		if (err == nil) != c.ok {
			t.Errorf("%s as %s: %v", c.lexical, c.datatype, err)
		}
	}
}

func TestPromotion(t *testing.T) {
	half, _ := Int(1).Div(Int(2))
	if half.Kind != DecimalKind || half.String() != "0.5" {
		t.Errorf("1/2 = %s (%s)", half, half.Kind.Datatype())
	}
	sum, _ := Flt(0.1).Add(Dec(dec(t, "1")))
	if sum.Kind != Float {
		t.Errorf("float + decimal is %s", sum.Kind.Datatype())
	}
	sum, _ = Flt(0.1).Add(Dbl(1))
	if sum.Kind != Double {
		t.Errorf("float + double is %s", sum.Kind.Datatype())
	}
	inf, err := Dbl(1).Div(Int(0))
	if err != nil || !math.IsInf(inf.F, 1) {
		t.Errorf("1e0/0 = %s, %v", inf, err)
	}
	if _, err := Int(1).Div(Int(0)); !errors.Is(err, ErrDivZero) {
		t.Errorf("1/0: %v", err)
	}
	if _, ok := Dbl(math.NaN()).Compare(Int(1)); ok {
		t.Error("NaN has an order")
	}
	for in, want := range map[float64]float64{2.5: 3, -2.5: -2, 0.4: 0, -0.4: math.Copysign(0, -1), 1e20: 1e20} {
		if got := Dbl(in).Round().F; got != want || math.Signbit(got) != math.Signbit(want) {
			t.Errorf("round(%v) = %v, want %v", in, got, want)
		}
	}
}

func at(t testing.TB, s, datatype string) DateTime {
	t.Helper()
	d, err := ParseDateTime(s, kg.XSD+datatype)
	if err != nil {
		t.Fatalf("%s as %s: %v", s, datatype, err)
	}
	return d
}

func TestDateTimeLexical(t *testing.T) {
	for _, c := range [][3]string{
		{"2024-02-29T23:59:59.5Z", "dateTime", "2024-02-29T23:59:59.5Z"},
		{"2024-02-29T24:00:00", "dateTime", "2024-03-01T00:00:00"},
		{"-0044-03-15T12:00:00+14:00", "dateTime", "-0044-03-15T12:00:00+14:00"},
		{"12024-01-01", "date", "12024-01-01"},
		{"2024-01-01-05:00", "date", "2024-01-01-05:00"},
		{"2024-01-01+00:00", "date", "2024-01-01Z"},
		{"24:00:00", "time", "00:00:00"},
		{"12:30:00.120", "time", "12:30:00.12"},
		{"2024", "gYear", "2024"},
		{"2024-05", "gYearMonth", "2024-05"},
		{"--05", "gMonth", "--05"},
		{"--05-31", "gMonthDay", "--05-31"},
		{"---31", "gDay", "---31"},
	} {
		if got := at(t, c[0], c[1]).String(); got != c[2] {
			t.Errorf("%s: got %s, want %s", c[0], got, c[2])
		}
	}
	for _, c := range [][2]string{
		{"2023-02-29", "date"},
		{"2024-13-01", "date"},
		{"2024-00-01", "date"},
		{"24-01-01", "date"},
		{"02024-01-01", "date"},
		{"2024-1-1", "date"},
		{"2024-01-01T25:00:00", "dateTime"},
		{"2024-01-01T24:00:01", "dateTime"},
		{"2024-01-01T12:60:00", "dateTime"},
		{"2024-01-01T12:00:60", "dateTime"},
		{"2024-01-01 12:00:00", "dateTime"},
		{"2024-01-01T12:00", "dateTime"},
		{"2024-01-01T12:00:00+15:00", "dateTime"},
		{"2024-01-01T12:00:00.", "dateTime"},
		{"2024-01-01", "dateTime"},
		{"2024-01-01T12:00:00", "dateTimeStamp"},
		{"--02-30", "gMonthDay"},
		{"", "date"},
		{"12:00:00z", "time"},
	} {
		if d, err := ParseDateTime(c[0], kg.XSD+c[1]); err == nil {
			t.Errorf("%s as %s was read as %s", c[0], c[1], d)
		}
	}
}

func TestDateTimeOrder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int // 2: no order
	}{
		{"2024-01-01T12:00:00Z", "2024-01-01T13:00:00+01:00", 0},
		{"2024-01-01T12:00:00Z", "2024-01-01T12:00:00.001Z", -1},
		{"2024-01-01T12:00:00", "2024-01-01T12:00:00Z", 2},
		{"2024-01-01T12:00:00", "2024-01-03T12:00:00Z", -1},
		{"2024-01-02T12:00:00", "2024-01-01T12:00:00", 1},
		{"2024-01-01T00:00:00", "2024-01-01T14:00:00Z", 2},
		{"2024-01-01T00:00:00", "2024-01-01T14:00:01Z", -1},
	} {
		got, err := at(t, c.a, "dateTime").Compare(at(t, c.b, "dateTime"))
		if errors.Is(err, ErrIndeterminate) {
			got = 2
		} else if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%s against %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
	if _, err := at(t, "2024-01-01", "date").Compare(at(t, "2024", "gYear")); !errors.Is(err, ErrType) {
		t.Errorf("date against gYear: %v", err)
	}
}

// TestCalendar compares with the standard library.
func TestCalendar(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		x := time.Unix(r.Int64N(8e10)-4e10, 0).UTC()
		y := time.Unix(r.Int64N(8e10)-4e10, 0).UTC()
		a, b := FromTime(x), FromTime(y)
		if x.Year() < 1 || y.Year() < 1 {
			continue
		}
		if got := a.String(); got != x.Format("2006-01-02T15:04:05Z") {
			t.Fatalf("%s: got %s", x, got)
		}
		if got := at(t, a.String(), "dateTime"); got != a {
			t.Fatalf("%s: read back as %+v", a, got)
		}
		d, err := a.Sub(b)
		if err != nil || d.Secs != x.Unix()-y.Unix() {
			t.Fatalf("%s - %s: got %s, %v", a, b, d, err)
		}
		back, err := b.AddDuration(d)
		if err != nil || back != a {
			t.Fatalf("%s + %s: got %s, %v", b, d, back, err)
		}
	}
}

func span(t testing.TB, s, datatype string) Duration {
	t.Helper()
	d, err := ParseDuration(s, kg.XSD+datatype)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return d
}

func TestDurations(t *testing.T) {
	for in, want := range map[string]string{
		"P1Y2M3DT4H5M6.7S": "P1Y2M3DT4H5M6.7S", "P14M": "P1Y2M", "PT25H": "P1DT1H", "PT90S": "PT1M30S", "-PT0.5S": "-PT0.5S", "P0Y": "PT0S", "-P1D": "-P1D",
	} {
		if got := span(t, in, "duration").String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "P", "PT", "1Y", "P1S", "P1YT", "P1D2Y", "PT1H1D", "P-1Y", "P1.5D", "PT1.S", "+P1D", "P1Y1Y"} {
		if d, err := ParseDuration(in, kg.XSD+"duration"); err == nil {
			t.Errorf("%q was read as %s", in, d)
		}
	}
	if _, err := ParseDuration("P1M", kg.XSD+"dayTimeDuration"); err == nil {
		t.Error("a dayTimeDuration has months")
	}
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"P1M", "P30D", 2}, {"P1M", "P32D", -1}, {"P1M", "P27D", 1}, {"P1Y", "P12M", 0}, {"PT24H", "P1D", 0}, {"P1M", "P2M", -1},
	} {
		got, err := span(t, c.a, "duration").Compare(span(t, c.b, "duration"))
		if err != nil {
			got = 2
		}
		if got != c.want {
			t.Errorf("%s against %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
	d, err := at(t, "2024-01-31T00:00:00", "dateTime").AddDuration(span(t, "P1M", "duration"))
	if err != nil || d.String() != "2024-02-29T00:00:00" {
		t.Errorf("end of January and a month: %s, %v", d, err)
	}
	z := Duration{Kind: DayTime, Secs: 3600}
	if a, err := at(t, "2024-01-01T23:30:00Z", "dateTime").Adjust(&z); err != nil || a.String() != "2024-01-02T00:30:00+01:00" {
		t.Errorf("adjusted: %s, %v", a, err)
	}
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.50", "+.5", "99999999999999999999.1", "5.", "1e5", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			return
		}
		again, err := ParseDecimal(d.String())
		if err != nil || again.Cmp(d) != 0 || again.String() != d.String() {
			t.Fatalf("%q: %s, read back as %s, %v", s, d, again, err)
		}
		if x, ok := new(big.Rat).SetString(s); ok && len(s) < 200 {
			if y, ok := new(big.Rat).SetString(d.String()); !ok || x.Cmp(y) != 0 {
				t.Fatalf("%q became %s", s, d)
			}
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2024-02-29T23:59:59.5Z", "-0044-03-15", "24:00:00", "--05-31+14:00", "---31", "2024", "P1Y2M3DT4H5M6.7S", "-PT0.1S"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for iri := range timeKinds {
			d, err := ParseDateTime(s, iri)
			if err != nil {
				continue
			}
			again, err := ParseDateTime(d.String(), iri)
			if err != nil || again != d {
				t.Fatalf("%q as %s: %s, read back as %+v, %v", s, iri, d, again, err)
			}
		}
		for iri := range durationKinds {
			d, err := ParseDuration(s, iri)
			if err != nil {
				continue
			}
			again, err := ParseDuration(d.String(), iri)
			if err != nil || again != d {
				t.Fatalf("%q as %s: %s, read back as %+v, %v", s, iri, d, again, err)
			}
		}
	})
}
