// Package format lays SPARQL text out anew without changing its tokens.
package format

import (
	"errors"
	"strings"

	"github.com/quaestor-kg/quaestor/sparql/syntax"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// Text lays a query or an update out anew: one clause and one triple a
// line, groups indented. It moves blanks and line breaks only: comments,
// prefixes and the spelling of every token stay, except that keywords become
// upper case. A text that does not parse is refused with its *Error.
func Text(text string) (string, error) {
	if _, err := syntax.ParseQuery(text, ""); err != nil {
		if _, uerr := syntax.ParseUpdate(text, ""); uerr != nil {
			return "", furthest(err, uerr)
		}
	}
	f := &formatter{text: text}
	l := lex.New(text)
	l.Comments = true
	for {
		t, err := l.Next()
		if err != nil {
			return "", err
		}
		if t.Kind == lex.EOF {
			break
		}
		f.tokens = append(f.tokens, t)
	}
	f.run()
	return f.b.String(), nil
}

// furthest returns the error that lies deeper in the text: of the two readings
// of a text, that is the one that was meant.
func furthest(a, b error) error {
	var x, y *syntax.Error
	if errors.As(a, &x) && errors.As(b, &y) && y.Offset > x.Offset {
		return b
	}
	return a
}

// frame is an open bracket.
type frame struct {
	close string
	block bool // its content stands on lines of its own
}

type formatter struct {
	text   string
	tokens []lex.Token
	b      strings.Builder
	open   []frame
	indent int
	extra  int  // more indentation for the next line only
	fresh  bool // at the beginning of a line
}

// clauses begin a line where they stand outside brackets.
var clauses = map[string]bool{
	"SELECT": true, "ASK": true, "CONSTRUCT": true, "DESCRIBE": true, "FROM": true, "WHERE": true, "GROUP": true, "HAVING": true,
	"ORDER": true, "LIMIT": true, "OFFSET": true, "VALUES": true, "PREFIX": true, "BASE": true, "VERSION": true,
	"INSERT": true, "DELETE": true, "WITH": true, "USING": true, "LOAD": true, "CLEAR": true, "DROP": true, "CREATE": true,
	"ADD": true, "MOVE": true, "COPY": true,
}

// elements begin a line inside a group.
var elements = map[string]bool{
	"OPTIONAL": true, "MINUS": true, "GRAPH": true, "SERVICE": true, "FILTER": true, "BIND": true, "VALUES": true, "SELECT": true,
	"WHERE": true, "GROUP": true, "HAVING": true, "ORDER": true, "LIMIT": true, "OFFSET": true,
}

func (f *formatter) newline() {
	if f.fresh || f.b.Len() == 0 {
		return
	}
	f.b.WriteByte('\n')
	f.fresh = true
}

// inBlock reports whether the innermost bracket is a group.
func (f *formatter) inBlock() bool { return len(f.open) == 0 || f.open[len(f.open)-1].block }

func (f *formatter) run() {
	for i := range f.tokens {
		f.token(i)
	}
	f.newline()
}

func (f *formatter) is(i int, puncts ...string) bool {
	if i < 0 || i >= len(f.tokens) {
		return false
	}
	for _, p := range puncts {
		if f.tokens[i].Is(p) {
			return true
		}
	}
	return false
}

func (f *formatter) word(i int, words ...string) bool {
	if i < 0 || i >= len(f.tokens) {
		return false
	}
	for _, w := range words {
		if f.tokens[i].IsWord(w) {
			return true
		}
	}
	return false
}

// breaks reports whether the token begins a line.
func (f *formatter) breaks(i int) bool {
	t := &f.tokens[i]
	switch {
	case !f.inBlock():
		return false
	case t.Kind == lex.Comment, t.Is("{") && f.is(i-1, "{", "."):
		return t.Kind != lex.Comment || strings.ContainsAny(f.between(i), "\n\r")
	case t.Kind != lex.Word:
		return false
	}
	name := strings.ToUpper(t.Value)
	switch {
	case f.word(i-1, "INSERT", "DELETE") && (name == "WHERE" || name == "DATA"),
		f.word(i-1, "NOT", "SILENT", "INTO", "TO", "CREATE", "CLEAR", "DROP", "ADD", "MOVE", "COPY", "FILTER"):
		return false
	case len(f.open) == 0:
		return clauses[name]
	}
	return elements[name]
}

// between is the blank text before a token.
func (f *formatter) between(i int) string {
	from := 0
	if i > 0 {
		from = f.tokens[i-1].End
	}
	return f.text[from:f.tokens[i].Pos.Offset]
}

func (f *formatter) token(i int) {
	t := &f.tokens[i]
	closing := false
	if n := len(f.open); n > 0 && t.Is(f.open[n-1].close) {
		closing = true
		if f.open[n-1].block {
			f.indent--
			if !f.is(i-1, "{") {
				f.newline()
			}
		}
		f.open = f.open[:n-1]
	}
	if f.breaks(i) {
		f.newline()
		f.extra = 0
	}
	// Blank lines between parts stay, one of them.
	if f.fresh && strings.Count(f.between(i), "\n") > 1 && i > 0 && !closing {
		f.b.WriteByte('\n')
	}
	f.gap(i)
	text := f.text[t.Pos.Offset:t.End]
	if t.Kind == lex.Word && text != "a" && !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
		if _, call := syntax.Builtins[strings.ToUpper(text)]; !call {
			text = strings.ToUpper(text)
		}
	}
	f.b.WriteString(text)
	f.fresh = false
	switch {
	case t.Kind == lex.Comment:
		f.newline()
	case t.Is("{"):
		f.open = append(f.open, frame{"}", true})
		f.indent++
		if !f.is(i+1, "}") && !f.commentFollows(i) {
			f.newline()
		}
	case t.Is("("):
		f.open = append(f.open, frame{")", false})
	case t.Is("["):
		f.open = append(f.open, frame{"]", false})
	case t.Is("{|"):
		f.open = append(f.open, frame{"|}", false})
	case closing && t.Is("}") && f.inBlock():
		if !f.word(i+1, "UNION", "WHERE") && !f.is(i+1, ".", ";", ")") && !f.commentFollows(i) {
			f.newline()
		}
	case f.inBlock() && t.Is(".") && !f.commentFollows(i), len(f.open) == 0 && t.Is(";") && !f.commentFollows(i):
		f.newline()
	case f.inBlock() && t.Is(";") && len(f.open) > 0 && !f.commentFollows(i) && !f.is(i+1, ";", ".", "}"):
		f.newline()
		f.extra = 1
	}
	// The row of a VALUES block and the end of a prologue line.
	if len(f.open) == 0 && t.Kind == lex.IRIRef && (f.word(i-2, "PREFIX") || f.word(i-1, "BASE")) || f.rowEnds(i) {
		if !f.commentFollows(i) {
			f.newline()
		}
	}
}

// rowEnds reports whether ")" closes a row of data, or a filter or a binding,
// in a group.
func (f *formatter) rowEnds(i int) bool {
	return f.is(i, ")") && len(f.open) > 0 && f.inBlock() && (f.is(i+1, "(", "}") || f.startsElement(i+1)) && !f.is(i+1, "{")
}

func (f *formatter) startsElement(i int) bool {
	if i >= len(f.tokens) {
		return false
	}
	t := &f.tokens[i]
	return t.Kind == lex.Word && elements[strings.ToUpper(t.Value)]
}

// commentFollows reports whether a comment follows on the same line.
func (f *formatter) commentFollows(i int) bool {
	return i+1 < len(f.tokens) && f.tokens[i+1].Kind == lex.Comment && !strings.ContainsAny(f.between(i+1), "\n\r")
}

// write indents the line that begins.
func (f *formatter) write() {
	if f.fresh {
		f.b.WriteString(strings.Repeat("  ", max(f.indent+f.extra, 0)))
		f.fresh, f.extra = false, 0
	}
}

// gap writes what stands before a token: the indentation of a line, a blank,
// or nothing.
func (f *formatter) gap(i int) {
	if f.fresh {
		f.write()
		return
	}
	if i == 0 {
		return
	}
	if f.blank(i) {
		f.b.WriteByte(' ')
	}
}

// blank decides about the blank between a token and the one before. Where the
// author wrote none, none is needed.
func (f *formatter) blank(i int) bool {
	tight := f.between(i) == ""
	switch {
	case f.is(i, ",") || f.is(i, ")", "]") || f.is(i-1, "(", "["):
		return false
	case f.is(i-1, "{") && f.is(i, "}"):
		return false
	case f.is(i, ";", "."):
		return !tight || len(f.open) > 0
	case f.is(i, "{", "{|", "|}", "}") || f.is(i-1, "{|", "|}", "}", ","):
		return true
	case f.is(i, "("):
		return !tight && !f.word(i-1, "FILTER", "BIND")
	}
	return !tight
}
