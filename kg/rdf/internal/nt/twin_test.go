package nt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// The slow twin: the grammar of RDF 1.2 N-Triples and N-Quads as regular
// expressions, one line at a time.
const (
	uchar   = `(?:\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})`
	iriRef  = "<((?:[^\\x00-\\x20<>\"{}|^`\\\\]|" + uchar + ")*)>"
	base    = `A-Za-z\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2FF}\x{370}-\x{37D}\x{37F}-\x{1FFF}\x{200C}-\x{200D}\x{2070}-\x{218F}\x{2C00}-\x{2FEF}\x{3001}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFFD}\x{10000}-\x{EFFFF}`
	chars   = base + `_0-9\x{B7}\x{300}-\x{36F}\x{203F}-\x{2040}-`
	blank   = `_:([` + base + `_0-9](?:[` + chars + `.]*[` + chars + `])?)`
	lang    = `@([a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*)(?:--(ltr|rtl))?`
	literal = `"((?:[^"\\\n\r]|\\[tbnrf"'\\]|` + uchar + `)*)"[ \t]*(?:` + lang + `|\^\^[ \t]*` + iriRef + `)?`
	nothing = `^[ \t]*(?:#.*|VERSION[ \t]*(?:"[^"\n\r]*"|'[^'\n\r]*')[ \t]*(?:#.*)?)?$`
	lineEnd = `^[ \t]*\.[ \t]*(?:#.*)?$`
)

var (
	iriRE     = regexp.MustCompile(`^[ \t]*` + iriRef)
	blankRE   = regexp.MustCompile(`^[ \t]*` + blank)
	literalRE = regexp.MustCompile(`^[ \t]*` + literal)
	openRE    = regexp.MustCompile(`^[ \t]*<<\(`)
	closeRE   = regexp.MustCompile(`^[ \t]*\)>>`)
	nothingRE = regexp.MustCompile(nothing)
	endRE     = regexp.MustCompile(lineEnd)
	colonRE   = regexp.MustCompile(`^:`)
	langRE    = regexp.MustCompile(`^[a-zA-Z0-9-]`)
	escapeRE  = regexp.MustCompile(`\\(?:u....|U........|.)`)
)

// twin is the rest of a line.
type twin struct{ s string }

func (w *twin) take(re *regexp.Regexp) []string {
	m := re.FindStringSubmatch(w.s)
	if m != nil {
		w.s = w.s[len(m[0]):]
	}
	return m
}

var errTwin = errors.New("no statement")

func unescape(s string, iri bool) (string, error) {
	var err error
	out := escapeRE.ReplaceAllStringFunc(s, func(e string) string {
		if e[1] == 'u' || e[1] == 'U' {
			v, _ := strconv.ParseUint(e[2:], 16, 64)
			if v > utf8.MaxRune || !utf8.ValidRune(rune(v)) || iri && v < 0x80 && (v <= 0x20 || strings.ContainsRune("<>\"{}|^`\\", rune(v))) {
				err = errTwin
				return ""
			}
			return string(rune(v))
		}
		return map[byte]string{'t': "\t", 'b': "\b", 'n': "\n", 'r': "\r", 'f': "\f"}[e[1]] + strings.Trim(e[1:], "tbnrf")
	})
	return out, err
}

func (w *twin) term(literals bool) (kg.Term, error) {
	if literals && w.take(openRE) != nil {
		var spo [3]kg.Term
		var err error
		for i := range spo {
			if spo[i], err = w.term(i == 2); err != nil || i == 1 && spo[i].Kind != kg.IRI {
				return kg.Term{}, errTwin
			}
		}
		if w.take(closeRE) == nil {
			return kg.Term{}, errTwin
		}
		return kg.NewTriple(spo[0], spo[1], spo[2]), nil
	}
	iri := func(s string) (string, error) {
		s, err := unescape(s, true)
		if ok, _ := regexp.MatchString(`^[A-Za-z][A-Za-z0-9+.-]*:`, s); !ok {
			err = errTwin
		}
		return s, err
	}
	if m := w.take(iriRE); m != nil {
		s, err := iri(m[1])
		return kg.NewIRI(s), err
	}
	if m := w.take(blankRE); m != nil && !colonRE.MatchString(w.s) {
		return kg.NewBlank("p" + m[1]), nil
	}
	if m := w.take(literalRE); literals && m != nil {
		s, err := unescape(m[1], false)
		switch {
		case err != nil:
			return kg.Term{}, err
		case m[2] != "" && langRE.MatchString(w.s):
			return kg.Term{}, errTwin
		case m[3] != "":
			return kg.NewDirLang(s, m[2], m[3]), nil
		case m[2] != "":
			return kg.NewLang(s, m[2]), nil
		case strings.HasSuffix(strings.TrimRight(m[0], " \t"), ">"):
			dt, err := iri(m[4])
			if dt == kg.RDFLangString || dt == kg.RDFDirLangStr {
				err = errTwin
			}
			return kg.NewTyped(s, dt), err
		}
		return kg.NewString(s), nil
	}
	return kg.Term{}, errTwin
}

// slow reads a document line by line and counts the lines it cannot read.
func slow(doc string, quads bool) (out []kg.TermQuad, bad int) {
	doc = strings.TrimPrefix(doc, "\uFEFF")
	for _, line := range regexp.MustCompile(`[\r\n]`).Split(doc, -1) {
		if !utf8.ValidString(line) {
			bad++
			continue
		}
		if nothingRE.MatchString(line) {
			continue
		}
		w := &twin{line}
		var q kg.TermQuad
		var err error
		for i, t := range []*kg.Term{&q.S, &q.P, &q.O} {
			if err == nil {
				*t, err = w.term(i == 2)
			}
		}
		if err == nil && q.P.Kind != kg.IRI {
			err = errTwin
		}
		if err == nil && quads && !endRE.MatchString(w.s) {
			q.G, err = w.term(false)
		}
		if err != nil || !endRE.MatchString(w.s) {
			bad++
			continue
		}
		out = append(out, q)
	}
	return out, bad
}

func fast(t testing.TB, doc string, o Options) (out []kg.TermQuad, errs []*scan.Error) {
	t.Helper()
	o.Prefix, o.Lenient = "p", true
	o.OnError = func(err error) {
		var e *scan.Error
		if !errors.As(err, &e) {
			t.Errorf("error without a place: %v", err)
			return
		}
		errs = append(errs, e)
	}
	for batch, err := range Read(context.Background(), iotest.HalfReader(strings.NewReader(doc)), o) {
		if err != nil {
			t.Fatalf("lenient reading stopped: %v", err)
		}
		out = append(out, batch...)
	}
	return out, errs
}

func same(t testing.TB, what, doc string, got, want []kg.TermQuad) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d statements, want %d\n%q", what, len(got), len(want), doc)
	}
	for i := range got {
		if !got[i].S.Equal(want[i].S) || !got[i].P.Equal(want[i].P) || !got[i].O.Equal(want[i].O) || !got[i].G.Equal(want[i].G) {
			t.Fatalf("%s: statement %d is %v, want %v\n%q", what, i, got[i], want[i], doc)
		}
	}
}

// compare reads a document in all ways.
func compare(t testing.TB, doc string, quads bool, chunk int) {
	t.Helper()
	one, errs := fast(t, doc, Options{Quads: quads, Workers: 1, chunk: chunk})
	want, bad := slow(doc, quads)
	if len(errs) != bad {
		t.Fatalf("%d bad lines, want %d\n%q\n%v", len(errs), bad, doc, errs)
	}
	same(t, "sequential", doc, one, want)
	many, errs2 := fast(t, doc, Options{Quads: quads, Workers: 3, chunk: chunk})
	same(t, "parallel", doc, many, want)
	if fmt.Sprint(errs) != fmt.Sprint(errs2) {
		t.Fatalf("errors differ:\n%v\n%v", errs, errs2)
	}
	// Places are those of the whole document, wherever chunks end.
	for _, e := range errs {
		if e.Offset < 0 || e.Offset > int64(len(doc)) {
			t.Fatalf("offset of %v is outside\n%q", e, doc)
		}
		var at scan.Place
		text := strings.TrimPrefix(doc, "\uFEFF")
		bom := len(doc) - len(text)
		at.Skip(text[:int(e.Offset)-bom])
		if want := at.Error("", e.Msg, e.Remedy); e.Line != want.Line || e.Col != want.Col {
			t.Fatalf("place of %v, want %d:%d\n%q", e, want.Line, want.Col, doc)
		}
	}
}

var pieces = []string{
	"<http://e/a>", "<http://e/\\u00e9>", "<u:x>", "<rel>", "<a b:c>", "<>", "_:b", "_:1.x", "_:x.", "_::", "_:é", "_: ", "\"x\"", "\"\"", "\"\\\"\\n\\U0001F600\"",
	"\"\\uD800\"", "\"\\x\"", "\"é漢\"", "\"open", "@en", "@de-AT", "@en--ltr", "@en--xxx", "@toolongtag", "\"x\"@ninechars", "\"x\"@en-ninechars", "\"x\"@en-12345678", "^^<http://e/d>", "^^", " ", "\t", ".", " .", "\n", "\r", "\r\n", "# c",
	"<<( ", " )>>", "<<", "VERSION \"1.2\"", "VERSION", "\xff", "\xc3", "\uFEFF", "^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#langString>", "\\", "'", "\x00",
}

// document strings statements and rubbish together.
func document(r *rand.Rand) string {
	var b bytes.Buffer
	for range r.IntN(12) {
		if r.IntN(4) == 0 {
			for range r.IntN(8) {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
			continue
		}
		objects := []string{"<http://e/o>", "\"x\\ty\"", "\"é\"@en-gb", "_:n1", "\"1\" ^^ <http://e/d>", "<<(<http://e/a> <http://e/b> _:c)>>", "\"d\"@he--rtl"}
		any := func(usual ...string) string {
			if r.IntN(12) == 0 {
				return pieces[r.IntN(len(pieces))]
			}
			return usual[r.IntN(len(usual))]
		}
		b.WriteString(any("<http://e/s> ", "_:s ", "<http://e/s>") + any("<http://e/p>") + any("", " ", "\t ") + any(objects...))
		if r.IntN(3) == 0 {
			b.WriteString([]string{" <http://e/g>", "_:g ", " \"g\""}[r.IntN(3)])
		}
		b.WriteString([]string{".\n", " .\r\n", " . # c\n", " .\r", "."}[r.IntN(5)])
	}
	out := b.Bytes()
	for range r.IntN(3) {
		if len(out) > 0 {
			i := r.IntN(len(out))
			switch r.IntN(3) {
			case 0:
				out = append(out[:i], out[i+1:]...)
			case 1:
				out[i] = pieces[r.IntN(len(pieces))][0]
			case 2:
				out = append(out[:i], out[i+r.IntN(len(out)-i):]...)
			}
		}
	}
	return string(out)
}

func TestAgainstRegularExpressions(t *testing.T) {
	statements, faults := 0, 0
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 9))
		doc := document(r)
		quads := r.IntN(2) == 0
		compare(t, doc, quads, 1+r.IntN(200))
		out, bad := slow(doc, quads)
		statements += len(out)
		faults += bad
	}
	if statements < 5000 || faults < 3000 {
		t.Errorf("%d statements and %d faults: the test says little", statements, faults)
	}
}

func FuzzAgainstRegularExpressions(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(document(rand.New(rand.NewPCG(seed, 4))), seed%2 == 0, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, doc string, quads bool, chunk uint8) {
		if len(doc) > 1<<14 {
			return
		}
		compare(t, doc, quads, 1+int(chunk))
	})
}

// failing gives some text, then an error.
func TestReadErrorAfterGoodLines(t *testing.T) {
	boom := errors.New("boom")
	for _, workers := range []int{1, 3} {
		r := &brokenReader{text: strings.Repeat("<http://e/s> <http://e/p> _:o .\n", 50) + "<http://e/s> <htt", err: boom}
		n := 0
		var last error
		for batch, err := range Read(context.Background(), r, Options{Workers: workers, chunk: 256}) {
			n += len(batch)
			last = err
		}
		if n != 50 || !errors.Is(last, boom) {
			t.Errorf("%d workers: %d statements, error %v", workers, n, last)
		}
	}
}

type brokenReader struct {
	text string
	err  error
}

func (r *brokenReader) Read(p []byte) (int, error) {
	if r.text == "" {
		return 0, r.err
	}
	n := copy(p, r.text)
	r.text = r.text[n:]
	return n, nil
}

func TestStrictStopsAtTheFirstFault(t *testing.T) {
	doc := strings.Repeat("<http://e/s> <http://e/p> _:o .\n", 1000) + "bad\n" + strings.Repeat("<http://e/s> <http://e/p> _:o .\n", 1000)
	for _, workers := range []int{1, 4} {
		n := 0
		var last error
		for batch, err := range Read(context.Background(), strings.NewReader(doc), Options{Workers: workers, chunk: 4096}) {
			n += len(batch)
			last = err
		}
		var e *scan.Error
		if n != 1000 || !errors.As(last, &e) || e.Line != 1001 || e.Col != 1 {
			t.Errorf("%d workers: %d statements, error %v", workers, n, last)
		}
	}
}

func TestConsumerMayStopAnywhere(t *testing.T) {
	doc := strings.Repeat("<http://e/s> <http://e/p> _:o .\n", 5000)
	for stop := range 20 {
		n := 0
		for range Read(context.Background(), strings.NewReader(doc), Options{Workers: 3, chunk: 1024}) {
			if n++; n > stop {
				break
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	for _, err := range Read(ctx, strings.NewReader(doc), Options{Workers: 3, chunk: 1024}) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("error %v", last)
	}
}
