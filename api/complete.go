package api

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax/format"
)

// Completion is a list of what may stand at a position of a query text.
// From and To, in UTF-16 units, are the text that an item replaces.
type Completion struct {
	From  int          `json:"from"`
	To    int          `json:"to"`
	Items []Suggestion `json:"items"`
	Level string       `json:"level"` // pattern: counted in the query so far; schema: in the whole graph
	Ms    int64        `json:"ms"`
}

// Suggestion is one item of a Completion.
type Suggestion struct {
	Insert string  `json:"insert"`
	Label  string  `json:"label"`
	Curie  string  `json:"curie,omitempty"`
	Kind   string  `json:"kind"` // class, property, entity, variable or keyword
	Count  int64   `json:"count,omitempty"`
	Exact  bool    `json:"exact,omitempty"`
	Prefix *Prefix `json:"prefix,omitempty"` // to declare when accepted
}

// Prefix is a namespace declaration.
type Prefix struct {
	Name string `json:"name"`
	IRI  string `json:"iri"`
}

// completeTime bounds the query that counts completions in context.
const completeTime = 400 * time.Millisecond

var keywords = []string{
	"SELECT", "DISTINCT", "WHERE", "FILTER", "OPTIONAL", "UNION", "MINUS", "GRAPH", "BIND", "VALUES", "ORDER BY", "GROUP BY",
	"HAVING", "LIMIT", "OFFSET", "ASK", "CONSTRUCT", "DESCRIBE", "PREFIX", "COUNT", "SUM", "AVG", "MIN", "MAX", "NOT EXISTS",
	"EXISTS", "REGEX", "CONTAINS", "STRSTARTS", "LANG", "DATATYPE", "BOUND", "COALESCE", "IF",
}

var variable = regexp.MustCompile(`[?$][\pL\pN_]+`)

// Complete proposes what may stand at pos, a UTF-16 offset. At a predicate or
// object it counts in the patterns written so far, within a time budget; if
// that fails it falls back to the whole graph.
func (s *Service) Complete(ctx context.Context, text string, pos, k int) (*Completion, error) {
	start := time.Now()
	at := utf8Offset(text, pos)
	word := wordBefore(text[:at])
	c := &Completion{From: pos - utf16Len(word), To: pos, Items: []Suggestion{}, Level: "schema"}
	defer func() { c.Ms = time.Since(start).Milliseconds() }()
	if strings.HasPrefix(word, "?") || strings.HasPrefix(word, "$") {
		seen := map[string]bool{word: true}
		for _, v := range variable.FindAllString(text, -1) {
			if !seen[v] && strings.HasPrefix(v, word) {
				seen[v] = true
				c.Items = append(c.Items, Suggestion{Insert: v, Label: v, Kind: "variable"})
			}
		}
		c.Items = c.Items[:min(k, len(c.Items))]
		return c, nil
	}
	before := text[:at-len(word)]
	role, triple := position(before)
	err := s.withSnapshot(func(snap kg.Snapshot) error {
		view, err := s.View(ctx, snap)
		if err != nil {
			return err
		}
		d := describer{snap, view}
		if role == "predicate" || role == "object" {
			items, err := s.countedHere(ctx, d, before, triple, role, word, k)
			if err != nil {
				return err
			}
			if len(items) > 0 {
				c.Items, c.Level = items, "pattern"
				return nil
			}
		}
		return s.schemaItems(d, c, role, word, k)
	})
	if err != nil {
		return nil, err
	}
	for _, kw := range keywords {
		if word != "" && len(c.Items) < k && len(kw) > len(word) && strings.EqualFold(kw[:len(word)], word) {
			c.Items = append(c.Items, Suggestion{Insert: kw, Label: kw, Kind: "keyword"})
		}
	}
	return c, nil
}

// schemaItems proposes predicates, or entities and classes by name.
func (s *Service) schemaItems(d describer, c *Completion, role, word string, k int) error {
	key := strings.ToLower(strings.Trim(word, "<>"))
	if role == "predicate" {
		for _, p := range d.view.Shape.Properties {
			if len(c.Items) == k {
				return nil
			}
			if matches(key, p.Label, p.IRI) {
				c.Items = append(c.Items, suggestion("property", p.IRI, p.Label, p.Count, true))
			}
		}
		return nil
	}
	if role != "object" && role != "subject" || key == "" {
		return nil
	}
	for _, cl := range d.view.Shape.Classes {
		if len(c.Items) < k/2 && matches(key, cl.Label, cl.IRI) {
			c.Items = append(c.Items, suggestion("class", cl.IRI, cl.Label, cl.Instances, true))
		}
	}
	for _, e := range d.view.Text.Prefix(key, k-len(c.Items)) {
		t, err := d.snap.Term(e.ID)
		if err != nil {
			return err
		}
		if t.Kind == kg.IRI {
			c.Items = append(c.Items, suggestion("entity", t.Value, e.Label, 0, false))
		}
	}
	return nil
}

func matches(key, label, iri string) bool {
	return key == "" || strings.Contains(strings.ToLower(label), key) || strings.Contains(strings.ToLower(iri), key) ||
		strings.HasPrefix(strings.ToLower(Curie(iri)), key)
}

func suggestion(kind, iri, label string, n int64, exact bool) Suggestion {
	sg := Suggestion{Insert: "<" + iri + ">", Label: label, Curie: Curie(iri), Kind: kind, Count: n, Exact: exact}
	if sg.Curie != "" {
		sg.Insert = sg.Curie
		name, _, _ := strings.Cut(sg.Curie, ":")
		for _, w := range wellKnown {
			if w.prefix == name {
				sg.Prefix = &Prefix{w.prefix, w.iri}
			}
		}
	}
	return sg
}

// countedHere asks the engine which terms fit the open position of the last
// triple, given the complete triples before it. An error of that query (an
// unfinished text, the time budget) means no items.
func (s *Service) countedHere(ctx context.Context, d describer, before string, triple []string, role, word string, k int) ([]Suggestion, error) {
	const fresh = "?quaestorCompletion"
	subject := triple[0]
	pattern := subject + " " + fresh + " ?quaestorObject ."
	if role == "object" {
		pattern = subject + " " + triple[1] + " " + fresh + " ."
	}
	group := groupBefore(before)
	q := prologue(before) + "SELECT " + fresh + " (COUNT(*) AS ?n) WHERE { " + group + " " + pattern + " } GROUP BY " + fresh + " ORDER BY DESC(?n)"
	p, err := s.opt.Engine.Prepare(q, "")
	if err != nil {
		return nil, nil
	}
	l := s.opt.Limits
	l.Timeout = completeTime
	res, err := p.Run(ctx, d.snap, l)
	if err != nil {
		return nil, ctx.Err()
	}
	defer res.Close()
	key := strings.ToLower(strings.Trim(word, "<>"))
	kind := "entity"
	if role == "predicate" {
		kind = "property"
	}
	var items []Suggestion
	for row, err := range res.Rows() {
		if err != nil {
			return nil, ctx.Err()
		}
		t := row[0]
		if t.Kind != kg.IRI {
			continue
		}
		id, _, err := d.snap.Lookup(t)
		if err != nil {
			return nil, err
		}
		label := d.label(id, t)
		if !matches(key, label, t.Value) {
			continue
		}
		var n int64
		fmt.Sscan(row[1].Value, &n)
		items = append(items, suggestion(kind, t.Value, label, n, true))
		if len(items) == k {
			break
		}
	}
	return items, nil
}

// wordBefore is the unfinished token that ends the text.
func wordBefore(text string) string {
	i := strings.LastIndexAny(text, " \t\r\n{}()[].;,|/^*+!=&\"'")
	// Dots and slashes inside an unfinished <IRI belong to it.
	if j := strings.LastIndexByte(text, '<'); j >= 0 && !strings.ContainsAny(text[j:], "> \t\r\n{}\"") {
		return text[j:]
	}
	return text[i+1:]
}

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|<[^>\s]*>|[{}.;,\[\]()]|[^\s{};,\[\]()]+`)

// position tells which part of a triple comes next after the text, with the
// parts that precede it.
func position(before string) (role string, triple []string) {
	var parts []string
	for _, t := range token.FindAllString(before, -1) {
		switch t {
		case "{", "}", ".", "[", "]", "(", ")":
			parts = parts[:0]
			continue
		case ";":
			parts = parts[:min(1, len(parts))]
			continue
		case ",":
			parts = parts[:min(2, len(parts))]
			continue
		}
		if dotted, ok := strings.CutSuffix(t, "."); ok && dotted != "" && !strings.HasPrefix(t, "<") && !strings.HasPrefix(t, `"`) {
			parts = parts[:0]
			continue
		}
		parts = append(parts, t)
	}
	if !strings.Contains(before, "{") {
		return "", nil
	}
	switch len(parts) {
	case 0:
		return "subject", parts
	case 1:
		return "predicate", parts
	case 2:
		return "object", parts
	}
	return "", parts
}

// groupBefore is the text of the innermost open group up to its last complete
// triple.
func groupBefore(before string) string {
	depth := 0
	for i := len(before) - 1; i >= 0; i-- {
		switch before[i] {
		case '}':
			depth++
		case '{':
			if depth == 0 {
				group := before[i+1:]
				j := strings.LastIndex(group, ".")
				for j >= 0 && j+1 < len(group) && !strings.ContainsAny(group[j+1:j+2], " \t\r\n") {
					j = strings.LastIndex(group[:j], ".")
				}
				return group[:j+1]
			}
			depth--
		}
	}
	return ""
}

var declaration = regexp.MustCompile(`(?i)(?:PREFIX\s+\S*:\s*<[^>]*>|BASE\s+<[^>]*>)`)

func prologue(text string) string {
	return strings.Join(declaration.FindAllString(text, -1), "\n") + "\n"
}

// utf8Offset converts a UTF-16 offset; it is clamped to the text.
func utf8Offset(s string, pos int) int {
	n := 0
	for i, r := range s {
		if n >= pos {
			return i
		}
		n += utf16.RuneLen(r)
	}
	return len(s)
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// Parsed is what a syntax check found.
type Parsed struct {
	OK        bool              `json:"ok"`
	Errors    []ParseError      `json:"errors"`
	Formatted string            `json:"formatted,omitempty"`
	Form      string            `json:"form,omitempty"`
	Prefixes  map[string]string `json:"prefixes,omitempty"`
}

// ParseError is a syntax error with its place, in UTF-16 units.
type ParseError struct {
	From     int      `json:"from"`
	To       int      `json:"to"`
	Line     int      `json:"line"`
	Col      int      `json:"col"`
	Message  string   `json:"message"`
	Expected []string `json:"expected,omitempty"`
	Fixes    []Fix    `json:"fixes,omitempty"`
}

// Fix is a proposed correction.
type Fix struct {
	Title string `json:"title"`
	Edits []Edit `json:"edits"`
}

// Edit replaces a range by a text.
type Edit struct {
	From   int    `json:"from"`
	To     int    `json:"to"`
	Insert string `json:"insert"`
}

var undeclared = regexp.MustCompile(`prefix "?([\pL\pN_.-]*):?"? `)

// Parse checks a query's syntax and, if asked, formats it.
func (s *Service) Parse(text string, layout bool) *Parsed {
	p := &Parsed{OK: true, Errors: []ParseError{}}
	q, err := s.opt.Engine.Prepare(text, "")
	if err == nil {
		p.Form = q.Form().String()
		if layout {
			if p.Formatted, err = format.Text(text); err != nil {
				p.Formatted = ""
			}
		}
		return p
	}
	p.OK = false
	pr := Classify(err)
	pe := ParseError{Line: 1, Col: 1, Message: err.Error(), Expected: pr.Expected}
	if pr.Position != nil {
		off := min(max(pr.Position.Offset, 0), len(text))
		pe.Line, pe.Col = pr.Position.Line, pr.Position.Column
		pe.From = utf16Len(text[:off])
		end := off
		if m := token.FindStringIndex(text[off:]); m != nil && m[0] == 0 {
			end = off + m[1]
		}
		pe.To = utf16Len(text[:end])
	}
	if m := undeclared.FindStringSubmatch(err.Error()); m != nil {
		i := slices.IndexFunc(wellKnown, func(w struct{ prefix, iri string }) bool { return w.prefix == m[1] })
		if i >= 0 {
			decl := fmt.Sprintf("PREFIX %s: <%s>\n", wellKnown[i].prefix, wellKnown[i].iri)
			pe.Fixes = []Fix{{Title: "declare " + m[1] + ":", Edits: []Edit{{0, 0, decl}}}}
		}
	}
	p.Errors = append(p.Errors, pe)
	return p
}
