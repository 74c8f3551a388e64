package dict

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
)

func TestInlineOnlyCanonical(t *testing.T) {
	const i, c, f, d, dt, b = "integer", "decimal", "double", "date", "dateTime", "boolean"
	for _, x := range []struct {
		lex, typ string
		in       bool
	}{
		{"0", i, true},
		{"-0", i, false},
		{"+1", i, false},
		{"01", i, false},
		{"", i, false},
		{"-", i, false},
		{"1 ", i, false},
		{"576460752303423487", i, true},
		{"576460752303423488", i, false},
		{"-576460752303423488", i, true},
		{"-576460752303423489", i, false},
		{"99999999999999999999", i, false},
		{"0.0", c, true},
		{"-0.0", c, false},
		{"1", c, false},
		{"1.", c, false},
		{".5", c, false},
		{"0.5", c, true},
		{"00.5", c, false},
		{"1.50", c, false},
		{"-1.5", c, true},
		{"100.0", c, true},
		{"100.00", c, false},
		{"1234567890.123456", c, true},
		{"1234567890.1234567", c, false},
		{"0.00000000000000000000000000000001", c, true},
		{"0.000000000000000000000000000000001", c, false},
		{"90000000000000000000000000000000.0", c, true},
		{"900000000000000000000000000000000.0", c, false},
		{"1e5", c, false},
		{"1.5.5", c, false},
		{"1.a", c, false},
		{"a.1", c, false},
		{"0.0E0", f, true},
		{"-0.0E0", f, false},
		{"NaN", f, false},
		{"INF", f, true},
		{"-INF", f, true},
		{"+INF", f, false},
		{"1.1E0", f, true},
		{"1.10E0", f, false},
		{"1.1E+0", f, false},
		{"1.1E-0", f, false},
		{"1.1e0", f, false},
		{"11.1E0", f, false},
		{"1E0", f, false},
		{"1.23456789012345E300", f, true},
		{"1.234567890123456E0", f, false},
		{"1.0E301", f, false},
		{"1.0E-300", f, true},
		{"1.0E-301", f, false},
		{"1.5", f, false},
		{"2024-02-29", d, true},
		{"2023-02-29", d, false},
		{"2024-2-9", d, false},
		{"2024-02-29Z", d, false},
		{"02024-01-01", d, false},
		{"-0001-12-31", d, true},
		{"0000-01-01", d, true},
		{"-0000-01-01", d, false},
		{"999999-12-31", d, true},
		{"1000000-01-01", d, false},
		{"1900-02-29", d, false},
		{"2024-13-01", d, false},
		{"2024-01-01T00:00:00", dt, true},
		{"2024-01-01T00:00:00Z", dt, true},
		{"2024-01-01T24:00:00Z", dt, false},
		{"2024-01-01T00:00:00.000Z", dt, false},
		{"2024-01-01T00:00:00.5+14:00", dt, true},
		{"2024-01-01T00:00:00+14:01", dt, false},
		{"2024-01-01T00:00:00+00:00", dt, false},
		{"2024-01-01T00:00:00.1234Z", dt, false},
		{"2024-01-01T00:00:60Z", dt, false},
		{"2024-01-01", dt, false},
		{"2024-01-01T00:00:00.Z", dt, false},
		{"9999-12-31T23:59:59.999-14:00", dt, true},
		{"999999-12-31T23:59:59Z", dt, false},
		{"true", b, true},
		{"false", b, true},
		{"1", b, false},
		{"TRUE", b, false},
		{"1", "int", false},
		{"1.0E0", "float", false},
	} {
		term := kg.NewTyped(x.lex, kg.XSD+x.typ)
		id, ok := Inline(term)
		if ok != x.in {
			t.Errorf("Inline(%v) = %v, want %v", term, ok, x.in)
		}
		if ok {
			roundTrip(t, term, id)
		}
	}
	for _, s := range []string{"", "a", "\x00", "a\x00", "1234567", "é€", "\xff\xfe"} {
		id, ok := Inline(kg.NewString(s))
		if !ok {
			t.Errorf("%q not inlined", s)
		}
		roundTrip(t, kg.NewString(s), id)
	}
	for _, x := range []kg.Term{kg.NewString("12345678"), kg.NewLang("a", "en"), kg.NewDirLang("a", "en", "ltr"), kg.NewIRI("a"), kg.NewBlank("a"), {}, kg.NewTriple(kg.NewIRI("a"), kg.NewIRI("a"), kg.NewIRI("a"))} {
		if _, ok := Inline(x); ok {
			t.Errorf("%v inlined", x)
		}
	}
}

func roundTrip(t *testing.T, term kg.Term, id kg.ID) {
	t.Helper()
	if got, ok := Value(id); !ok || got != term {
		t.Fatalf("Value(Inline(%v)) = %v, %v", term, got, ok)
	}
	if !id.Inlined() || !id.IsLiteral() || !Valid(id) {
		t.Fatalf("id %x of %v is not marked as inlined", uint64(id), term)
	}
}

// TestValueIsInverse draws random payloads: whatever Value accepts, Inline
// must map back to the same id.
func TestValueIsInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	accepted := map[kg.Tag]int{}
	for range 300_000 {
		p := r.Uint64()
		switch r.IntN(3) {
		case 0:
			p >>= r.IntN(60)
		case 1:
			p = mid + uint64(r.Int64N(1<<r.IntN(59)+1)) - uint64(r.Int64N(1<<r.IntN(59)+1))
		}
		id := kg.MakeID(kg.Tag(r.IntN(16)), p)
		term, ok := Value(id)
		if !ok {
			continue
		}
		accepted[id.Tag()]++
		if back, ok := Inline(term); !ok || back != id {
			t.Fatalf("Value(%x) = %v, but Inline of that = %x, %v", uint64(id), term, uint64(back), ok)
		}
	}
	for tag := kg.TagShort; tag <= kg.TagDateTime; tag++ {
		if accepted[tag] < 100 && tag != kg.TagBool {
			t.Errorf("tag %d: only %d random payloads were valid", tag, accepted[tag])
		}
	}
}

// TestOrder checks that ids of one tag order as the values, which are computed
// here by other means (big.Rat, time, strconv).
func TestOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	rat := func(s string) *big.Rat { v, _ := new(big.Rat).SetString(s); return v }
	gens := []struct {
		name string
		gen  func() string
		cmp  func(a, b string) int
	}{
		{
			"integer", func() string { return strconv.FormatInt(r.Int64()>>(5+r.IntN(58)), 10) },
			func(a, b string) int { return rat(a).Cmp(rat(b)) },
		},
		{"decimal", func() string {
			s := strings.TrimLeft(digits(r.IntN(12)), "0")
			if s == "" {
				s = "0"
			}
			f := strings.TrimRight(strings.Repeat("0", r.IntN(10))+digits(r.IntN(6)), "0")
			if f == "" {
				f = "0"
			}
			return []string{"", "-"}[r.IntN(2)] + s + "." + f
		}, func(a, b string) int { return rat(a).Cmp(rat(b)) }},
		{"double", func() string {
			f := strings.TrimRight(digits(1+r.IntN(14)), "0")
			if f == "" {
				f = "0"
			}
			return fmt.Sprintf("%s%d.%sE%d", []string{"", "-"}[r.IntN(2)], 1+r.IntN(9), f, r.IntN(40)-20)
		}, func(a, b string) int {
			x, _ := strconv.ParseFloat(a, 64)
			y, _ := strconv.ParseFloat(b, 64)
			return cmp.Compare(x, y)
		}},
		{
			"date", func() string {
				return time.Unix((r.Int64N(4000)-1500)*365*86400+r.Int64N(86400*365), 0).UTC().Format("2006-01-02")
			},
			strings.Compare,
		},
		{
			"dateTime", func() string {
				return time.UnixMilli(r.Int64N(1 << 42)).In(time.FixedZone("", 60*(1+r.IntN(800)))).Format("2006-01-02T15:04:05.999Z07:00")
			},
			func(a, b string) int {
				x, _ := time.Parse(time.RFC3339, a)
				y, _ := time.Parse(time.RFC3339, b)
				return x.Compare(y)
			},
		},
		{"string", func() string { return digits(r.IntN(8)) }, strings.Compare},
	}
	for _, g := range gens {
		t.Run(g.name, func(t *testing.T) {
			type entry struct {
				id  kg.ID
				lex string
			}
			var es []entry
			for range 20_000 {
				lex := g.gen()
				if g.name == "date" && strings.HasPrefix(lex, "-") {
					continue
				}
				id, ok := Inline(kg.NewTyped(lex, kg.XSD+g.name))
				if !ok {
					continue
				}
				roundTrip(t, kg.NewTyped(lex, kg.XSD+g.name), id)
				es = append(es, entry{id, lex})
			}
			if len(es) < 8_000 {
				t.Fatalf("only %d of 20000 inlined", len(es))
			}
			slices.SortFunc(es, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
			for i := 1; i < len(es); i++ {
				a, b := es[i-1], es[i]
				c := g.cmp(a.lex, b.lex)
				if a.id == b.id && c != 0 || c > 0 || a.id != b.id && c == 0 && g.name != "dateTime" {
					t.Fatalf("%s (%x) and %s (%x): values compare %d", a.lex, uint64(a.id), b.lex, uint64(b.id), c)
				}
			}
		})
	}
}

func TestNumbersOfIDs(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		id := kg.MakeID(kg.TagDouble, mid+uint64(r.Int64N(dblInf))-uint64(r.Int64N(dblInf)))
		term, ok := Value(id)
		if !ok {
			continue
		}
		want, err := strconv.ParseFloat(term.Value, 64)
		if err != nil || Double(id) != want {
			t.Fatalf("Double(%v) = %v, want %v (%v)", term, Double(id), want, err)
		}
		// XSD's canonical double is Go's shortest form with an E: no two
		// inlined forms may share a value.
		if s := strconv.FormatFloat(want, 'E', -1, 64); rat(s).Cmp(rat(term.Value)) != 0 {
			t.Fatalf("%s is not the shortest form of its value, %s is", term.Value, s)
		}
	}
	if !math.IsInf(Double(kg.MakeID(kg.TagDouble, mid+dblInf)), 1) || !math.IsInf(Double(kg.MakeID(kg.TagDouble, mid-dblInf)), -1) || Double(kg.MakeID(kg.TagDouble, mid)) != 0 {
		t.Error("INF, -INF, 0")
	}
	for range 100_000 {
		lex := strconv.FormatFloat(float64(r.Int64N(1e12)-5e11)/1e3, 'f', -1, 64)
		if !strings.Contains(lex, ".") {
			lex += ".0"
		}
		id, ok := Inline(kg.NewTyped(lex, xsdDecimal))
		if !ok {
			t.Fatalf("%s not inlined", lex)
		}
		m, s := Decimal(id)
		v := new(big.Rat).SetFrac(big.NewInt(m), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s)), nil))
		if v.Cmp(rat(lex)) != 0 {
			t.Fatalf("Decimal(%s) = %d*10^-%d", lex, m, s)
		}
	}
	for _, v := range []int64{0, 1, -1, mid - 1, -mid} {
		id, ok := FromInt(v)
		if !ok || Int(id) != v {
			t.Errorf("FromInt(%d)", v)
		}
	}
	if _, ok := FromInt(mid); ok {
		t.Error("FromInt out of range")
	}
	id, _ := Inline(kg.NewTyped("1970-01-02", xsdDate))
	if Days(id) != 1 {
		t.Errorf("Days = %d", Days(id))
	}
	id, _ = Inline(kg.NewTyped("1970-01-01T01:00:00.5+01:00", xsdDateTime))
	if ms, z, ok := Millis(id); ms != 500 || z != 60 || !ok {
		t.Errorf("Millis = %d %d %v", ms, z, ok)
	}
}

func rat(s string) *big.Rat { v, _ := new(big.Rat).SetString(s); return v }

func TestKeys(t *testing.T) {
	terms := []kg.Term{
		kg.NewIRI("http://a"), kg.NewBlank("b0"), kg.NewString("a long string"), kg.NewString(""),
		kg.NewLang("chat", "en"), kg.NewLang("a\x00b", "en-gb"), kg.NewDirLang("x", "ar", "rtl"), kg.NewLang("", "de"),
		kg.NewTyped("01", xsdInteger), kg.NewTyped("", "http://t"), kg.NewTyped("a\x00", "http://t"),
	}
	for _, x := range terms {
		tag, err := TagOf(x)
		if err != nil {
			t.Fatal(err)
		}
		k, err := AppendKey(nil, tag, x)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := ParseKey(tag, k); !ok || got != x {
			t.Errorf("%v -> %q -> %v %v", x, k, got, ok)
		}
	}
	a, _ := AppendKey(nil, kg.TagLang, kg.NewLang("chat", "zz"))
	b, _ := AppendKey(nil, kg.TagLang, kg.NewLang("chat room", "en"))
	if bytes.Compare(a, b) >= 0 {
		t.Error("keys of language strings do not sort by lexical form")
	}
	for _, x := range []kg.Term{{}, {Kind: kg.Literal, Value: "x"}, {Kind: kg.Literal, Value: "x", Lang: "en", Datatype: xsdInteger}, {Kind: kg.Literal, Value: "x", Dir: "ltr", Datatype: kg.RDFDirLangStr}} {
		if _, err := TagOf(x); err == nil {
			t.Errorf("TagOf(%#v) has no error", x)
		}
	}
	if _, err := AppendKey(nil, kg.TagLang, kg.NewLang("x", strings.Repeat("a", 300))); err == nil {
		t.Error("long language tag accepted")
	}
	if _, err := AppendKey(nil, kg.TagTyped, kg.NewTyped("x", "a\x00b")); err == nil {
		t.Error("datatype with U+0000 accepted")
	}
	k := AppendTripleKey(nil, 1, 2, 3)
	if spo, ok := ParseTripleKey(k); !ok || spo != [3]kg.ID{1, 2, 3} {
		t.Error("triple key")
	}
}

func FuzzInline(f *testing.F) {
	for _, s := range []string{"", "1", "-1.5", "1.0E0", "2024-02-29", "2024-02-29T12:00:00.5+01:00", "true", "0.0", "576460752303423487"} {
		for i := range fuzzTypes {
			f.Add(s, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, lex string, typ uint8) {
		term := kg.NewTyped(lex, kg.XSD+fuzzTypes[int(typ)%len(fuzzTypes)])
		if id, ok := Inline(term); ok {
			roundTrip(t, term, id)
		}
	})
}

var fuzzTypes = []string{"string", "boolean", "integer", "decimal", "double", "date", "dateTime"}

func FuzzValue(f *testing.F) {
	f.Add(uint64(0x8000000000000001))
	f.Add(uint64(0xc000000000000000))
	f.Fuzz(func(t *testing.T, v uint64) {
		if term, ok := Value(kg.ID(v)); ok {
			if id, ok := Inline(term); !ok || id != kg.ID(v) {
				t.Fatalf("Value(%x) = %v, Inline of it %x %v", v, term, uint64(id), ok)
			}
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte("chat\x00en\x02"), uint8(kg.TagLang))
	f.Add([]byte("chat\x00ar--rtl\x07"), uint8(kg.TagLang))
	f.Add([]byte("http://t\x00x"), uint8(kg.TagTyped))
	f.Fuzz(func(t *testing.T, k []byte, tag uint8) {
		term, ok := ParseKey(kg.Tag(tag), k)
		if !ok {
			return
		}
		if got, err := TagOf(term); err != nil || got != kg.Tag(tag) {
			return // bytes no writer produces: the store's checksum excludes them
		}
		if back, err := AppendKey(nil, kg.Tag(tag), term); err == nil && !bytes.Equal(back, k) {
			t.Fatalf("%q -> %v -> %q", k, term, back)
		}
	})
}

func BenchmarkInlineDecimal(b *testing.B) {
	t := kg.NewTyped("4711.25", xsdDecimal)
	for b.Loop() {
		Inline(t)
	}
}
