package doc

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Hidden is the page of what a document does not show, such as the facts of
// an inline XBRL header.
const Hidden = -1

// Span is a range of bytes of a document's original file.
type Span struct {
	Doc        string // IRI of the document
	Start, End int64  // bytes, End excluded
	Page       int    // index of the page from 0, or Hidden
	// Hash is the SHA-256 of the bytes, cut to 128 bits, in hexadecimal.
	Hash string
}

// Hash returns the hash that a Span of these bytes carries.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// Literal is the span without its document, as statements keep it:
// "START-END/PAGE/HASH".
func (s Span) Literal() string {
	b := strconv.AppendInt(make([]byte, 0, 64), s.Start, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.End, 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(s.Page), 10)
	b = append(b, '/')
	return string(append(b, s.Hash...))
}

// ParseSpan reads what Literal wrote.
func ParseSpan(doc, literal string) (Span, error) {
	s := Span{Doc: doc}
	where, rest, ok := strings.Cut(literal, "/")
	page, hash, ok2 := strings.Cut(rest, "/")
	start, end, ok3 := strings.Cut(where, "-")
	var err [3]error
	s.Start, err[0] = strconv.ParseInt(start, 10, 64)
	s.End, err[1] = strconv.ParseInt(end, 10, 64)
	s.Page, err[2] = strconv.Atoi(page)
	s.Hash = hash
	if !ok || !ok2 || !ok3 || err[0] != nil || err[1] != nil || err[2] != nil || s.Start < 0 || s.End < s.Start || s.Page < Hidden {
		return Span{}, fmt.Errorf("doc: span %q of %s: want START-END/PAGE/HASH", literal, doc)
	}
	return s, nil
}
