package rdf

import (
	"bufio"
	"fmt"
	"io"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// Writer writes statements in one format as they come. It is not safe for
// concurrent use. Errors are sticky.
type Writer struct {
	w      *bufio.Writer
	format Format
	enc    encoder
	buf    []byte
	q      kg.TermQuad // the statement in work: here it need not escape to the heap
	err    error
}

// encoder appends the text of a statement to b.
type encoder interface {
	begin(b []byte) []byte
	quad(b []byte, q *kg.TermQuad) ([]byte, error)
	end(b []byte) []byte
}

// NewWriter returns a Writer. Prefixes (from prefix, without its colon, to
// IRI) are used by Turtle, TriG and RDF/XML; nil is fine. Statements of named
// graphs can be written as N-Quads and TriG only; for the other formats clear
// the graph first.
func NewWriter(w io.Writer, f Format, prefixes map[string]string) *Writer {
	x := &Writer{w: bufio.NewWriterSize(w, 64<<10), format: f}
	var n *names
	if f > NQuads {
		if n, x.err = newNames(prefixes); x.err != nil {
			return x
		}
	}
	switch f {
	case NTriples, NQuads:
		x.enc = lines{}
	case Turtle, TriG:
		x.enc = &sentences{names: n}
	case RDFXML:
		x.enc = &elements{names: n}
	default:
		x.err = fmt.Errorf("rdf: cannot write format %s; name one of %v", f, Formats())
		return x
	}
	x.buf = x.enc.begin(x.buf)
	return x
}

// Write writes one statement.
func (x *Writer) Write(q kg.TermQuad) error {
	if x.err != nil {
		return x.err
	}
	x.q = q
	if x.err = x.check(&x.q); x.err != nil {
		return x.err
	}
	b, err := x.enc.quad(x.buf, &x.q)
	if err != nil {
		x.err = err
		return err
	}
	_, x.err = x.w.Write(b)
	x.buf = b[:0]
	return x.err
}

// check refuses what is no statement: it would not read back.
func (x *Writer) check(q *kg.TermQuad) error {
	bad := func(what string, t kg.Term) error {
		return fmt.Errorf("rdf: cannot write %s as %s of a statement", t, what)
	}
	switch {
	case q.S.Kind != kg.IRI && q.S.Kind != kg.Blank:
		return bad("subject", q.S)
	case q.P.Kind != kg.IRI:
		return bad("predicate", q.P)
	case q.O.Kind == kg.None:
		return bad("object", q.O)
	case q.G.Kind != kg.None && !x.format.Quads():
		return fmt.Errorf("rdf: %s holds no named graphs; write graph %s as N-Quads or TriG, or clear it", x.format, q.G)
	case q.G.Kind == kg.Literal || q.G.Kind == kg.Triple:
		return bad("graph", q.G)
	}
	for _, t := range [...]*kg.Term{&q.S, &q.O, &q.G} {
		if err := checkTerm(t); err != nil {
			return err
		}
	}
	return nil
}

// checkTerm refuses terms whose text would mean something else.
func checkTerm(t *kg.Term) error {
	switch t.Kind {
	case kg.Blank:
		if scan.LabelLen(t.Value) != len(t.Value) || t.Value == "" {
			return fmt.Errorf("rdf: %q cannot be the label of a blank node", t.Value)
		}
	case kg.Triple:
		if s := t.Spo[0].Kind; s != kg.IRI && s != kg.Blank || t.Spo[1].Kind != kg.IRI || t.Spo[2].Kind == kg.None {
			return fmt.Errorf("rdf: %s is no triple term; its subject must be an IRI or blank node, its predicate an IRI", t)
		}
		for i := range t.Spo {
			if err := checkTerm(&t.Spo[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush ends open sentences and writes what is buffered, so that the output
// so far is a complete document. Writing may go on afterwards, except for
// RDF/XML.
func (x *Writer) Flush() error {
	if x.err != nil {
		return x.err
	}
	if _, x.err = x.w.Write(x.enc.end(x.buf)); x.err != nil {
		return x.err
	}
	x.buf = x.buf[:0]
	x.err = x.w.Flush()
	return x.err
}

// lines writes N-Triples and N-Quads in their canonical form (RDF 1.2
// N-Triples, section 4).
type lines struct{}

func (lines) begin(b []byte) []byte { return b }

func (lines) quad(b []byte, q *kg.TermQuad) ([]byte, error) {
	b = append(appendTerm(b, &q.S), ' ')
	b = append(appendTerm(b, &q.P), ' ')
	b = append(appendTerm(b, &q.O), ' ')
	if q.G.Kind != kg.None {
		b = append(appendTerm(b, &q.G), ' ')
	}
	return append(b, ".\n"...), nil
}

func (lines) end(b []byte) []byte { return b }

// appendTerm appends a term in canonical N-Triples.
func appendTerm(b []byte, t *kg.Term) []byte {
	switch t.Kind {
	case kg.Literal:
		b = append(b, '"')
		b = scan.AppendString(b, t.Value)
		b = append(b, '"')
		switch {
		case t.Lang != "":
			b = append(append(b, '@'), t.Lang...)
			if t.Dir != "" {
				b = append(append(b, '-', '-'), t.Dir...)
			}
		case t.Datatype != kg.XSDString && t.Datatype != "":
			b = append(b, "^^<"...)
			b = append(scan.AppendIRI(b, t.Datatype), '>')
		}
		return b
	case kg.IRI:
		b = append(b, '<')
		return append(scan.AppendIRI(b, t.Value), '>')
	case kg.Triple:
		b = append(b, "<<( "...)
		for i := range t.Spo {
			b = append(appendTerm(b, &t.Spo[i]), ' ')
		}
		return append(b, ")>>"...)
	}
	return t.AppendNT(b)
}
