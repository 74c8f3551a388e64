// Package doc reads source documents from a store: what is known about each,
// the bytes of its file, its text as a tree of sections, paragraphs, sentences
// and tables, and spans of bytes that still say what they said when they were
// cited.
//
// Documents are described by statements (docs/format/facts.md); their bytes
// and trees are kept beside the quads (kg.BlobReader).
package doc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
)

// Vocabulary of documents. fact.NS is the same name space.
const (
	NS   = "urn:quaestor:fin:"
	Base = "urn:quaestor:doc:" // IRIs of documents begin with it

	Class        = NS + "Document"
	PName        = NS + "name"         // of the file, without folder and extension
	PMediaType   = NS + "mediaType"    //
	PSHA256      = NS + "sha256"       // of the file's bytes, hexadecimal
	PBytes       = NS + "bytes"        // size of the file
	PSource      = NS + "source"       // path or address it was read from
	PPartOf      = NS + "partOf"       // document -> main document of its filing
	PTitle       = NS + "title"        //
	PForm        = NS + "form"         // 10-K, 10-Q, 10-K/A ...
	PPeriodEnd   = NS + "periodEnd"    // of the report
	PFiscalYear  = NS + "fiscalYear"   // as the company names it
	PFiscalPart  = NS + "fiscalPeriod" // FY, Q1, Q2, Q3, Q4
	PFiled       = NS + "filed"        // date of filing
	PAccession   = NS + "accession"    // number of the SEC
	PAmends      = NS + "amends"       // form it amends
	PPages       = NS + "pages"        // how many
	PCompany     = NS + "company"      // who filed it
	PRun         = NS + "run"          // ingestion that brought it
	PLoaded      = NS + "loaded"       // when
	PLanguage    = NS + "language"     //
	PDocumentSet = NS + "includes"     // main document -> other document of its filing
)

// Document is what is known about one file. Dates are ISO 8601, empty if not
// known.
type Document struct {
	ID         string // IRI
	Graph      string // IRI of the graph that holds its statements: its filing's main document
	Name       string
	MediaType  string
	SHA256     string
	Bytes      int64
	Source     string
	Title      string
	Form       string
	Accession  string
	Company    string // IRI
	PeriodEnd  string
	FiscalYear int // 0 if not known
	FiscalPart string
	Filed      string
	Amends     string
	Pages      int
	Run        string // IRI
	Loaded     string
}

// Main reports whether the document is the main one of its filing, whose
// graph holds the statements of all.
func (d *Document) Main() bool { return d.ID == d.Graph }

// Quads yields the statements that describe the document.
func (d *Document) Quads(yield func(kg.TermQuad) bool) {
	s, g := kg.NewIRI(d.ID), kg.NewIRI(d.Graph)
	on := true
	add := func(p string, o kg.Term) {
		if on && o.Value != "" {
			on = yield(kg.TermQuad{S: s, P: kg.NewIRI(p), O: o, G: g})
		}
	}
	iri := func(v string) kg.Term { return kg.NewIRI(v) }
	date := func(v string) kg.Term { return kg.NewTyped(v, kg.XSD+"date") }
	count := func(n int64) kg.Term {
		if n == 0 {
			return kg.Term{}
		}
		return kg.NewTyped(strconv.FormatInt(n, 10), kg.XSD+"integer")
	}
	add(kg.RDFType, iri(Class))
	add(PName, kg.NewString(d.Name))
	add(kg.RDFSLabel, kg.NewString(d.label()))
	add(PMediaType, kg.NewString(d.MediaType))
	add(PSHA256, kg.NewString(d.SHA256))
	add(PBytes, kg.NewTyped(strconv.FormatInt(d.Bytes, 10), kg.XSD+"integer"))
	add(PSource, kg.NewString(d.Source))
	add(PTitle, kg.NewString(d.Title))
	add(PForm, kg.NewString(d.Form))
	add(PAccession, kg.NewString(d.Accession))
	add(PCompany, iri(d.Company))
	add(PPeriodEnd, date(d.PeriodEnd))
	add(PFiscalYear, count(int64(d.FiscalYear)))
	add(PFiscalPart, kg.NewString(d.FiscalPart))
	add(PFiled, date(d.Filed))
	add(PAmends, kg.NewString(d.Amends))
	add(PPages, count(int64(d.Pages)))
	add(PRun, iri(d.Run))
	if d.Loaded != "" {
		add(PLoaded, kg.NewTyped(d.Loaded, kg.XSD+"dateTime"))
	}
	if !d.Main() {
		add(PPartOf, iri(d.Graph))
		if on {
			on = yield(kg.TermQuad{S: g, P: kg.NewIRI(PDocumentSet), O: s, G: g})
		}
	}
}

// label is what people call the document.
func (d *Document) label() string {
	switch {
	case d.Title != "":
		return d.Title
	case d.Form != "":
		return d.Form + " " + d.Name
	}
	return d.Name
}

// List returns all documents of a snapshot, in the order of their ids.
func List(ctx context.Context, s kg.Snapshot) ([]Document, error) {
	class, typ, err := known(s, Class, kg.RDFType)
	if err != nil || class == 0 {
		return nil, err
	}
	p := kg.Pattern{P: typ, O: class}
	c := s.Scan(ctx, p, kg.POS)
	defer c.Close()
	var list []Document
	for c.Next() {
		d, err := read(ctx, s, c.Quad().S, c.Quad().G)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, c.Err()
}

// known looks two IRIs up; zero if the snapshot lacks one.
func known(s kg.Snapshot, a, b string) (x, y kg.ID, err error) {
	x, ok, err := s.Lookup(kg.NewIRI(a))
	if err != nil || !ok {
		return 0, 0, err
	}
	y, ok, err = s.Lookup(kg.NewIRI(b))
	if err != nil || !ok {
		return 0, 0, err
	}
	return x, y, nil
}

// ErrUnknown: the snapshot holds no such document.
var ErrUnknown = errors.New("no such document")

// Get returns one document.
func Get(ctx context.Context, s kg.Snapshot, iri string) (Document, error) {
	id, typ, err := known(s, iri, kg.RDFType)
	if err != nil {
		return Document{}, err
	}
	class, _, err := s.Lookup(kg.NewIRI(Class))
	if err != nil {
		return Document{}, err
	}
	if id != 0 && class != 0 {
		c := s.Scan(ctx, kg.Pattern{S: id, P: typ, O: class}, kg.SPO)
		defer c.Close()
		if c.Next() {
			return read(ctx, s, id, c.Quad().G)
		}
		if c.Err() != nil {
			return Document{}, c.Err()
		}
	}
	return Document{}, fmt.Errorf("%w: %s; list the documents of the store to see their ids", ErrUnknown, iri)
}

func read(ctx context.Context, s kg.Snapshot, id, graph kg.ID) (Document, error) {
	var d Document
	var names [2]kg.Term
	if err := kg.Terms(s, []kg.ID{id, graph}, names[:]); err != nil {
		return d, err
	}
	d.ID, d.Graph = names[0].Value, names[1].Value
	c := s.Scan(ctx, kg.Pattern{S: id, G: graph}, kg.SPO)
	defer c.Close()
	for c.Next() {
		var t [2]kg.Term
		if err := kg.Terms(s, []kg.ID{c.Quad().P, c.Quad().O}, t[:]); err != nil {
			return d, err
		}
		v := t[1].Value
		switch t[0].Value {
		case PName:
			d.Name = v
		case PMediaType:
			d.MediaType = v
		case PSHA256:
			d.SHA256 = v
		case PBytes:
			d.Bytes, _ = strconv.ParseInt(v, 10, 64)
		case PSource:
			d.Source = v
		case PTitle:
			d.Title = v
		case PForm:
			d.Form = v
		case PAccession:
			d.Accession = v
		case PCompany:
			d.Company = v
		case PPeriodEnd:
			d.PeriodEnd = v
		case PFiscalYear:
			d.FiscalYear, _ = strconv.Atoi(v)
		case PFiscalPart:
			d.FiscalPart = v
		case PFiled:
			d.Filed = v
		case PAmends:
			d.Amends = v
		case PPages:
			d.Pages, _ = strconv.Atoi(v)
		case PRun:
			d.Run = v
		case PLoaded:
			d.Loaded = v
		}
	}
	return d, c.Err()
}

// Content is a document with its bytes and its tree.
type Content struct {
	Document
	File []byte
	Tree *Tree
}

// BytesName and TreeName name the blobs of the document whose file has the
// SHA-256 (hexadecimal).
func BytesName(sha256 string) string { return "doc/" + sha256 }

// TreeName is the name of the blob that holds the tree.
func TreeName(sha256 string) string { return "tree/" + sha256 }

// ErrBytes: a document's bytes are not what its statements say they are.
var ErrBytes = errors.New("the bytes of the document are not those it was loaded with")

// Open returns a document with its bytes, whose hash it verifies, and its
// tree. kg.ErrNoBlob: the bytes are not in the store.
func Open(ctx context.Context, s kg.Snapshot, iri string) (*Content, error) {
	d, err := Get(ctx, s, iri)
	if err != nil {
		return nil, err
	}
	return d.Open(s)
}

// Open is like the function Open, for a document that has been read.
func (d Document) Open(s kg.Snapshot) (*Content, error) {
	b, ok := s.(kg.BlobReader)
	if !ok {
		return nil, fmt.Errorf("document %s: %w: this kind of store keeps none", d.ID, kg.ErrNoBlob)
	}
	file, err := b.Blob(BytesName(d.SHA256))
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", d.ID, err)
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != d.SHA256 {
		return nil, fmt.Errorf("document %s: %w: forget it and ingest it again", d.ID, ErrBytes)
	}
	t, err := d.OpenTree(s)
	if err != nil {
		return nil, err
	}
	return &Content{Document: d, File: file, Tree: t}, nil
}

// OpenTree returns the tree of a document alone.
func (d Document) OpenTree(s kg.Snapshot) (*Tree, error) {
	b, ok := s.(kg.BlobReader)
	if !ok {
		return nil, fmt.Errorf("document %s: %w: this kind of store keeps none", d.ID, kg.ErrNoBlob)
	}
	raw, err := b.Blob(TreeName(d.SHA256))
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", d.ID, err)
	}
	t, err := Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", d.ID, err)
	}
	return t, nil
}

// State tells whether a span still reads as it did.
type State string

// States of a span.
const (
	Unchanged State = "unchanged"
	Changed   State = "changed" // other bytes stand there now
)

// Quote is a span as a reader sees it.
type Quote struct {
	Span   Span
	Bytes  string // as they stand in the file
	Text   string // without markup
	Before string // text before and after it, on word boundaries
	After  string
	SHA256 string // of the bytes, whole
	State  State
}

// Quote reads a span and verifies its hash. context is how much text before
// and after it, in bytes.
func (c *Content) Quote(s Span, context int) (Quote, error) {
	if s.Start < 0 || s.End < s.Start || s.End > int64(len(c.File)) {
		return Quote{}, fmt.Errorf("document %s has %d bytes: there is no span %d-%d", c.ID, len(c.File), s.Start, s.End)
	}
	raw := c.File[s.Start:s.End]
	sum := sha256.Sum256(raw)
	q := Quote{Span: s, Bytes: string(raw), SHA256: hex.EncodeToString(sum[:]), State: Unchanged}
	if !strings.HasPrefix(q.SHA256, s.Hash) {
		q.State = Changed
	}
	from, to := c.Tree.TextRange(s.Start, s.End)
	text := c.Tree.Text
	q.Text = text[from:to]
	a, b := max(0, from-context), min(len(text), to+context)
	for a > 0 && a < from && text[a-1] != ' ' && text[a-1] != '\n' {
		a++
	}
	for b < len(text) && b > to && text[b] != ' ' && text[b] != '\n' {
		b--
	}
	q.Before, q.After = text[a:from], text[to:b]
	return q, nil
}

// Span returns the span of a range of the document's text.
func (c *Content) Span(from, to int) Span {
	start, end := c.Tree.Bytes(from, to)
	return Span{Doc: c.ID, Start: start, End: end, Page: c.Tree.Page(from), Hash: Hash(c.File[start:end])}
}
