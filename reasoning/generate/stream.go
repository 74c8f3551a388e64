package generate

import (
	"bytes"
	"unicode/utf8"
)

// stream turns the bytes of tokens into text that can be shown: whole
// characters only, and nothing of a stop string. Bytes that cannot become a
// character any more are shown as U+FFFD.
type stream struct {
	stops [][]byte
	held  []byte // not shown yet
}

// write adds bytes and returns what can be shown now; stopped says that a stop
// string is complete, and then the text before it is the last.
func (s *stream) write(b []byte) (text string, stopped bool) {
	s.held = append(s.held, b...)
	if at := s.stop(); at >= 0 {
		text = clean(s.held[:at])
		s.held = s.held[:0]
		return text, true
	}
	keep := max(s.begun(), unfinished(s.held))
	n := len(s.held) - keep
	text = clean(s.held[:n])
	s.held = append(s.held[:0], s.held[n:]...)
	return text, false
}

// rest returns what was held back, at the end of the text.
func (s *stream) rest() string {
	text := clean(s.held)
	s.held = s.held[:0]
	return text
}

// stop returns where the first stop string begins, -1 if there is none.
func (s *stream) stop() int {
	first := -1
	for _, x := range s.stops {
		if at := bytes.Index(s.held, x); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// begun returns how many bytes at the end may be the beginning of a stop
// string.
func (s *stream) begun() int {
	longest := 0
	for _, x := range s.stops {
		for n := min(len(x)-1, len(s.held)); n > longest; n-- {
			if bytes.HasPrefix(x, s.held[len(s.held)-n:]) {
				longest = n
				break
			}
		}
	}
	return longest
}

// unfinished returns how many bytes at the end are the beginning of a character.
func unfinished(b []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(b)); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

func clean(b []byte) string { return string(bytes.ToValidUTF8(b, []byte("\uFFFD"))) }
