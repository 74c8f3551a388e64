package expr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/expr"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// table is a small term table: ids of TagTyped, TagIRI and so on as a store
// would hand them out.
type table struct {
	terms []kg.Term
	ids   map[string]kg.ID
}

func (t *table) Term(id kg.ID) (*kg.Term, error) {
	if v, ok := dict.Value(id); ok {
		return &v, nil
	}
	if id.Payload() >= uint64(len(t.terms)) {
		return nil, kg.ErrUnknownID
	}
	return &t.terms[id.Payload()], nil
}

func (t *table) Intern(x kg.Term) (kg.ID, error) {
	if id, ok := dict.Inline(x); ok {
		return id, nil
	}
	key := x.String()
	if id, ok := t.ids[key]; ok {
		return id, nil
	}
	tag := kg.TagTyped
	switch {
	case x.Kind == kg.IRI:
		tag = kg.TagIRI
	case x.Kind == kg.Blank:
		tag = kg.TagBlank
	case x.Kind == kg.Triple:
		tag = kg.TagTriple
	case x.Lang != "":
		tag = kg.TagLang
	case x.Datatype == kg.XSDString:
		tag = kg.TagString
	}
	id := kg.MakeID(tag, uint64(len(t.terms)))
	t.terms = append(t.terms, x)
	if t.ids == nil {
		t.ids = map[string]kg.ID{}
	}
	t.ids[key] = id
	return id, nil
}

const prefixes = "PREFIX : <http://e/> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>\n"

// eval evaluates an expression twice: on constants, and with every constant
// put into a column, so that both the folded and the id paths are taken.
func eval(t testing.TB, text string) string {
	t.Helper()
	ast, err := syntax.ParseQuery(prefixes+"SELECT ("+text+" AS ?r) {}", "http://base/x/")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	q, err := algebra.Translate(ast)
	if err != nil {
		t.Fatal(err)
	}
	n := q.Node
	for {
		if x, ok := n.(*algebra.Extend); ok {
			return evalBoth(t, text, x.Expr)
		}
		n = n.Children()[0]
	}
}

func evalBoth(t testing.TB, text string, e algebra.Expr) string {
	t.Helper()
	tab := &table{}
	run := func(e algebra.Expr, names []string, cols [][]kg.ID) string {
		f, err := expr.Compile(e, expr.Scope{
			Column: func(v string) int {
				for i, n := range names {
					if n == v {
						return i
					}
				}
				return -1
			},
			Lookup: tab.Intern,
		})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		c := &expr.Ctx{Cols: cols, Terms: tab, Base: "http://base/x/", Now: xsd.FromTime(time.Date(2026, 11, 25, 12, 30, 0, 0, time.UTC))}
		v := f(c)
		id := c.ID(v)
		if c.Fail != nil {
			t.Fatalf("%s: %v", text, c.Fail)
		}
		if id == kg.Any {
			return "error"
		}
		term, err := tab.Term(id)
		if err != nil {
			t.Fatal(err)
		}
		s := strings.ReplaceAll(term.String(), "^^<"+kg.XSD, "^^<")
		if term.Kind == kg.Literal && (term.Datatype == kg.XSD+"integer" || term.Datatype == kg.XSD+"boolean") {
			s = term.Value
		}
		return s
	}
	plain := run(e, nil, nil)
	var names []string
	var cols [][]kg.ID
	moved := algebra.MapExpr(e, func(e algebra.Expr) algebra.Expr {
		k, ok := e.(*algebra.Const)
		if !ok {
			return e
		}
		id, err := tab.Intern(k.Term)
		if err != nil {
			t.Fatal(err)
		}
		name := "c" + strings.Repeat("x", len(names))
		names, cols = append(names, name), append(cols, []kg.ID{id})
		return &algebra.Var{Name: name}
	}, nil)
	if got := run(moved, names, cols); got != plain {
		t.Errorf("%s: %s on constants, %s on columns", text, plain, got)
	}
	return plain
}

func TestFunctions(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		// Arithmetic and promotion.
		{`1 + 2 * 3`, "7"},
		{`7 / 2`, `"3.5"^^<decimal>`},
		{`1 / 3`, `"0.333333333333333333333333"^^<decimal>`},
		{`1 / 0`, "error"},
		{`1e0 / 0`, `"INF"^^<double>`},
		{`9223372036854775807 + 1`, "9223372036854775808"},
		{`-9223372036854775808 - 1`, "-9223372036854775809"},
		{`4294967296 * 4294967296`, "18446744073709551616"},
		{`0.1 + 0.2`, `"0.3"^^<decimal>`},
		{`xsd:float(1) + 1.5`, `"2.5E0"^^<float>`},
		{`1.5 + 1e0`, `"2.5E0"^^<double>`},
		{`"1" + 1`, "error"},
		{`-(1.50)`, `"-1.5"^^<decimal>`},
		{`"1"^^xsd:byte + 1`, "2"},
		{`"999"^^xsd:byte + 1`, "error"},
		{`true + 1`, "error"},
		// Comparison.
		{`1 = 1.0`, "true"},
		{`1 = "1"`, "false"},
		{`"a" < "b"`, "true"},
		{`"a" < 1`, "error"},
		{`"a"@en = "a"@EN`, "true"},
		{`"a"@en = "a"`, "false"},
		{`"a"@en < "b"@en`, "error"},
		{`xsd:double("NaN") = xsd:double("NaN")`, "false"},
		{`xsd:double("NaN") < 1`, "false"},
		{`:a = :a`, "true"},
		{`:a = "a"`, "false"},
		{`:a < :b`, "error"},
		{`"x"^^:t = "x"^^:t`, "true"},
		{`"x"^^:t = "y"^^:t`, "error"},
		{`"x"^^:t != "y"^^:t`, "error"},
		{`"01"^^xsd:integer = 1`, "true"},
		{`true = "1"^^xsd:boolean`, "true"},
		{`false < true`, "true"},
		{`"2024-01-01T12:00:00Z"^^xsd:dateTime = "2024-01-01T13:00:00+01:00"^^xsd:dateTime`, "true"},
		{`"2024-01-01T12:00:00Z"^^xsd:dateTime < "2024-01-01T12:00:00"^^xsd:dateTime`, "error"},
		{`"2024-01-01"^^xsd:date < "2024-01-02"^^xsd:date`, "true"},
		{`"2024-01-01"^^xsd:date = "2024-01-01T00:00:00"^^xsd:dateTime`, "false"},
		{`"P1Y"^^xsd:duration = "P12M"^^xsd:yearMonthDuration`, "true"},
		// Logic.
		{`(1/0 = 1) || true`, "true"},
		{`(1/0 = 1) && false`, "false"},
		{`(1/0 = 1) && true`, "error"},
		{`!(1/0 = 1)`, "error"},
		{`!""`, "true"},
		{`!"a"`, "false"},
		{`!0.0`, "true"},
		{`!:a`, "error"},
		{`2 IN (1, 2.0, 3)`, "true"},
		{`2 IN (1, 1/0)`, "error"},
		{`2 IN (1/0, 2)`, "true"},
		{`2 NOT IN ()`, "true"},
		{`"a" IN ("b", "c", "d", "e", "a")`, "true"},
		{`"x"^^:t IN ("b", "c", "d", "e", "a")`, "error"},
		{`:z IN (:a, :b, :c, :d, :e)`, "false"},
		{`1 IN (:a, :b, :c, :d, :e)`, "false"},
		{`IF(1 < 2, "y", 1/0)`, `"y"`},
		{`COALESCE(1/0, "c")`, `"c"`},
		{`COALESCE()`, "error"},
		// Terms.
		{`STR(:a)`, `"http://e/a"`},
		{`STR("01"^^xsd:integer)`, `"01"`},
		{`STR("a"@en)`, `"a"`},
		{`LANG("a"@en-GB)`, `"en-gb"`},
		{`LANG("a")`, `""`},
		{`LANG(:a)`, "error"},
		{`DATATYPE("a"@en)`, "<http://www.w3.org/1999/02/22-rdf-syntax-ns#langString>"},
		{`DATATYPE(1.0)`, "<http://www.w3.org/2001/XMLSchema#decimal>"},
		{`DATATYPE(:a)`, "error"},
		{`IRI("y")`, "<http://base/x/y>"},
		{`IRI("a b")`, "error"},
		{`IRI(1)`, "error"},
		{`STRDT("1", xsd:integer)`, "1"},
		{`STRDT("x", xsd:integer)`, `x`},
		{`STRDT("a"@en, :t)`, "error"},
		{`STRLANG("a", "EN")`, `"a"@en`},
		{`STRLANG("a", "")`, "error"},
		{`STRLANGDIR("a", "en", "rtl")`, `"a"@en--rtl`},
		{`STRLANGDIR("a", "en", "up")`, "error"},
		{`LANGDIR("a"@en--ltr)`, `"ltr"`},
		{`LANGMATCHES("en-gb", "EN")`, "true"},
		{`LANGMATCHES("eng", "en")`, "false"},
		{`LANGMATCHES("", "*")`, "false"},
		{`LANGMATCHES("de", "*")`, "true"},
		{`isIRI(:a)`, "true"},
		{`isLiteral("abcdefghijk")`, "true"},
		{`isBlank(:a)`, "false"},
		{`isNumeric("x"^^xsd:integer)`, "false"},
		{`isNumeric("1")`, "false"},
		{`isNumeric("1"^^xsd:byte)`, "true"},
		{`sameTerm(1, 1.0)`, "false"},
		{`sameTerm("01"^^xsd:integer, 1)`, "false"},
		{`sameTerm(:a, :a)`, "true"},
		{`isTRIPLE(TRIPLE(:a, :b, 1))`, "true"},
		{`OBJECT(TRIPLE(:a, :b, 1))`, "1"},
		{`TRIPLE(1, :b, 1)`, "error"},
		{`SUBJECT(:a)`, "error"},
		{`TRIPLE(:a, :b, 1) = TRIPLE(:a, :b, 1.0)`, "true"},
		// Numbers.
		{`ROUND(2.5)`, `"3"^^<decimal>`},
		{`ROUND(-2.5)`, `"-2"^^<decimal>`},
		{`CEIL(1.1)`, `"2"^^<decimal>`},
		{`FLOOR(-1.1)`, `"-2"^^<decimal>`},
		{`ABS(-5)`, "5"},
		{`ABS("a")`, "error"},
		// Strings.
		{`STRLEN("日本")`, "2"},
		{`SUBSTR("hello", 2)`, `"ello"`},
		{`SUBSTR("hello"@en, 2, 2)`, `"el"@en`},
		{`SUBSTR("hello", -1, 3)`, `"h"`},
		{`SUBSTR("hello", 1.5, 2.6)`, `"ell"`},
		{`SUBSTR("hello", 9)`, `""`},
		{`SUBSTR("a", xsd:double("NaN"))`, `""`},
		{`UCASE("hänsel"@de)`, `"HÄNSEL"@de`},
		{`LCASE("ÄB")`, `"äb"`},
		{`CONTAINS("abc"@en, "b")`, "true"},
		{`CONTAINS("abc", "b"@en)`, "error"},
		{`STRSTARTS("abc", "ab")`, "true"},
		{`STRENDS("abc", "")`, "true"},
		{`CONCAT()`, `""`},
		{`CONCAT("a", 1)`, "error"},
		{`STRAFTER("abc"@en, "")`, `"abc"@en`},
		{`STRBEFORE("abc"@en, "")`, `""@en`},
		{`ENCODE_FOR_URI("a b~%")`, `"a%20b~%25"`},
		{`REGEX("Hello", "^h", "i")`, "true"},
		{`REGEX("a", "[")`, "error"},
		{`REGEX("a", "a", "k")`, "error"},
		{`REGEX("aa", "(a)\\1")`, "error"},
		{`REPLACE("abc", "b", "[$0]")`, `"a[b]c"`},
		{`REPLACE("abc", "x*", "-")`, "error"},
		{`REPLACE("abcd", "(b)(c)", "$2$1")`, `"acbd"`},
		{`REPLACE("a", "a", "$")`, "error"},
		{`REPLACE("a", "a", "\\x")`, "error"},
		{`REPLACE("abab"@en, "b", "")`, `"aa"@en`},
		{`MD5("abc")`, `"900150983cd24fb0d6963f7d28e17f72"`},
		{`SHA1("abc")`, `"a9993e364706816aba3e25717850c26c9cd0d89d"`},
		{`SHA256("a"@en)`, "error"},
		// Times.
		{`NOW()`, `"2026-11-25T12:30:00Z"^^<dateTime>`},
		{`YEAR("2024-02-03"^^xsd:date)`, "2024"},
		{`MONTH("2024-02-03T04:05:06.7"^^xsd:dateTime)`, "2"},
		{`DAY("2024"^^xsd:gYear)`, "error"},
		{`SECONDS("2024-02-03T04:05:06.70"^^xsd:dateTime)`, `"6.7"^^<decimal>`},
		{`TIMEZONE("2024-02-03T04:05:06-05:30"^^xsd:dateTime)`, `"-PT5H30M"^^<dayTimeDuration>`},
		{`TZ("2024-02-03T04:05:06"^^xsd:dateTime)`, `""`},
		{`TIMEZONE("2024-02-03T04:05:06"^^xsd:dateTime)`, "error"},
		{`TZ("2024-02-03T04:05:06+01:00"^^xsd:dateTime)`, `"+01:00"`},
		{`HOURS("04:05:06"^^xsd:time)`, "4"},
		{`"2024-01-31"^^xsd:date + "P1M"^^xsd:yearMonthDuration`, `"2024-02-29"^^<date>`},
		{`"2024-03-01"^^xsd:date - "2024-02-01"^^xsd:date`, `"P29D"^^<dayTimeDuration>`},
		// Casts.
		{`xsd:integer("  7 ")`, "7"},
		{`xsd:integer("7.0")`, "error"},
		{`xsd:integer(true)`, "1"},
		{`xsd:integer(1e400)`, "error"},
		{`xsd:byte(300)`, "error"},
		{`xsd:byte(3)`, `"3"^^<byte>`},
		{`xsd:decimal(1e-7)`, `"0.0000001"^^<decimal>`},
		{`xsd:decimal("1e2")`, "error"},
		{`xsd:string(1e3)`, `"1000"`},
		{`xsd:string(1.0e7)`, `"1.0E7"`},
		{`xsd:string(:a)`, `"http://e/a"`},
		{`xsd:boolean("true")`, "true"},
		{`xsd:boolean(0.0)`, "false"},
		{`xsd:date("2024-01-02T03:04:05Z"^^xsd:dateTime)`, `"2024-01-02Z"^^<date>`},
		{`xsd:dateTime("2024-01-02"^^xsd:date)`, `"2024-01-02T00:00:00"^^<dateTime>`},
		{`xsd:dateTime("2024-01-02")`, "error"},
		{`xsd:integer(:a)`, "error"},
		{`xsd:double("1E2"@en)`, "error"},
		{`:unknown(1)`, "error"},
	} {
		want := c.want
		if got := eval(t, c.expr); got != want {
			t.Errorf("%s = %s, want %s", c.expr, got, want)
		}
	}
}

func TestBnodeAndUUID(t *testing.T) {
	for _, e := range []string{`isBlank(BNODE())`, `isIRI(UUID())`, `STRLEN(STRUUID()) = 36`, `RAND() < 1`, `BNODE("a") = BNODE("a")`, `!(BNODE("a") = BNODE("b"))`, `!(BNODE() = BNODE())`} {
		if got := eval(t, e); got != "true" {
			t.Errorf("%s = %s", e, got)
		}
	}
}

// TestOrder sorts one value of every kind.
func TestOrder(t *testing.T) {
	tab := &table{}
	terms := []kg.Term{
		{},
		kg.NewBlank("b"), kg.NewIRI("http://a"), kg.NewIRI("http://b"),
		kg.NewTyped("NaN", kg.XSD+"double"), kg.NewTyped("-INF", kg.XSD+"double"), kg.NewTyped("-5", kg.XSD+"integer"), kg.NewTyped("0.5", kg.XSD+"decimal"), kg.NewTyped("1.0", kg.XSD+"decimal"), kg.NewTyped("1", kg.XSD+"integer"), kg.NewTyped("1.5E0", kg.XSD+"double"), kg.NewTyped("99999999999999999999", kg.XSD+"integer"),
		kg.NewTyped("false", kg.XSD+"boolean"), kg.NewTyped("true", kg.XSD+"boolean"),
		kg.NewTyped("2024-01-01T00:00:00Z", kg.XSD+"dateTime"), kg.NewTyped("2024-01-02T00:00:00Z", kg.XSD+"dateTime"),
		kg.NewString("a"), kg.NewString("abcdefghij"), kg.NewString("b"), kg.NewLang("a", "en"), kg.NewTyped("x", "http://t"),
		kg.NewTriple(kg.NewIRI("http://a"), kg.NewIRI("http://p"), kg.NewTyped("2", kg.XSD+"integer")), kg.NewTriple(kg.NewIRI("http://a"), kg.NewIRI("http://p"), kg.NewTyped("10", kg.XSD+"integer")),
	}
	c := &expr.Ctx{Terms: tab}
	for i, a := range terms {
		for j, b := range terms {
			x, err := tab.Intern(a)
			if err != nil {
				t.Fatal(err)
			}
			y, err := tab.Intern(b)
			if err != nil {
				t.Fatal(err)
			}
			if a.Kind == kg.None {
				x = kg.Any
			}
			if b.Kind == kg.None {
				y = kg.Any
			}
			got := c.Order(expr.FromID(x), expr.FromID(y))
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s against %s: %d", a, b, got)
			}
		}
	}
}

func TestAggregates(t *testing.T) {
	tab := &table{}
	num := func(s, dt string) expr.Value {
		id, err := tab.Intern(kg.NewTyped(s, kg.XSD+dt))
		if err != nil {
			t.Fatal(err)
		}
		return expr.FromID(id)
	}
	c := &expr.Ctx{Terms: tab}
	one, half, two := num("1", "integer"), num("0.5", "decimal"), num("2", "integer")
	for _, x := range []struct {
		name   string
		values []expr.Value
		want   string
	}{
		{"COUNT", nil, "0"},
		{"SUM", nil, "0"},
		{"AVG", nil, "0"},
		{"MIN", nil, ""},
		{"GROUP_CONCAT", nil, ""},
		{"SAMPLE", nil, ""},
		{"SUM", []expr.Value{one, half, two}, "3.5"},
		{"AVG", []expr.Value{one, two}, "1.5"},
		{"MIN", []expr.Value{two, half, one}, "0.5"},
		{"MAX", []expr.Value{two, half, one}, "2"},
		{"COUNT", []expr.Value{one, {}, two}, "2"},
		{"SUM", []expr.Value{one, {}}, ""},
		{"SAMPLE", []expr.Value{{}, two}, "2"},
		{"GROUP_CONCAT", []expr.Value{one, two}, "1;2"},
		{"SUM", []expr.Value{num("4611686018427387904", "integer"), num("4611686018427387904", "integer"), one}, "9223372036854775809"},
	} {
		a := expr.NewAccumulator(x.name, ";")
		for _, v := range x.values {
			a.Add(c, v, 1)
		}
		if got := c.Term(a.Result(c)).Value; got != x.want {
			t.Errorf("%s = %q, want %q", x.name, got, x.want)
		}
	}
	// A value that counts often is as good as many values.
	for _, name := range []string{"COUNT", "SUM", "AVG", "MIN", "MAX", "GROUP_CONCAT"} {
		a, b := expr.NewAccumulator(name, ","), expr.NewAccumulator(name, ",")
		for _, v := range []expr.Value{one, half, two} {
			a.Add(c, v, 3)
			for range 3 {
				b.Add(c, v, 1)
			}
		}
		if x, y := c.Term(a.Result(c)), c.Term(b.Result(c)); x != y {
			t.Errorf("%s: %s counted, %s repeated", name, x, y)
		}
	}
}
