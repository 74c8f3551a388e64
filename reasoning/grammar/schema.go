package grammar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// FromSchema makes the grammar of JSON texts that are valid under a JSON Schema
// (draft 2020-12). Every text of the grammar is valid; not every valid text is
// in it: properties come in the order of the schema, properties that the schema
// does not name are left out, and white space is at most one space after a comma
// or colon. Of oneOf the first that fits counts, as in anyOf. Keywords that the
// grammar could not honour are refused.
func FromSchema(schema []byte) (*Grammar, error) {
	c := &schemaCompiler{parser: parser{rules: map[string]node{}}}
	root, err := readOrdered(schema)
	if err != nil {
		return nil, &SyntaxError{Path: "#", Msg: err.Error()}
	}
	c.root = root
	c.define("ws", several{text(" "), 0, 1})
	c.define("char", oneOf{
		class{{' ', '!'}, {'#', '['}, {']', utf8.MaxRune}},
		all{text(`\`), oneOf{class{{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', 'b'}, {'f', 'f'}, {'n', 'n'}, {'r', 'r'}, {'t', 't'}}, all{text("u"), oneOf{
			all{class{{'0', '9'}, {'a', 'c'}, {'e', 'f'}, {'A', 'C'}, {'E', 'F'}}, several{hexDigit, 3, 3}},
			all{class{{'d', 'd'}, {'D', 'D'}}, class{{'0', '7'}}, several{hexDigit, 2, 2}}, // no half of a surrogate pair
		}}}},
	})
	c.define("string", all{text(`"`), several{rule("char"), 0, -1}, text(`"`)})
	c.define("integer", all{several{text("-"), 0, 1}, natural})
	c.define("number", all{rule("integer"), several{all{text("."), several{digit, 1, 17}}, 0, 1}, several{all{class{{'e', 'e'}, {'E', 'E'}}, several{class{{'+', '+'}, {'-', '-'}}, 0, 1}, several{digit, 1, 2}}, 0, 1}})
	c.define("value", oneOf{rule("string"), rule("number"), text("true"), text("false"), text("null"), c.list(rule("value"), 0, -1), c.mapping(rule("value"), 0, -1)})
	x, err := c.schema(root, "#")
	if err != nil {
		return nil, err
	}
	c.define("root", x)
	p, err := compile(c.rules, c.order)
	if err != nil {
		return nil, &SyntaxError{Path: "#", Msg: err.Error()}
	}
	return &Grammar{p}, nil
}

var (
	digit    = class{{'0', '9'}}
	hexDigit = class{{'0', '9'}, {'a', 'f'}, {'A', 'F'}}
	natural  = oneOf{text("0"), all{class{{'1', '9'}}, several{digit, 0, 17}}} // what a float64 or int64 holds
)

// object is a JSON object whose keys keep their order.
type object struct {
	keys   []string
	values map[string]any
}

// readOrdered reads JSON; objects become *object.
func readOrdered(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	x, err := readValue(d, 0)
	if err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	if _, err := d.Token(); err == nil {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return x, nil
}

func readValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			x, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			key := k.(string)
			if _, twice := o.values[key]; !twice {
				o.keys = append(o.keys, key)
			}
			o.values[key] = x
		}
		_, err := d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			x, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		_, err := d.Token()
		return list, err
	}
	return t, nil
}

// compact writes a value as the grammar writes it.
func compact(x any) string {
	var b strings.Builder
	switch x := x.(type) {
	case *object:
		b.WriteByte('{')
		for i, k := range x.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(compact(k) + ":" + compact(x.values[k]))
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, y := range x {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(compact(y))
		}
		b.WriteByte(']')
	default:
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.Encode(x) // strings, numbers, booleans and nil always can
		return strings.TrimSuffix(b.String(), "\n")
	}
	return b.String()
}

type schemaCompiler struct {
	parser
	root  any
	fresh int
}

func (c *schemaCompiler) define(name string, x node) rule {
	if _, ok := c.rules[name]; !ok {
		c.order = append(c.order, name)
	}
	c.rules[name] = x
	return rule(name)
}

func (c *schemaCompiler) newRule(x node) rule {
	c.fresh++
	return c.define(fmt.Sprintf("r%d", c.fresh), x)
}

// list is an array of min to max elements x.
func (c *schemaCompiler) list(x node, min, max int) node {
	return bracketed("[", x, min, max, "]")
}

// mapping is an object of min to max properties of any name with values x.
func (c *schemaCompiler) mapping(x node, min, max int) node {
	return bracketed("{", all{rule("string"), text(":"), rule("ws"), x}, min, max, "}")
}

func bracketed(left text, x node, min, max int, right text) node {
	if max == 0 {
		return left + right
	}
	more := max
	if max > 0 {
		more--
	}
	some := all{x, several{all{text(","), rule("ws"), x}, max0(min - 1), more}}
	if min > 0 {
		return all{left, some, right}
	}
	return all{left, several{some, 0, 1}, right}
}

func max0(n int) int { return max(0, n) }

// annotations are keywords that say nothing about what is valid, or nothing by default.
var annotations = []string{
	"title", "description", "default", "examples", "$schema", "$id", "$comment", "$anchor", "deprecated", "readOnly", "writeOnly",
	"format", "contentEncoding", "contentMediaType", "$defs", "definitions", "additionalItems",
}

// schema returns what texts are valid under a schema.
func (c *schemaCompiler) schema(x any, path string) (node, error) {
	bad := func(format string, args ...any) error {
		return &SyntaxError{Path: path, Msg: fmt.Sprintf(format, args...)}
	}
	if c.depth++; c.depth > maxDepth {
		return nil, bad("nested deeper than %d", maxDepth)
	}
	defer func() { c.depth-- }()
	o, ok := x.(*object)
	if !ok {
		switch x {
		case true:
			return rule("value"), nil
		case false:
			return nil, bad("false: no text is valid")
		}
		return nil, bad("a schema is an object, true or false")
	}
	s := &schema{c: c, o: o, path: path, used: map[string]bool{}}
	out, err := s.node()
	if err != nil {
		return nil, err
	}
	for _, k := range o.keys {
		if !s.used[k] && !slices.Contains(annotations, k) {
			return nil, bad("keyword %q is not supported here: leave it out, or check it after the text is written", k)
		}
	}
	return out, nil
}

// schema is one schema object; used collects the keywords it was read by.
type schema struct {
	c    *schemaCompiler
	o    *object
	path string
	used map[string]bool
}

func (s *schema) fail(format string, args ...any) error {
	return &SyntaxError{Path: s.path, Msg: fmt.Sprintf(format, args...)}
}

func (s *schema) get(key string) (any, bool) {
	x, ok := s.o.values[key]
	if ok {
		s.used[key] = true
	}
	return x, ok
}

// count reads a keyword that is a number of things; def if it is absent.
func (s *schema) count(key string, def int) (int, error) {
	x, ok := s.get(key)
	if !ok {
		return def, nil
	}
	n, ok := x.(json.Number)
	if ok {
		if v, err := n.Float64(); err == nil && v >= 0 && v == math.Trunc(v) && v <= maxSteps {
			return int(v), nil
		}
	}
	return 0, s.fail("%s must be a whole number from 0 to %d", key, maxSteps)
}

func (s *schema) node() (node, error) {
	if x, ok := s.get("$ref"); ok {
		return s.ref(x)
	}
	if x, ok := s.get("const"); ok {
		return text(compact(x)), nil
	}
	if x, ok := s.get("enum"); ok {
		list, ok := x.([]any)
		if !ok || len(list) == 0 {
			return nil, s.fail("enum must be a list of at least one value")
		}
		s.get("type") // the values say it themselves
		var ways oneOf
		for _, v := range list {
			ways = append(ways, text(compact(v)))
		}
		return ways, nil
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		x, ok := s.get(key)
		if !ok {
			continue
		}
		list, ok := x.([]any)
		if !ok || len(list) == 0 || key == "allOf" && len(list) > 1 {
			return nil, s.fail("%s must be a list of schemas, and allOf of one", key)
		}
		s.get("type")
		var ways oneOf
		for i, y := range list {
			w, err := s.c.schema(y, fmt.Sprintf("%s/%s/%d", s.path, key, i))
			if err != nil {
				return nil, err
			}
			ways = append(ways, w)
		}
		return ways, nil
	}
	var types []string
	switch x, _ := s.get("type"); x := x.(type) {
	case string:
		types = []string{x}
	case []any:
		for _, y := range x {
			t, _ := y.(string)
			types = append(types, t)
		}
	case nil:
		switch {
		case s.has("properties", "required", "additionalProperties"):
			types = []string{"object"}
		case s.has("items", "prefixItems"):
			types = []string{"array"}
		case s.has("pattern", "minLength", "maxLength"):
			types = []string{"string"}
		case s.has("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
			types = []string{"number"}
		default:
			return rule("value"), nil
		}
	default:
		return nil, s.fail("type must be a string or a list of strings")
	}
	var ways oneOf
	for _, t := range types {
		w, err := s.typed(t)
		if err != nil {
			return nil, err
		}
		ways = append(ways, w)
	}
	return ways, nil
}

func (s *schema) has(keys ...string) bool {
	for _, k := range keys {
		if _, ok := s.o.values[k]; ok {
			return true
		}
	}
	return false
}

// ref compiles what a reference within the schema points to, once, as a rule.
func (s *schema) ref(x any) (node, error) {
	to, _ := x.(string)
	name := "ref" + to
	if _, ok := s.c.rules[name]; ok {
		return rule(name), nil
	}
	at := s.c.root
	if !strings.HasPrefix(to, "#") {
		return nil, s.fail("$ref %q: only references within the schema, such as #/$defs/x, are supported", to)
	}
	for _, part := range strings.Split(strings.TrimPrefix(strings.TrimPrefix(to, "#"), "/"), "/") {
		if part == "" {
			continue
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		var ok bool
		switch y := at.(type) {
		case *object:
			at, ok = y.values[part]
		case []any:
			i, err := strconv.Atoi(part)
			if ok = err == nil && i >= 0 && i < len(y); ok {
				at = y[i]
			}
		}
		if !ok {
			return nil, s.fail("$ref %q points to nothing", to)
		}
	}
	r := s.c.define(name, nil) // known before it is compiled: it may contain itself
	n, err := s.c.schema(at, to)
	s.c.rules[name] = n
	return r, err
}

func (s *schema) typed(t string) (node, error) {
	switch t {
	case "null":
		return text("null"), nil
	case "boolean":
		return oneOf{text("true"), text("false")}, nil
	case "integer":
		return s.integer()
	case "number":
		return s.number()
	case "string":
		return s.str()
	case "array":
		return s.array()
	case "object":
		return s.object()
	}
	return nil, s.fail("unknown type %q", t)
}

func (s *schema) str() (node, error) {
	low, err := s.count("minLength", 0)
	if err != nil {
		return nil, err
	}
	high, err := s.count("maxLength", -1)
	if err != nil {
		return nil, err
	}
	if high >= 0 && high < low {
		return nil, s.fail("maxLength %d is less than minLength %d", high, low)
	}
	if x, ok := s.get("pattern"); ok {
		if low > 0 || high >= 0 {
			return nil, s.fail("pattern together with minLength or maxLength is not supported")
		}
		p, _ := x.(string)
		n, err := pattern(p)
		if err != nil {
			return nil, s.fail("pattern %q: %v", p, err)
		}
		return all{text(`"`), n, text(`"`)}, nil
	}
	return all{text(`"`), several{rule("char"), low, high}, text(`"`)}, nil
}

func (s *schema) array() (node, error) {
	low, err := s.count("minItems", 0)
	if err != nil {
		return nil, err
	}
	high, err := s.count("maxItems", -1)
	if err != nil {
		return nil, err
	}
	if high >= 0 && high < low {
		return nil, s.fail("maxItems %d is less than minItems %d", high, low)
	}
	var item node = rule("value")
	if x, ok := s.get("items"); ok && x != false {
		if item, err = s.c.schema(x, s.path+"/items"); err != nil {
			return nil, err
		}
		item = s.c.newRule(item)
	} else if ok {
		high = 0
	}
	x, ok := s.get("prefixItems")
	if !ok {
		return s.c.list(item, low, high), nil
	}
	first, ok := x.([]any)
	if !ok || len(first) == 0 {
		return nil, s.fail("prefixItems must be a list of schemas")
	}
	seq := all{text("[")}
	for i, y := range first {
		n, err := s.c.schema(y, fmt.Sprintf("%s/prefixItems/%d", s.path, i))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			seq = append(seq, text(","), rule("ws"))
		}
		seq = append(seq, n)
	}
	if more := high - len(first); high < 0 || more > 0 {
		seq = append(seq, several{all{text(","), rule("ws"), item}, max0(low - len(first)), more})
	} else if high > 0 && more < 0 {
		return nil, s.fail("maxItems %d is less than the %d of prefixItems", high, len(first))
	}
	return append(seq, text("]")), nil
}

func (s *schema) object() (node, error) {
	low, err := s.count("minProperties", 0)
	if err != nil {
		return nil, err
	}
	high, err := s.count("maxProperties", -1)
	if err != nil {
		return nil, err
	}
	var required []string
	if x, ok := s.get("required"); ok {
		list, _ := x.([]any)
		for _, y := range list {
			name, ok := y.(string)
			if !ok {
				return nil, s.fail("required must be a list of names")
			}
			required = append(required, name)
		}
	}
	extra, hasExtra := s.get("additionalProperties")
	var props *object
	if x, ok := s.get("properties"); ok {
		if props, ok = x.(*object); !ok {
			return nil, s.fail("properties must be an object of schemas")
		}
	}
	if props == nil || len(props.keys) == 0 {
		if len(required) > 0 {
			return nil, s.fail("required properties %q have no schemas in properties", required)
		}
		if hasExtra && extra == false {
			return text("{}"), nil
		}
		var value node = rule("value")
		if hasExtra {
			if value, err = s.c.schema(extra, s.path+"/additionalProperties"); err != nil {
				return nil, err
			}
		}
		return s.c.mapping(s.c.newRule(value), low, high), nil
	}
	if low > len(required) || high >= 0 && high < len(props.keys) {
		return nil, s.fail("minProperties and maxProperties beside properties are not supported")
	}
	for _, r := range required {
		if _, ok := props.values[r]; !ok {
			return nil, s.fail("required property %q has no schema in properties", r)
		}
	}
	// From the last property back: what follows when a property was written
	// before, and when none was.
	var after, before node = text(""), text("")
	for i := len(props.keys) - 1; i >= 0; i-- {
		k := props.keys[i]
		v, err := s.c.schema(props.values[k], s.path+"/properties/"+k)
		if err != nil {
			return nil, err
		}
		pair := s.c.newRule(all{text(compact(k) + ":"), rule("ws"), v})
		written := s.c.newRule(after)
		next, first := node(all{text(","), rule("ws"), pair, written}), node(all{pair, written})
		if !slices.Contains(required, k) {
			next, first = oneOf{next, written}, oneOf{first, s.c.newRule(before)}
		}
		after, before = next, first
	}
	return all{text("{"), before, text("}")}, nil
}

// bound reads a limit of numbers.
func (s *schema) bound(key string) (v float64, ok bool, err error) {
	x, ok := s.get(key)
	if !ok {
		return 0, false, nil
	}
	n, isNumber := x.(json.Number)
	if isNumber {
		v, err = n.Float64()
	}
	if !isNumber || err != nil {
		return 0, false, s.fail("%s must be a number", key)
	}
	return v, true, nil
}

func (s *schema) number() (node, error) {
	for _, key := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} {
		if s.has(key) {
			return nil, s.fail("%s of a number that is not an integer is not supported", key)
		}
	}
	return rule("number"), nil
}

func (s *schema) integer() (node, error) {
	low, high := math.Inf(-1), math.Inf(1)
	for key, f := range map[string]func(v float64){
		"minimum":          func(v float64) { low = max(low, math.Ceil(v)) },
		"exclusiveMinimum": func(v float64) { low = max(low, math.Floor(v)+1) },
		"maximum":          func(v float64) { high = min(high, math.Floor(v)) },
		"exclusiveMaximum": func(v float64) { high = min(high, math.Ceil(v)-1) },
	} {
		v, ok, err := s.bound(key)
		if err != nil {
			return nil, err
		}
		if ok {
			f(v)
		}
	}
	if low > high {
		return nil, s.fail("no integer is from %g to %g", low, high)
	}
	if math.IsInf(low, -1) && math.IsInf(high, 1) {
		return rule("integer"), nil
	}
	const exact = 1 << 53
	if !math.IsInf(low, 0) && math.Abs(low) > exact || !math.IsInf(high, 0) && math.Abs(high) > exact {
		return nil, s.fail("limits of integers beyond 2^53 are not supported")
	}
	var ways oneOf
	if high >= 0 {
		ways = append(ways, upTo(max(0, low), high))
	}
	if low < 0 {
		ways = append(ways, all{text("-"), upTo(max(1, -high), -low)})
	}
	return ways, nil
}

// upTo returns the decimal numbers from low to high, both at least 0; high may
// be infinite.
func upTo(low, high float64) node {
	var ways oneOf
	l := strconv.FormatFloat(low, 'f', -1, 64)
	if math.IsInf(high, 1) {
		// As long as low and not less, or longer.
		ways = append(ways, sameLength(l, strings.Repeat("9", len(l))))
		return append(ways, all{class{{'1', '9'}}, several{digit, len(l), max(len(l), 17)}})
	}
	h := strconv.FormatFloat(high, 'f', -1, 64)
	for n := len(l); n <= len(h); n++ {
		from, to := "1"+strings.Repeat("0", n-1), strings.Repeat("9", n)
		if n == len(l) {
			from = l
		}
		if n == len(h) {
			to = h
		}
		ways = append(ways, sameLength(from, to))
	}
	return ways
}

// sameLength returns the digit strings from low to high, which are as long.
func sameLength(low, high string) node {
	if low == "" {
		return text("")
	}
	a, b := rune(low[0]), rune(high[0])
	rest := len(low) - 1
	if a == b {
		return all{text(low[:1]), sameLength(low[1:], high[1:])}
	}
	zeros, nines := strings.Repeat("0", rest), strings.Repeat("9", rest)
	ways := oneOf{all{text(low[:1]), sameLength(low[1:], nines)}, all{text(high[:1]), sameLength(zeros, high[1:])}}
	if a+1 < b {
		ways = append(ways, all{class{{a + 1, b - 1}}, several{digit, rest, rest}})
	}
	return ways
}

// pattern returns the inside of JSON strings in which a regular expression is
// found.
func pattern(p string) (node, error) {
	re, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return nil, err
	}
	re = re.Simplify()
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	begin, end := false, false
	if len(parts) > 0 && parts[0].Op == syntax.OpBeginText {
		begin, parts = true, parts[1:]
	}
	if n := len(parts); n > 0 && parts[n-1].Op == syntax.OpEndText {
		end, parts = true, parts[:n-1]
	}
	var seq all
	if !begin {
		seq = append(seq, several{rule("char"), 0, -1})
	}
	for _, x := range parts {
		n, err := regexNode(x)
		if err != nil {
			return nil, err
		}
		seq = append(seq, n)
	}
	if !end {
		seq = append(seq, several{rule("char"), 0, -1})
	}
	return seq, nil
}

// quoted returns characters as they stand in a JSON string.
func quoted(c class) node {
	var plain class
	var ways oneOf
	for _, r := range c {
		for lo := r.lo; lo <= r.hi; {
			switch {
			case lo < ' ':
				ways = append(ways, text(fmt.Sprintf(`\u%04x`, lo)))
				lo++
			case lo == '"' || lo == '\\':
				ways = append(ways, text(`\`+string(lo)))
				lo++
			default:
				hi := r.hi
				for _, special := range []rune{'"', '\\'} {
					if lo < special {
						hi = min(hi, special-1)
					}
				}
				plain = append(plain, runeRange{lo, hi})
				lo = hi + 1
			}
		}
	}
	if len(plain) > 0 {
		ways = append(ways, plain)
	}
	return ways
}

func regexNode(re *syntax.Regexp) (node, error) {
	sub := func() (list []node, err error) {
		for _, x := range re.Sub {
			n, err := regexNode(x)
			if err != nil {
				return nil, err
			}
			list = append(list, n)
		}
		return list, nil
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return text(""), nil
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil, fmt.Errorf("ignoring case is not supported")
		}
		var seq all
		for _, r := range re.Rune {
			seq = append(seq, quoted(class{{r, r}}))
		}
		return seq, nil
	case syntax.OpCharClass:
		var c class
		for i := 0; i+1 < len(re.Rune); i += 2 {
			c = append(c, runeRange{re.Rune[i], re.Rune[i+1]})
		}
		return quoted(c), nil
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return rule("char"), nil
	case syntax.OpCapture, syntax.OpConcat, syntax.OpAlternate, syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
	default:
		return nil, fmt.Errorf("%v is only supported as ^ at the beginning and $ at the end", re)
	}
	list, err := sub()
	if err != nil {
		return nil, err
	}
	switch re.Op {
	case syntax.OpCapture:
		return list[0], nil
	case syntax.OpAlternate:
		return oneOf(list), nil
	case syntax.OpStar:
		return several{list[0], 0, -1}, nil
	case syntax.OpPlus:
		return several{list[0], 1, -1}, nil
	case syntax.OpQuest:
		return several{list[0], 0, 1}, nil
	case syntax.OpRepeat:
		return several{list[0], re.Min, re.Max}, nil
	}
	return all(list), nil
}
