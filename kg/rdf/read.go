package rdf

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"runtime"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/nt"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/rdfxml"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
	"github.com/quaestor-kg/quaestor/kg/rdf/internal/ttl"
)

// SyntaxError is a fault of a document: File, Line (from 1), Col (from 1, in
// characters), Offset (from 0, in bytes of the decompressed document), Msg and
// Remedy.
type SyntaxError = scan.Error

// Limits on single tokens of any format; longer ones are syntax errors.
const (
	MaxIRI     = scan.MaxIRI     // bytes
	MaxLiteral = scan.MaxLiteral // bytes
	MaxDepth   = scan.MaxDepth   // nested collections, property lists, triple terms
)

// ReadOptions steer Read. Only Format is required.
type ReadOptions struct {
	Format Format
	// Base resolves relative IRIs of Turtle, TriG and RDF/XML. Without one they
	// are errors.
	Base string
	// BlankPrefix goes before every blank node label. An empty one is replaced
	// by a prefix that is unique to this call of Read.
	BlankPrefix string
	// File names the document in errors; empty means r's own name, if it has
	// a method Name() string as files do.
	File string
	// Lenient goes on after a syntax error: the bad line (N-Triples, N-Quads) or
	// statement (Turtle, TriG) is skipped and reported to OnError. Of a bad
	// statement, triples before the fault may already be out. RDF/XML cannot
	// go on.
	Lenient bool
	OnError func(error)
	// OnProgress is told now and then how many bytes of the document are done.
	OnProgress func(bytes int64)
	// OnPrefix is told every prefix that Turtle, TriG or RDF/XML declares.
	OnPrefix func(prefix, iri string)
	// Workers is the number of goroutines that parse; 0 means one per CPU.
	// Formats that are not line-based use one.
	Workers int
}

// Read returns the statements of a document. A syntax error (*SyntaxError),
// an error of r or the end of ctx ends the sequence. Callbacks run on the
// goroutine that ranges. Read returns after its last call of r.Read did.
func Read(ctx context.Context, r io.Reader, o ReadOptions) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		for batch, err := range ReadBatches(ctx, r, o) {
			if err != nil {
				yield(kg.TermQuad{}, err)
				return
			}
			for i := range batch {
				if !yield(batch[i], nil) {
					return
				}
			}
		}
	}
}

// ReadBatches is Read for those who count nanoseconds: the statements come in
// slices that are reused when the next one is asked for.
func ReadBatches(ctx context.Context, r io.Reader, o ReadOptions) iter.Seq2[[]kg.TermQuad, error] {
	if o.File == "" {
		if n, ok := r.(interface{ Name() string }); ok {
			o.File = n.Name()
		}
	}
	if o.BlankPrefix == "" {
		o.BlankPrefix = uniquePrefix()
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	switch o.Format {
	case NTriples, NQuads:
		return nt.Read(ctx, r, nt.Options{
			Quads:      o.Format == NQuads,
			Prefix:     o.BlankPrefix,
			File:       o.File,
			Lenient:    o.Lenient,
			OnError:    o.OnError,
			OnProgress: o.OnProgress,
			Workers:    o.Workers,
		})
	case Turtle, TriG:
		return ttl.Read(ctx, r, ttl.Options{
			TriG:       o.Format == TriG,
			Base:       o.Base,
			Prefix:     o.BlankPrefix,
			File:       o.File,
			Lenient:    o.Lenient,
			OnError:    o.OnError,
			OnProgress: o.OnProgress,
			OnPrefix:   o.OnPrefix,
		})
	case RDFXML:
		return rdfxml.Read(ctx, r, rdfxml.Options{
			Base:       o.Base,
			Prefix:     o.BlankPrefix,
			File:       o.File,
			OnProgress: o.OnProgress,
			OnPrefix:   o.OnPrefix,
		})
	}
	return func(yield func([]kg.TermQuad, error) bool) {
		yield(nil, fmt.Errorf("rdf: cannot read %s: the format of %q is not known; name it", o.Format, o.File))
	}
}

// uniquePrefix returns a blank node prefix of 40 random bits.
func uniquePrefix() string {
	var b [5]byte
	rand.Read(b[:]) // never fails
	return "b" + hex.EncodeToString(b[:]) + "_"
}

// isStatement reports whether the line is a statement of a line-based format.
func isStatement(line []byte, f Format) bool {
	n := 0
	for batch, err := range ReadBatches(context.Background(), bytes.NewReader(line), ReadOptions{Format: f, Workers: 1}) {
		if err != nil {
			return false
		}
		n += len(batch)
	}
	return n == 1
}
