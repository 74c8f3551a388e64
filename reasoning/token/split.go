package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Split is the way a tokenizer cuts text before merging.
type Split string

// The known ways, by the names they have in GGUF files.
const (
	GPT2   Split = "gpt-2"
	SmolLM Split = "smollm"    // GPT2 after isolating every digit
	Llama3 Split = "llama-bpe" // digits in threes, words after any sign
	Qwen2  Split = "qwen2"     // Llama3 with single digits
)

// next returns the length of the first piece of s, which is not empty and
// valid UTF-8.
func (p Split) next(s string) int {
	switch p {
	case SmolLM:
		if r, n := utf8.DecodeRuneInString(s); unicode.IsNumber(r) {
			return n
		}
		// The pattern sees only what stands before the next digit: this is
		// why "x  2" has one token for its two spaces.
		return nextGPT2(s, true)
	case Llama3:
		return nextLlama3(s, 3)
	case Qwen2:
		return nextLlama3(s, 1)
	}
	return nextGPT2(s, false)
}

func letter(r rune) bool { return unicode.IsLetter(r) }
func number(r rune) bool { return unicode.IsNumber(r) }
func sign(r rune) bool   { return !unicode.IsSpace(r) && !letter(r) && !number(r) }

// run returns the length of the longest prefix of s whose runes are all in set.
func run(s string, set func(rune) bool) int {
	for i, r := range s {
		if !set(r) {
			return i
		}
	}
	return len(s)
}

// contraction returns the length of 's 't 're 've 'm 'll 'd at the start of s.
func contraction(s string) int {
	if len(s) >= 2 && s[0] == '\'' {
		switch s[1] {
		case 's', 't', 'm', 'd':
			return 2
		case 'r', 'v':
			if len(s) >= 3 && s[2] == 'e' {
				return 3
			}
		case 'l':
			if len(s) >= 3 && s[2] == 'l' {
				return 3
			}
		}
	}
	return 0
}

// nextGPT2 matches, in this order:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// With digits set, a number ends the text.
func nextGPT2(s string, digits bool) int {
	if n := contraction(s); n > 0 {
		return n
	}
	skip := 0
	if s[0] == ' ' && len(s) > 1 {
		skip = 1
	}
	r, _ := utf8.DecodeRuneInString(s[skip:])
	switch {
	case letter(r):
		return skip + run(s[skip:], letter)
	case number(r):
		if !digits {
			return skip + run(s[skip:], number)
		}
	case sign(r):
		return skip + run(s[skip:], sign)
	}
	return spaces(s, digits)
}

// spaces matches \s+(?!\S)|\s+ : a run of white space, but the last of it is
// left to the word that follows.
func spaces(s string, digits bool) int {
	n := run(s, unicode.IsSpace)
	if n == len(s) {
		return n
	}
	if r, _ := utf8.DecodeRuneInString(s[n:]); digits && number(r) {
		return n
	}
	if _, last := utf8.DecodeLastRuneInString(s[:n]); last < n {
		n -= last
	}
	return n
}

// nextLlama3 matches, in this order:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
//	 ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// with as many digits as said.
func nextLlama3(s string, digits int) int {
	if s[0] == '\'' {
		if n := contraction(strings.ToLower(s[:min(3, len(s))])); n > 0 {
			return n
		}
	}
	r, n := utf8.DecodeRuneInString(s)
	if letter(r) {
		return run(s, letter)
	}
	if r != '\r' && r != '\n' && !number(r) {
		if m := run(s[n:], letter); m > 0 {
			return n + m
		}
	}
	if number(r) {
		end := n
		for range digits - 1 {
			if r, m := utf8.DecodeRuneInString(s[end:]); m > 0 && number(r) {
				end += m
			} else {
				break
			}
		}
		return end
	}
	skip := 0
	if r == ' ' {
		skip = 1
	}
	if m := run(s[skip:], sign); m > 0 {
		end := skip + m
		return end + run(s[end:], func(r rune) bool { return r == '\r' || r == '\n' })
	}
	all := run(s, unicode.IsSpace)
	if at := strings.LastIndexAny(s[:all], "\r\n"); at >= 0 {
		return at + 1
	}
	return spaces(s, false)
}
