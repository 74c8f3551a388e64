// Package rdfxml reads RDF/XML by way of knakk/rdf.
//
// knakk's decoder takes every statement that is spelt out in the plainest way
// and errs on much else: nested typed nodes, declarations of namespaces inside
// the document, xml:base, languages, collections, IRIs that are not of the
// form "scheme://", XML literals, text in pieces (reader_test.go shows each).
// So a front brings any document into a plain form, statement by statement,
// as it streams:
//
//	<rdf:Description rdf:about="i://SUBJECT">
//	  <LOCAL xmlns="NAMESPACE" rdf:resource="i://OBJECT"></LOCAL>
//	</rdf:Description>
//
// with rdf:nodeID for blank nodes, and rdf:datatype or xml:lang and a text
// that starts with a dot, never empty, for literals. knakk decodes that, and
// what was added is taken off behind it. Objects of RDF 1.2, which knakk has no
// types for, wait in a queue while it decodes a stand-in.
//
// One thing differs from XML 1.0: encoding/xml does not tell a line end typed
// inside an attribute from "&#10;", so both stay line ends; the former should
// be a space (section 3.3.3).
package rdfxml

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	knakk "github.com/knakk/rdf"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
	"github.com/quaestor-kg/quaestor/kg/rdf/iri"
)

// Options of Read.
type Options struct {
	Base       string
	Prefix     string // of blank node labels
	File       string // for errors
	OnProgress func(bytes int64)
	OnPrefix   func(prefix, iri string)
}

// batchSize is the most quads that are handed over at once.
const batchSize = 256

// Read returns the triples of r in batches, valid until the next is asked for.
func Read(ctx context.Context, r io.Reader, o Options) iter.Seq2[[]kg.TermQuad, error] {
	return func(yield func([]kg.TermQuad, error) bool) {
		f, err := newFront(r, o)
		if err != nil {
			yield(nil, err)
			return
		}
		f.ctx = ctx
		dec := knakk.NewTripleDecoder(f, knakk.RDFXML)
		batch := make([]kg.TermQuad, 0, batchSize)
		decoded := 0
		for {
			t, err := decode(dec)
			if err != nil {
				if len(batch) > 0 && !yield(batch, nil) {
					return
				}
				switch {
				case f.err != nil && f.err != io.EOF:
					err = f.err
				case err == io.EOF && decoded == f.written:
					if o.OnProgress != nil {
						o.OnProgress(f.g.src.dec.InputOffset())
					}
					return
				default:
					err = fmt.Errorf("rdfxml: %s: decoded %d of %d statements: %w", o.File, decoded, f.written, err)
				}
				yield(nil, err)
				return
			}
			q, err := f.restore(t, o.Prefix)
			if err != nil {
				yield(nil, err)
				return
			}
			decoded++
			if batch = append(batch, q); len(batch) == cap(batch) {
				if !yield(batch, nil) {
					return
				}
				batch = batch[:0]
				if o.OnProgress != nil {
					o.OnProgress(f.g.src.dec.InputOffset())
				}
			}
		}
	}
}

// decode calls knakk's decoder, which lets run-time panics through.
func decode(dec knakk.TripleDecoder) (t knakk.Triple, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("knakk/rdf panicked: %v", p)
		}
	}()
	return dec.Decode()
}

// front is a reader of the plain form of a document.
type front struct {
	ctx     context.Context
	g       grammar
	buf     []byte
	off     int
	written int     // statements
	subj    kg.Term // of the open rdf:Description
	cuts    map[string]int
	odd     []kg.Term // objects that a stand-in went to knakk for
	err     error
}

const (
	plainStart = `<rdf:RDF xmlns:rdf="` + kg.RDF + `">`
	plainEnd   = `</rdf:RDF>`
	iriMark    = "i://"
	standIn    = "t://object"
	textMark   = "."
)

func newFront(r io.Reader, o Options) (*front, error) {
	f := &front{ctx: context.Background(), buf: []byte(plainStart), cuts: map[string]int{}}
	f.g = grammar{src: newSource(r, o.File), out: f.statement}
	f.g.src.onPrefix = o.OnPrefix
	if o.Base != "" {
		b, ok := iri.NewBase(o.Base)
		if !ok {
			return nil, fmt.Errorf("rdf: base %q is no absolute IRI; it must start with a scheme, as in http://ex.example/", o.Base)
		}
		f.g.outer = frame{base: b, based: true}
	}
	return f, nil
}

// Read implements io.Reader.
func (f *front) Read(p []byte) (int, error) {
	for f.off == len(f.buf) {
		if f.err != nil {
			return 0, f.err
		}
		f.buf, f.off = f.buf[:0], 0
		if f.err = f.ctx.Err(); f.err == nil {
			f.err = f.g.step()
		}
		if f.err == io.EOF {
			f.buf = append(f.closeSubject(f.buf), plainEnd...)
		}
	}
	n := copy(p, f.buf[f.off:])
	f.off += n
	return n, nil
}

// statement appends a statement in plain form.
func (f *front) statement(s kg.Term, p string, o kg.Term) {
	f.written++
	b := f.buf
	if s != f.subj {
		b = f.closeSubject(b)
		if b = append(b, "<rdf:Description "...); s.Kind == kg.Blank {
			b = append(append(b, `rdf:nodeID="`...), s.Value...)
		} else {
			b = escape(append(b, `rdf:about="`+iriMark...), s.Value)
		}
		b = append(b, `">`...)
		f.subj = s
	}
	cut := f.cut(p)
	b = append(append(append(b, '<'), p[cut:]...), ` xmlns="`...)
	b = append(escape(b, p[:cut]), '"')
	switch {
	case o.Kind == kg.Triple || o.Dir != "":
		f.odd = append(f.odd, o)
		b = append(b, ` rdf:resource="`+standIn+`">`...)
	case o.Kind == kg.Blank:
		b = append(append(append(b, ` rdf:nodeID="`...), o.Value...), `">`...)
	case o.Kind == kg.IRI:
		b = append(escape(append(b, ` rdf:resource="`+iriMark...), o.Value), `">`...)
	case o.Lang != "":
		b = append(append(append(b, ` xml:lang="`...), o.Lang...), `">`+textMark...)
		b = escape(b, o.Value)
	default:
		b = append(escape(append(b, ` rdf:datatype="`+iriMark...), o.Datatype), `">`+textMark...)
		b = escape(b, o.Value)
	}
	f.buf = append(append(append(b, "</"...), p[cut:]...), '>')
}

func (f *front) closeSubject(b []byte) []byte {
	if f.subj.Kind != kg.None {
		b = append(b, "</rdf:Description>"...)
	}
	return b
}

// cut returns where the local name of a predicate begins. Every predicate
// comes from an XML name, so some end of it is one.
func (f *front) cut(p string) int {
	cut, ok := f.cuts[p]
	if ok {
		return cut
	}
	for cut = len(p); cut > 0; {
		_, n := utf8.DecodeLastRuneInString(p[:cut])
		if cut -= n; scan.IsNCName(p[cut:]) {
			break
		}
	}
	if len(f.cuts) >= 1024 {
		clear(f.cuts)
	}
	f.cuts[strings.Clone(p)] = cut
	return cut
}

// escape appends text for content or an attribute.
func escape(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		esc := ""
		switch s[i] {
		case '&':
			esc = "&amp;"
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '"':
			esc = "&#34;"
		case '\r':
			esc = "&#13;"
		default:
			continue
		}
		b = append(append(b, s[from:i]...), esc...)
		from = i + 1
	}
	return append(b, s[from:]...)
}

var errPlain = errors.New("rdfxml: knakk/rdf did not return the statement it was given")

// restore takes off what the plain form adds.
func (f *front) restore(t knakk.Triple, prefix string) (q kg.TermQuad, err error) {
	if q.S, err = restoreTerm(t.Subj, prefix); err != nil {
		return q, err
	}
	q.P = kg.NewIRI(t.Pred.String())
	if t.Obj.Type() == knakk.TermIRI && t.Obj.String() == standIn && len(f.odd) > 0 {
		q.O = prefixed(f.odd[0], prefix)
		f.odd = f.odd[1:]
		return q, nil
	}
	q.O, err = restoreTerm(t.Obj, prefix)
	return q, err
}

// prefixed puts the prefix before the blank node labels in a term.
func prefixed(t kg.Term, prefix string) kg.Term {
	switch t.Kind {
	case kg.Blank:
		t.Value = prefix + t.Value
	case kg.Triple:
		t = kg.NewTriple(prefixed(t.Spo[0], prefix), t.Spo[1], prefixed(t.Spo[2], prefix))
	}
	return t
}

func restoreTerm(t knakk.Term, prefix string) (kg.Term, error) {
	switch t := t.(type) {
	case knakk.IRI:
		if s, ok := strings.CutPrefix(t.String(), iriMark); ok {
			return kg.NewIRI(s), nil
		}
	case knakk.Blank:
		return kg.NewBlank(prefix + t.String()), nil
	case knakk.Literal:
		s, ok := strings.CutPrefix(t.String(), textMark)
		if !ok {
			break
		}
		if lang := t.Lang(); lang != "" {
			return kg.NewLang(s, lang), nil
		}
		if dt, ok := strings.CutPrefix(t.DataType.String(), iriMark); ok {
			return kg.NewTyped(s, dt), nil
		}
	}
	return kg.Term{}, errPlain
}
