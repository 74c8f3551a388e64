package results

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
)

func seq(rows [][]kg.Term) Rows {
	return func(yield func([]kg.Term, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func randomTerm(r *rand.Rand) kg.Term {
	text := func() string {
		alphabet := []rune("ab \t\n\r\"'\\,<>&é漢😀;")
		s := make([]rune, r.IntN(6))
		for i := range s {
			s[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(s)
	}
	switch r.IntN(8) {
	case 0:
		return kg.Term{}
	case 1:
		return kg.NewIRI(fmt.Sprintf("http://x/%d", r.IntN(9)))
	case 2:
		return kg.NewBlank(fmt.Sprintf("b%d", r.IntN(9)))
	case 3:
		return kg.NewLang(text(), "en-gb")
	case 4:
		return kg.NewTyped(fmt.Sprint(r.IntN(99)-50), kg.XSD+"integer")
	case 5:
		return kg.NewTyped("01", kg.XSD+"decimal")
	case 6:
		return kg.NewTriple(kg.NewIRI("http://s"), kg.NewIRI("http://p"), kg.NewDirLang(text(), "ar", "rtl"))
	}
	return kg.NewString(text())
}

// TestRoundTrip writes and reads random rows in the formats that lose nothing.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		vars := []string{"a", "b", "c"}[:1+r.IntN(3)]
		rows := make([][]kg.Term, r.IntN(5))
		for i := range rows {
			rows[i] = make([]kg.Term, len(vars))
			for j := range rows[i] {
				rows[i][j] = randomTerm(r)
			}
		}
		for _, f := range []Format{JSON, XML, TSV} {
			var b bytes.Buffer
			if err := WriteRows(&b, f, vars, seq(rows)); err != nil {
				t.Fatal(err)
			}
			d, err := Read(bytes.NewReader(b.Bytes()), f)
			if err != nil {
				t.Fatalf("%s: %v\n%s", f, err, b.String())
			}
			if len(d.Rows) != len(rows) || fmt.Sprint(d.Vars) != fmt.Sprint(vars) {
				t.Fatalf("%s: %d rows of %v, want %d of %v\n%s", f, len(d.Rows), d.Vars, len(rows), vars, b.String())
			}
			for i := range rows {
				for j := range rows[i] {
					if !d.Rows[i][j].Equal(rows[i][j]) {
						t.Errorf("%s: %v became %v\n%s", f, rows[i][j], d.Rows[i][j], b.String())
					}
				}
			}
		}
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	err := WriteRows(&b, CSV, []string{"x", "y"}, seq([][]kg.Term{
		{kg.NewIRI("http://a"), kg.NewString(`say "hi", you`)},
		{kg.NewBlank("n"), {}},
	}))
	if want := "x,y\r\nhttp://a,\"say \"\"hi\"\", you\"\r\n_:n,\r\n"; err != nil || b.String() != want {
		t.Errorf("got %q, %v; want %q", b.String(), err, want)
	}
}

// TestCSVReader reads back what CSV keeps, line breaks and rows of nothing
// included.
func TestCSVReader(t *testing.T) {
	rows := [][]kg.Term{{{}}, {kg.NewString("a\r\nb \"c\",")}, {kg.NewBlank("n")}, {{}}}
	var b bytes.Buffer
	if err := WriteRows(&b, CSV, []string{"x"}, seq(rows)); err != nil {
		t.Fatal(err)
	}
	d, err := Read(&b, CSV)
	if err != nil || fmt.Sprint(d.Rows) != fmt.Sprint(rows) {
		t.Errorf("got %v, %v; want %v", d, err, rows)
	}
	for _, bad := range []string{"", "x\r\n\"a", "x\r\na\"b\r\n", "x\r\n\"a\"b\r\n", "x\r\na,b\r\n"} {
		if d, err := Read(strings.NewReader(bad), CSV); err == nil {
			t.Errorf("%q is read as %v", bad, d.Rows)
		}
	}
}

// TestBadDocuments: an error names the format and, where there is one, the
// place.
func TestBadDocuments(t *testing.T) {
	for _, c := range []struct {
		f         Format
		text, say string
	}{
		{JSON, `{"head":{"vars":["x"]},"results":{"bindings":[{"y":{"type":"uri","value":"a"}}]}}`, "row 1"},
		{JSON, `{"head":{"vars":["x"]},"results":{"bindings":[{"x":{"type":"odd","value":"a"}}]}}`, "odd"},
		{JSON, `{"head":{}}`, "neither"},
		{JSON, `{"boolean":true} x`, "byte 17"},
		{JSON, `{"boolean":tru`, "byte"},
		{XML, `<sparql><head/><results><result><binding name="x"><uri>a</uri></binding></result></results></sparql>`, "line 1"},
		{XML, `<sparql><results>`, "XML"},
		{TSV, "x\n", "line 1"},
		{TSV, "?x\n<a>\t<b>\n", "line 2"},
		{TSV, "?x\n\"a\n", "line 2, field 1"},
	} {
		if _, err := Read(strings.NewReader(c.text), c.f); err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s %s: error %v, want one with %q", c.f, c.text, err, c.say)
		}
	}
}

func TestBoolean(t *testing.T) {
	for _, f := range []Format{JSON, XML} {
		for _, v := range []bool{true, false} {
			var b bytes.Buffer
			if err := WriteBoolean(&b, f, v); err != nil {
				t.Fatal(err)
			}
			d, err := Read(&b, f)
			if err != nil || d.Boolean == nil || *d.Boolean != v {
				t.Errorf("%s: %v becomes %+v, %v", f, v, d, err)
			}
		}
	}
}

func fuzzReader(f *testing.F, format Format, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Read(bytes.NewReader(b), format)
		if err != nil || d.Boolean != nil {
			return
		}
		for _, r := range d.Rows {
			if len(r) != len(d.Vars) {
				t.Fatalf("row of %d terms for %d variables", len(r), len(d.Vars))
			}
		}
		if err := WriteRows(io.Discard, format, d.Vars, seq(d.Rows)); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzReadJSON(f *testing.F) {
	fuzzReader(f, JSON, `{"head":{"vars":["x"]},"results":{"bindings":[{"x":{"type":"literal","value":"a","xml:lang":"en"}}]}}`, `{"boolean":true}`)
}

func FuzzReadXML(f *testing.F) {
	fuzzReader(f, XML, xmlOpen+`<head><variable name="x"/></head><results><result><binding name="x"><uri>a</uri></binding></result></results></sparql>`)
}

func FuzzReadTSV(f *testing.F) { fuzzReader(f, TSV, "?x\t?y\n<a>\t1\n\"q\"@en\t\n") }

func FuzzReadCSV(f *testing.F) { fuzzReader(f, CSV, "x,y\r\n\"a\",b\r\n") }

func BenchmarkWrite(b *testing.B) {
	rows := make([][]kg.Term, 1000)
	for i := range rows {
		rows[i] = []kg.Term{kg.NewIRI(fmt.Sprintf("http://example.org/item/%d", i)), kg.NewString("some label of it"), kg.NewTyped(fmt.Sprint(i), kg.XSD+"integer"), kg.NewLang("ein Name", "de")}
	}
	for _, f := range []Format{JSON, XML, CSV, TSV} {
		b.Run(f.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := WriteRows(io.Discard, f, []string{"a", "b", "c", "d"}, seq(rows)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*4000/b.Elapsed().Seconds()/1e6, "Mterms/s")
		})
	}
}
