package grammar

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/automaton"
)

func parse(t testing.TB, src string) *Grammar {
	t.Helper()
	g, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// randomPair makes an expression twice: as a grammar and as a regular
// expression, whose engine is the slow twin.
func randomPair(r *rand.Rand, depth int) (g, re string) {
	if depth == 0 || r.IntN(4) == 0 {
		switch r.IntN(4) {
		case 0:
			return "[a-b]", "[a-b]"
		case 1:
			return "[^aé]", "[^aé]"
		case 2:
			return `"aé"`, "aé"
		}
		return `"b"`, "b"
	}
	x, y := randomPair(r, depth-1)
	switch r.IntN(6) {
	case 0:
		return "(" + x + ")*", "(?:" + y + ")*"
	case 1:
		return "(" + x + ")+", "(?:" + y + ")+"
	case 2:
		return "(" + x + "){1,2}", "(?:" + y + "){1,2}"
	case 3:
		return "(" + x + ")?", "(?:" + y + ")?"
	}
	x2, y2 := randomPair(r, depth-1)
	if r.IntN(2) == 0 {
		return "(" + x + " | " + x2 + ")", "(?:" + y + "|" + y2 + ")"
	}
	return x + " " + x2, y + y2
}

func TestGrammarsAgreeWithRegexp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 400 {
		src, expr := randomPair(r, 4)
		g, err := Parse("root ::= " + src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		re := regexp.MustCompile(`(?s)\A(?:` + expr + `)\z`)
		for range 30 {
			var s strings.Builder
			for range r.IntN(6) {
				s.WriteString([]string{"a", "b", "é", "aé", "日", "\n"}[r.IntN(6)])
			}
			if got, want := g.Match(s.String()), re.MatchString(s.String()); got != want {
				t.Fatalf("%s: %q: %v, want %v", src, s.String(), got, want)
			}
		}
	}
}

func TestByteRanges(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	edges := []rune{0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff}
	pick := func() rune {
		return max(0, min(utf8.MaxRune, edges[r.IntN(len(edges))]+rune(r.IntN(200)-100)))
	}
	for range 500 {
		lo, hi := pick(), pick()
		if lo > hi {
			lo, hi = hi, lo
		}
		seqs := byteRanges(lo, hi)
		for range 60 {
			x := pick()
			if x >= 0xd800 && x <= 0xdfff {
				continue
			}
			b := []byte(string(x))
			n := 0
			for _, s := range seqs {
				in := len(s) == len(b)
				for i := range min(len(s), len(b)) {
					in = in && s[i].lo <= b[i] && b[i] <= s[i].hi
				}
				if in {
					n++
				}
			}
			want := 0
			if lo <= x && x <= hi {
				want = 1
			}
			if n != want {
				t.Fatalf("%U in %U..%U: in %d sequences, want %d", x, lo, hi, n, want)
			}
		}
	}
}

func TestRecursion(t *testing.T) {
	g := parse(t, `
root  ::= value "!"         # nested lists
value ::= "x" | "[" list? "]"
list  ::= value ("," list)?
`)
	for s, want := range map[string]bool{
		"x!": true, "[]!": true, "[x,[x,[]],x]!": true, "[x,]!": false, "[x!": false, "x": false, "": false,
		strings.Repeat("[", 500) + strings.Repeat("]", 500) + "!": true, strings.Repeat("[", 500) + strings.Repeat("]", 499) + "!": false,
	} {
		if g.Match(s) != want {
			t.Errorf("%.40q: want %v", s, want)
		}
	}
	// A list that is written as a recursion at its end needs no deeper stack.
	g = parse(t, `root ::= "a" root | "b"`)
	m := newMachine(g.p)
	s := m.start()
	for range 1000 {
		s = m.step(s, 'a')
	}
	if len(m.states) > 4 || len(m.stacks) > 2 || !m.states[m.step(s, 'b')].final {
		t.Errorf("%d states, %d stacks", len(m.states), len(m.stacks))
	}
}

func TestParseRefuses(t *testing.T) {
	for src, want := range map[string]string{
		"":                                     `no rule "root"`,
		"root ::= x":                           `"x" is used but not defined`,
		"root ::= \"a":                         "line 1, column 10: this string has no end",
		"root ::= (\"a\"":                      ") is missing",
		"root ::= [a-":                         "] is missing",
		"root ::= [z-a]":                       "runs backwards",
		"root ::= \"a\"{3,1}":                  "n <= m",
		"root ::= \"a\"{3":                     "} is missing",
		"root ::= \"\\q\"":                     "unknown escape",
		"root ::= \"\\xZZ\"":                   "hexadecimal",
		"root ::= \"a\"\nroot ::= \"b\"":       "line 2, column 1: rule \"root\" is defined twice",
		"root = x":                             "comes ::=",
		"root ::= )":                           "a rule should begin",
		"root ::= root \"a\" | \"b\"":          "begins with itself",
		"root ::= x root \"b\"\nx ::= \"a\"?":  "begins with itself",
		"root ::= a\na ::= b\nb ::= a \"x\"":   "begins with itself",
		"root ::= ((\"a\"{1000}){1000})":       "more than",
		"root ::= " + strings.Repeat("(", 999): "deeper than",
		"root ::= \"\xff\"":                    "UTF-8",
	} {
		_, err := Parse(src)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", src, err, want)
		}
	}
}

// walk writes a random text of a grammar.
func walk(r *rand.Rand, g *Grammar) string {
	m := newMachine(g.p)
	s := m.start()
	var b []byte
	for {
		var next []byte
		for c := range 256 {
			if m.step(s, byte(c)) != 0 {
				next = append(next, byte(c))
			}
		}
		if len(next) == 0 || m.states[s].final && (r.IntN(3) == 0 || len(b) > 300) {
			return string(b)
		}
		c := next[r.IntN(len(next))]
		if len(b) > 60 { // come to an end
			for _, x := range []byte(`"}],`) {
				if slices.Contains(next, x) {
					c = x
					break
				}
			}
		}
		b = append(b, c)
		s = m.step(s, c)
	}
}

// check is a small validator, for the keywords that the schemas below use.
func check(schema map[string]any, x any) error {
	if e, ok := schema["enum"].([]any); ok {
		if !slices.ContainsFunc(e, func(v any) bool { return fmt.Sprint(v) == fmt.Sprint(x) }) {
			return fmt.Errorf("%v is none of %v", x, e)
		}
		return nil
	}
	num := func(key string, def float64) float64 {
		if v, ok := schema[key].(float64); ok {
			return v
		}
		return def
	}
	switch v := x.(type) {
	case string:
		if n := float64(utf8.RuneCountInString(v)); n < num("minLength", 0) || n > num("maxLength", 1e9) {
			return fmt.Errorf("%q has a wrong length", v)
		}
		if p, ok := schema["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			return fmt.Errorf("%q does not match %s", v, p)
		}
	case float64:
		if v < num("minimum", -1e300) || v > num("maximum", 1e300) || v <= num("exclusiveMinimum", -1e301) || v >= num("exclusiveMaximum", 1e301) {
			return fmt.Errorf("%g is out of range", v)
		}
		if schema["type"] == "integer" && v != float64(int64(v)) {
			return fmt.Errorf("%g is no integer", v)
		}
	case []any:
		if n := float64(len(v)); n < num("minItems", 0) || n > num("maxItems", 1e9) {
			return fmt.Errorf("%d items", len(v))
		}
		if items, ok := schema["items"].(map[string]any); ok {
			for _, y := range v {
				if err := check(items, y); err != nil {
					return err
				}
			}
		}
	case map[string]any:
		req, _ := schema["required"].([]any)
		for _, k := range req {
			if _, ok := v[k.(string)]; !ok {
				return fmt.Errorf("%v is missing", k)
			}
		}
		props, _ := schema["properties"].(map[string]any)
		for k, y := range v {
			if p, ok := props[k].(map[string]any); ok {
				if err := check(p, y); err != nil {
					return fmt.Errorf("%s: %w", k, err)
				}
			}
		}
	}
	return nil
}

func TestSchemasGiveValidTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, src := range []string{
		`{"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":5},"age":{"type":"integer","minimum":-17,"maximum":123},"tags":{"type":"array","items":{"enum":["x","y z",3,null]},"minItems":1,"maxItems":3},"ok":{"type":"boolean"}},"required":["name","tags"]}`,
		`{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"number"},"c":{}},"additionalProperties":false}`,
		`{"type":"array","items":{"type":"integer","exclusiveMinimum":7},"maxItems":2}`,
		`{"type":"string","pattern":"^[A-Z]{2}-\\d+(\"|\\\\)?$"}`,
		`{"type":["string","integer"],"maxLength":2}`,
		`{}`, `true`, `{"type":"integer","minimum":10,"maximum":12}`, `{"type":"integer","maximum":-5}`,
		`{"type":"object"}`,
	} {
		g, err := FromSchema([]byte(src))
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		var schema map[string]any
		json.Unmarshal([]byte(src), &schema)
		for range 150 {
			s := walk(r, g)
			var x any
			if err := json.Unmarshal([]byte(s), &x); err != nil {
				t.Fatalf("%s gives %q: %v", src, s, err)
			}
			if err := check(schema, x); err != nil {
				t.Fatalf("%s gives %s: %v", src, s, err)
			}
		}
	}
}

func TestSchemasByHand(t *testing.T) {
	tree := `{"$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v"]}},"$ref":"#/$defs/node"}`
	for _, c := range []struct {
		schema    string
		yes, nope []string
	}{
		{tree, []string{`{"v":1}`, `{"v":1,"kids":[{"v":2, "kids": []},{"v":3}]}`}, []string{`{}`, `{"v":"1"}`, `{"v":1,"kids":[{}]}`, `{"v":01}`}},
		{`{"type":"integer","minimum":95,"maximum":1203}`, []string{"95", "99", "100", "1000", "1203", "1199"}, []string{"94", "1204", "0095", "-95", "9", "10000", ""}},
		{`{"type":"integer","minimum":-12,"maximum":3}`, []string{"-12", "-1", "0", "3"}, []string{"-13", "4", "-0", "-20"}},
		{`{"type":"integer","minimum":98}`, []string{"98", "100", "123456789"}, []string{"97", "1", "098"}},
		{`{"const":{"a":[1,"<é>"]}}`, []string{`{"a":[1,"<é>"]}`}, []string{`{"a":[1]}`}},
		{`{"anyOf":[{"type":"null"},{"type":"string","maxLength":1}]}`, []string{"null", `"a"`, `"é"`, `"\n"`}, []string{`"ab"`, "nul"}},
		{`{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"required":["b"]}`,
			[]string{`{"b":null}`, `{"a":null,"b":null}`, `{"b":null, "c": null}`, `{"a":null,"b":null,"c":null}`},
			[]string{`{}`, `{"a":null}`, `{"a":null,"c":null}`, `{"b":null,}`, `{"b":null,"a":null}`}},
		{`{"type":"object","additionalProperties":{"type":"boolean"},"minProperties":1}`, []string{`{"x":true}`, `{"x":true,"y":false}`}, []string{`{}`, `{"x":1}`}},
		{`{"type":"string","pattern":"ab+c"}`, []string{`"abc"`, `"x\nabbbc é"`}, []string{`"ac"`, `"ab"`}},
		{`{"type":"array","prefixItems":[{"type":"null"},{"type":"boolean"}],"items":false}`, []string{`[null,true]`}, []string{`[null]`, `[null,true,1]`}},
	} {
		g, err := FromSchema([]byte(c.schema))
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
			continue
		}
		for _, s := range c.yes {
			if !g.Match(s) {
				t.Errorf("%s: %s is not in it", c.schema, s)
			}
		}
		for _, s := range c.nope {
			if g.Match(s) {
				t.Errorf("%s: %s is in it", c.schema, s)
			}
		}
	}
	for src, want := range map[string]string{
		`{`: "not valid JSON", `[]`: "a schema is", `{} {}`: "more than one", `false`: "no text is valid",
		`{"type":"thing"}`: "unknown type", `{"not":{}}`: `keyword "not"`, `{"properties":{"a":{"if":{}}}}`: "#/properties/a",
		`{"$ref":"http://x"}`: "within the schema", `{"$ref":"#/x"}`: "points to nothing", `{"$ref":"#"}`: "begins with itself",
		`{"type":"string","pattern":"("}`: "pattern", `{"type":"string","pattern":"a\\b"}`: "only supported",
		`{"type":"string","minLength":3,"maxLength":2}`: "less than", `{"type":"integer","minimum":2,"maximum":1}`: "no integer",
		`{"required":["a"]}`: "no schemas", `{"type":"number","minimum":1}`: "not supported", `{"enum":[]}`: "at least one",
		`{"type":"string","minLength":-1}`: "whole number",
	} {
		if _, err := FromSchema([]byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}

// The mask of a state has exactly the tokens that Step takes.
func TestMasks(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	tokens := [][]byte{nil}
	for range 300 {
		var s strings.Builder
		for range 1 + r.IntN(4) {
			s.WriteString([]string{`{`, `"`, `a`, `:`, `1`, `,`, `}`, `[`, `]`, ` `, "é"}[r.IntN(11)])
		}
		tokens = append(tokens, []byte(s.String()))
	}
	tokens = append(tokens, []byte{0xc3}, []byte{0xa9}, []byte("a"), []byte("a"))
	g, err := FromSchema([]byte(`{"type":"object","additionalProperties":{"type":"array","items":{"type":"integer"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := g.Over(automaton.NewVocab(tokens, 0))
	s := c.Start()
	for range 300 {
		mask := make([]uint64, (len(tokens)+63)/64)
		c.Allow(s, mask)
		var next []int32
		for id := range tokens {
			in := mask[id/64]>>(id%64)&1 == 1
			after := c.Step(s, int32(id))
			if in != (after != 0) {
				t.Fatalf("token %q: in the mask %v, after it %d", tokens[id], in, after)
			}
			if in {
				next = append(next, after)
			}
		}
		if len(next) == 0 || r.IntN(20) == 0 {
			s = c.Start()
			continue
		}
		s = next[r.IntN(len(next))]
	}
}

// app-cd-01 of the reported cases: tokens that go over the borders of grammar
// symbols.
func TestReportedCaseOfBorders(t *testing.T) {
	f, err := os.Open(filepath.Join(shared.Dir(t), "cases", "app.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c struct {
			ID    string
			Input struct {
				Vocab    []string
				Prefixes []string
			}
			Expect struct {
				Allowed [][]int32 `json:"allowed_ids"`
			}
		}
		if json.Unmarshal(lines.Bytes(), &c) != nil || c.ID != "app-cd-01" {
			continue
		}
		g := parse(t, `root ::= "{\"a\":" ("0" | [1-9] [0-9]*) (",\"b\":" ("true" | "false"))? "}"`)
		var tokens [][]byte
		for _, s := range c.Input.Vocab {
			tokens = append(tokens, []byte(s))
		}
		k := g.Over(automaton.NewVocab(tokens, -1))
		if len(c.Expect.Allowed) != len(c.Input.Prefixes) {
			t.Fatal("the case has another form than this test expects")
		}
		for i, want := range c.Expect.Allowed {
			prefix := c.Input.Prefixes[i]
			s := k.Start()
			for i := range len(prefix) {
				s = k.m.step(s, prefix[i])
			}
			mask := make([]uint64, 1)
			k.Allow(s, mask)
			var got []int32
			for id := range tokens {
				if mask[0]>>id&1 == 1 {
					got = append(got, int32(id))
				}
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("after %q: %v, want %v", prefix, got, want)
			}
		}
		return
	}
	t.Error("no case app-cd-01")
}

func FuzzParse(f *testing.F) {
	f.Add(`root ::= "a" [b-c]* (x | "é"){1,3}`+"\nx ::= root? \"y\" # z", "abc")
	f.Fuzz(func(_ *testing.T, src, s string) {
		if len(src) > 2000 || len(s) > 200 {
			return
		}
		if g, err := Parse(src); err == nil {
			g.Match(s)
		}
	})
}

func FuzzSchema(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"type":"string","pattern":"^a+$"},"b":{"$ref":"#"}},"required":["a"]}`), `{"a":"aa"}`)
	f.Add([]byte(`{"type":"integer","minimum":-3,"maximum":12}`), "-2")
	f.Fuzz(func(t *testing.T, src []byte, s string) {
		if len(src) > 2000 || len(s) > 200 {
			return
		}
		if g, err := FromSchema(src); err == nil && g.Match(s) && !json.Valid([]byte(s)) {
			t.Fatalf("%s gives %q, which is no JSON", src, s)
		}
	})
}
