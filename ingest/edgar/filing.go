// Package edgar reads filings as companies send them to the SEC: inline XBRL
// 1.1 pages, plain XBRL instances with their linkbases, full submissions of
// many documents, and old filings of text alone. It keeps every tagged fact
// with the bytes that show it, and says of each thing it could not read what
// and where it is.
package edgar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// File is one file of a filing.
type File struct {
	Name string // base name
	Type string // EX-21.1 and the like, if the submission says so
	Body []byte
	// Tree is the text. Given beforehand for a file in a format of its own, it is
	// not read again.
	Tree  *doc.Tree
	Media string // media type of such a file
}

// QName is a name in a name space. Prefix is the usual one of a standard
// taxonomy, else the file's.
type QName struct{ URI, Prefix, Local string }

// String is the name with its prefix.
func (q QName) String() string {
	if q.Prefix == "" {
		return q.Local
	}
	return q.Prefix + ":" + q.Local
}

// IRI is the name's IRI in the graph.
func (q QName) IRI() string { return fact.ConceptIRI(Space(q.URI, q.Prefix), q.Local) }

// Standard reports whether the name is of a taxonomy that many companies use.
func (q QName) Standard() bool { _, ok := standard(q.URI); return ok }

// Dim is a dimension of a context; Value is that of a typed one.
type Dim struct {
	Axis, Member QName
	Typed        bool
	Value        string
}

// MemberText is the member's name, or the value of a typed dimension.
func (d Dim) MemberText() string {
	if d.Typed {
		return d.Value
	}
	return d.Member.String()
}

// Context says what facts are about.
type Context struct {
	ID         string
	Scheme     string // of the identifier
	Identifier string // CIK of the company
	Period     fact.Period
	Dims       []Dim // sorted by axis
}

// Fact is one tagged fact.
type Fact struct {
	ID       string // of the tag; made from its place if it has none
	Concept  QName
	Context  *Context // nil if it is missing: then there is no value either
	CtxRef   string
	Unit     string // "iso4217:USD/xbrli:shares"; empty for texts
	UnitRef  string
	Numeric  bool
	Nil      bool
	Valid    bool   // Value may be asserted
	Value    string // scale and sign applied; text without markup
	Decimals string
	Scale    string // as written
	Format   string // as written
	Text     string // as shown
	File     int    // index into Filing.Files
	Tag      int64  // where the start tag begins
	Spans    []Piece
	Page     int // index, or doc.Hidden
	Row      string
	Column   string
	RowText  string // the whole row, or the sentence
	Notes    []string

	escape      bool
	continuedAt string
}

// Piece is a range of bytes of a file.
type Piece struct {
	File       int
	Start, End int64
}

// Problem is something in a filing that could not be read as it stands.
type Problem struct {
	File   string
	Offset int64  // of the tag, -1 if there is none
	What   string // names the thing and the fault
}

// String names the place and the fault.
func (p Problem) String() string {
	switch {
	case p.File == "":
		return p.What
	case p.Offset < 0:
		return p.File + ": " + p.What
	}
	return fmt.Sprintf("%s: byte %d: %s", p.File, p.Offset, p.What)
}

// Page is a readable document of a filing.
type Page struct {
	File
	Inline bool // it has tags
	Text   bool // it is plain text
}

// Filing is a set of documents that were filed as one.
type Filing struct {
	Header   Header
	Files    []Page
	Facts    []Fact
	Links    Links
	Problems []Problem
}

// Header is what the submission says of itself; dates are ISO 8601.
type Header struct {
	Accession  string
	Form       string
	Filed      string
	PeriodEnd  string
	Company    string
	CIK        string
	SIC        string
	FiscalEnd  string // --MM-DD
	FormerName []string
}

// Main is the index of the file that the filing is about: the first with
// tags, else the first.
func (f *Filing) Main() int {
	for i, p := range f.Files {
		if p.Inline && f.has(i) {
			return i
		}
	}
	return 0
}

func (f *Filing) has(file int) bool {
	return slices.ContainsFunc(f.Facts, func(x Fact) bool { return x.File == file && x.Concept.Prefix == "dei" })
}

// Dei returns the values of a concept of the document and entity information,
// those of the whole company first.
func (f *Filing) Dei(local string) []*Fact {
	var list []*Fact
	for i := range f.Facts {
		if x := &f.Facts[i]; x.Concept.Prefix == "dei" && x.Concept.Local == local && x.Valid && x.Value != "" {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(a, b *Fact) int { return cmp.Compare(len(a.Context.Dims), len(b.Context.Dims)) })
	return list
}

// DeiText returns the first value of Dei.
func (f *Filing) DeiText(local string) string {
	if l := f.Dei(local); len(l) > 0 {
		return strings.Join(strings.Fields(l[0].Value), " ")
	}
	return ""
}

func (f *Filing) problem(file string, at int64, format string, args ...any) {
	f.Problems = append(f.Problems, Problem{file, at, fmt.Sprintf(format, args...)})
}

// standard finds the usual prefix of a taxonomy's name space.
func standard(uri string) (string, bool) {
	u := strings.TrimPrefix(strings.TrimPrefix(uri, "https://"), "http://")
	host, rest, _ := strings.Cut(u, "/")
	last := ""
	for _, seg := range strings.Split(rest, "/") {
		if !dateLike(seg) && seg != "" {
			last = seg
		}
	}
	switch host {
	case "fasb.org", "xbrl.fasb.org", "xbrl.us", "xbrl.sec.gov", "xbrl.ifrs.org", "www.xbrl.org", "xbrl.org":
		if last == "instance" {
			return "xbrli", true
		}
		return last, taxonomies[last]
	}
	return "", false
}

// taxonomies are the standard ones, by their usual prefixes.
var taxonomies = map[string]bool{
	"us-gaap": true, "srt": true, "dei": true, "ecd": true, "cyd": true, "country": true, "currency": true, "exch": true, "naics": true, "sic": true,
	"stpr": true, "invest": true, "rr": true, "vip": true, "oef": true, "snj": true, "fnd": true, "cef": true, "ffd": true, "rxp": true, "spac": true,
	"ifrs-full": true, "iso4217": true, "utr": true, "us-types": true, "us-roles": true,
}

// dateLike reports whether a part of a name space is a year, a quarter or a
// date.
func dateLike(s string) bool {
	if len(s) == 6 && s[4] == 'q' {
		s = s[:4]
	}
	digits := 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '-':
		default:
			return false
		}
	}
	return digits == 4 || digits == 6 || digits == 8
}

// Space is the name space as it stands in IRIs: the usual prefix of a standard
// taxonomy, or the URI without scheme and dates.
func Space(uri, prefix string) string {
	if p, ok := standard(uri); ok {
		return p
	}
	u := uri
	if _, rest, ok := strings.Cut(uri, "://"); ok {
		u = rest
	}
	var keep []string
	for _, seg := range strings.Split(u, "/") {
		if seg != "" && !dateLike(seg) {
			keep = append(keep, seg)
		}
	}
	if len(keep) == 0 {
		keep = []string{prefix}
	}
	return escapeIRI(strings.Join(keep, "/"))
}

// escapeIRI escapes what no IRI may contain.
func escapeIRI(s string) string {
	if !strings.ContainsFunc(s, bad) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if bad(r) {
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func bad(r rune) bool { return r <= ' ' || strings.ContainsRune("<>\"{}|^`\\", r) || r == 0xfffd }
