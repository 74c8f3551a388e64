package lex

import (
	"errors"
	"strings"
	"testing"
)

// all returns the tokens as kind:value.
func all(text string) (string, error) {
	names := [...]string{"EOF", "word", "iri", "name", "blank", "var", "int", "dec", "dbl", "str", "lang", "", "comment"}
	var out []string
	l := New(text)
	for {
		t, err := l.Next()
		if err != nil {
			return strings.Join(out, " "), err
		}
		switch t.Kind {
		case EOF:
			return strings.Join(out, " "), nil
		case Punct:
			out = append(out, t.Value)
		default:
			out = append(out, names[t.Kind]+":"+t.Value)
		}
	}
}

func TestTokens(t *testing.T) {
	for in, want := range map[string]string{
		"?x $y ?1 ?é_2":                  "var:x var:y var:1 var:é_2",
		"SELECT?x{a:b}":                  "word:SELECT var:x { name:a:b }",
		"<a> <b>":                        "iri:a iri:b",
		"?a < ?b":                        "var:a < var:b",
		"?a<=?b":                         "var:a <= var:b",
		"?a<?b&&?c>?d":                   "var:a iri:?b&&?c var:d",
		"1 1. 1.5 .5 1e3 1.e3 -1 +.5":    "int:1 int:1 . dec:1.5 dec:.5 dbl:1e3 dbl:1.e3 int:-1 dec:+.5",
		"1e 1.e":                         "int:1 word:e int:1 . word:e",
		"?x-1":                           "var:x int:-1",
		":p? :q* :r+ ?v":                 "name::p ? name::q * name::r + var:v",
		"a:b.c. a:d-. x.y:z":             "name:a:b.c . name:a:d- . name:x.y:z",
		`a:b\.c a:%20 :1 a:`:             `name:a:b\.c name:a:%20 name::1 name:a:`,
		"_:b.1. _:2":                     "blank:b.1 . blank:2",
		`"a\tb" 'c' """d"e""" ''''`:      "",
		`"a" 'b"' """c"d\"""" ''`:        `str:a str:b" str:c"d" str:`,
		`"x"@en "y"@en-GB--ltr "z"^^a:b`: "str:x lang:en str:y lang:en-GB--ltr str:z ^^ name:a:b",
		"<<( )>> << >> {| |} || | ~":     "<<( )>> << >> {| |} || | ~",
		"# c\n?x # d":                    "var:x",
		`<\u00e9\U0001F600>`:             "iri:é😀",
		"\ufeff?x":                       "var:x",
		"true false a":                   "word:true word:false word:a",
	} {
		got, err := all(in)
		if want == "" {
			if err == nil {
				t.Errorf("%s is read as %s", in, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: got %s (%v), want %s", in, got, err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for in, say := range map[string]string{
		"?x $":         "line 1, column 4: a variable needs a name",
		"\"a\nb\"":     "not closed before the end of the line",
		`"""a`:         "not closed",
		`"\q"`:         "bad escape in a string",
		`"\uD800"`:     "surrogate",
		`"\U00110000"`: "above U+10FFFF",
		`"\u12"`:       "hexadecimal",
		`<a\u0020>`:    "not even escaped",
		`<\uDC00>`:     "surrogate",
		"a:%2":         "two hexadecimal digits",
		`a:\x`:         "bad escape in a name",
		"\n\n  _: ":    "line 3, column 3: a blank node needs a label",
		"@1":           "language tag",
		"?x & ?y":      `unexpected character '&'`,
		`?a\u0062`:     "codepoint escapes are allowed in IRIs and strings only",
		"\xff":         "not valid UTF-8",
		"\"a\xff\"":    "not valid UTF-8",
		"?x \ufeff":    "unexpected character",
	} {
		_, err := all(in)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: error %v, want one with %q", in, err, say)
		}
	}
	l := New("<http://a b>")
	if tok, _ := l.Next(); !tok.Is("<") || l.WhyNoIRI() != "an IRI may not contain a blank" {
		t.Errorf("%q, %s", tok.Value, l.WhyNoIRI())
	}
}

// FuzzLexer checks that every byte of a text belongs to one token or to the
// blanks between, that places are right, and that the lexer ends.
func FuzzLexer(f *testing.F) {
	f.Add("SELECT ?x { <a> a:b 'c'@en , 1.5e3 # d\n}")
	f.Add("\ufeff<<( _:x ?y \"\"\"z\"\"\" )>> ~ {| |} \u00e9:\\- %")
	f.Fuzz(func(t *testing.T, text string) {
		l := New(text)
		l.Comments = true
		end := 0
		for n := 0; ; n++ {
			tok, err := l.Next()
			if err != nil {
				return
			}
			if tok.Pos != PosOf(text, tok.Pos.Offset) {
				t.Fatalf("place %+v, counted %+v", tok.Pos, PosOf(text, tok.Pos.Offset))
			}
			if tok.Kind == EOF {
				return
			}
			if tok.Pos.Offset < end || tok.End <= tok.Pos.Offset || tok.End > len(text) {
				t.Fatalf("token %+v after byte %d", tok, end)
			}
			if gap := strings.Trim(text[end:tok.Pos.Offset], " \t\r\n"); gap != "" && gap != bom {
				t.Fatalf("%q was skipped", gap)
			}
			end = tok.End
			if n > len(text) {
				t.Fatal("no end")
			}
		}
	})
}
