package ttl

import (
	"bytes"
	"context"
	"io"
	"unicode/utf8"
	"unsafe"

	"github.com/quaestor-kg/quaestor/kg/rdf/internal/scan"
)

// maxToken bounds how much text the source keeps for one token.
const maxToken = scan.MaxLine

// source is a sliding window over a document. Bytes before i are consumed;
// b holds whole characters of valid UTF-8 only. A token is scanned by offsets
// from i, which stay right when the window moves.
type source struct {
	ctx  context.Context
	r    io.Reader
	file string

	buf   []byte // read so far
	b     []byte // buf without an incomplete last character
	i     int
	at    scan.Place // of b[0]
	err   error      // why nothing follows b; io.EOF at the end
	begun bool

	window     int // size of buf at first
	onProgress func(int64)
}

// fill reads on. It returns false if nothing more comes.
func (s *source) fill() bool {
	if s.err != nil {
		return false
	}
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return false
	}
	if s.i > 0 {
		s.at.Skip(str(s.b[:s.i]))
		n := copy(s.buf, s.buf[s.i:])
		s.b, s.buf = s.buf[:len(s.b)-s.i], s.buf[:n]
		s.i = 0
		if s.onProgress != nil {
			s.onProgress(s.at.Offset)
		}
	}
	for range 100 {
		if len(s.buf) == cap(s.buf) {
			if len(s.buf) > maxToken {
				s.err = s.at.Error(s.file, "a token is longer than 161 MiB", "a closing quote or '>' may be missing")
				return false
			}
			s.buf = append(make([]byte, 0, max(s.window, 2*cap(s.buf))), s.buf...)
			s.b = s.buf[:len(s.b)]
		}
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if err != nil {
			s.err = err
		}
		if s.accept() {
			return true
		}
		if s.err != nil {
			return false
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// accept lets b grow over the whole valid characters of buf and reports
// whether it did.
func (s *source) accept() bool {
	old := len(s.b)
	if !s.begun {
		if bom := []byte("\xEF\xBB\xBF"); bytes.HasPrefix(s.buf, bom) {
			s.buf = s.buf[:copy(s.buf, s.buf[3:])]
			s.at.Offset = 3
		} else if len(s.buf) < 3 && s.err == nil && bytes.HasPrefix(bom, s.buf) {
			return false
		}
		s.begun = true
	}
	end := len(s.buf)
	for back := 1; back < utf8.UTFMax && back <= end-old; back++ {
		if c := s.buf[end-back]; utf8.RuneStart(c) {
			if !utf8.FullRune(s.buf[end-back:]) {
				end -= back
			}
			break
		}
	}
	if s.err != nil && s.err == io.EOF {
		end = len(s.buf)
	}
	if !utf8.Valid(s.buf[old:end]) {
		end = old
		for {
			r, n := utf8.DecodeRune(s.buf[end:])
			if r == utf8.RuneError && n <= 1 {
				break
			}
			end += n
		}
		at := s.at
		at.Skip(str(s.buf[:end]))
		s.err = at.Error(s.file, "the text is not valid UTF-8", "convert the file to UTF-8")
	}
	s.b = s.buf[:end]
	return end > old
}

// need makes n bytes available from i on and reports whether they are.
func (s *source) need(n int) bool {
	for len(s.b)-s.i < n {
		if !s.fill() {
			return false
		}
	}
	return true
}

// peek returns the byte k places from i, 0 at the end.
func (s *source) peek(k int) byte {
	if s.i+k < len(s.b) || s.need(k+1) {
		return s.b[s.i+k]
	}
	return 0
}

// rune returns the character k bytes from i and its length, 0 at the end.
func (s *source) rune(k int) (rune, int) {
	if s.i+k >= len(s.b) && !s.need(k+1) {
		return 0, 0
	}
	if c := s.b[s.i+k]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRune(s.b[s.i+k:])
}

// has reports whether the text at i starts with t.
func (s *source) has(t string) bool {
	return s.need(len(t)) && string(s.b[s.i:s.i+len(t)]) == t
}

// token returns the n bytes from i on without copying them. They are valid
// until the next fill.
func (s *source) token(n int) string { return str(s.b[s.i : s.i+n]) }

// space skips white space and comments.
func (s *source) space() {
	for {
		for s.i < len(s.b) && scan.Classes[s.b[s.i]]&scan.Space != 0 {
			s.i++
		}
		if s.i == len(s.b) {
			if !s.fill() {
				return
			}
			continue
		}
		if s.b[s.i] != '#' {
			return
		}
		for {
			n := bytes.IndexAny(s.b[s.i:], "\r\n")
			if n >= 0 {
				s.i += n
				break
			}
			s.i = len(s.b)
			if !s.fill() {
				return
			}
		}
	}
}

// str views bytes as a string.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
