package expr

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"math"
	"strings"
	"unicode/utf8"
)

// stringFunctions are the functions of SPARQL 1.1, section 17.4.3 and 17.4.6.
var stringFunctions = map[string]function{
	"STRLEN": func(_ *Ctx, v []Value) Value {
		if !isString(&v[0]) {
			return errValue
		}
		return integer(int64(utf8.RuneCountInString(v[0].S)))
	},
	"UCASE": mapString(strings.ToUpper),
	"LCASE": mapString(strings.ToLower),
	"ENCODE_FOR_URI": func(_ *Ctx, v []Value) Value {
		if !isString(&v[0]) {
			return errValue
		}
		return str(encodeForURI(v[0].S))
	},
	"CONTAINS":  testStrings(strings.Contains),
	"STRSTARTS": testStrings(strings.HasPrefix),
	"STRENDS":   testStrings(strings.HasSuffix),
	"STRBEFORE": func(_ *Ctx, v []Value) Value {
		if !compatible(&v[0], &v[1]) {
			return errValue
		}
		i := strings.Index(v[0].S, v[1].S)
		if i < 0 {
			return str("")
		}
		return v[0].likeString(v[0].S[:i])
	},
	"STRAFTER": func(_ *Ctx, v []Value) Value {
		if !compatible(&v[0], &v[1]) {
			return errValue
		}
		i := strings.Index(v[0].S, v[1].S)
		if i < 0 {
			return str("")
		}
		return v[0].likeString(v[0].S[i+len(v[1].S):])
	},
	"CONCAT": fnConcat,
	"SUBSTR": fnSubstr,
	"MD5":    hash(func(b []byte) []byte { h := md5.Sum(b); return h[:] }),
	"SHA1":   hash(func(b []byte) []byte { h := sha1.Sum(b); return h[:] }),
	"SHA256": hash(func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }),
	"SHA384": hash(func(b []byte) []byte { h := sha512.Sum384(b); return h[:] }),
	"SHA512": hash(func(b []byte) []byte { h := sha512.Sum512(b); return h[:] }),
}

func isString(v *Value) bool { return v.K == Str || v.K == Lang }

// compatible is argument compatibility (section 17.4.3.1.2).
func compatible(a, b *Value) bool {
	if !isString(a) || !isString(b) {
		return false
	}
	if b.K == Str {
		return true
	}
	t1, d1 := a.lang()
	t2, d2 := b.lang()
	return a.K == Lang && t1 == t2 && d1 == d2
}

func mapString(f func(string) string) function {
	return func(_ *Ctx, v []Value) Value {
		if !isString(&v[0]) {
			return errValue
		}
		return v[0].likeString(f(v[0].S))
	}
}

func testStrings(f func(a, b string) bool) function {
	return func(_ *Ctx, v []Value) Value {
		if !compatible(&v[0], &v[1]) {
			return errValue
		}
		return boolean(f(v[0].S, v[1].S))
	}
}

func hash(f func([]byte) []byte) function {
	return func(_ *Ctx, v []Value) Value {
		if v[0].K != Str {
			return errValue
		}
		return str(hex.EncodeToString(f([]byte(v[0].S))))
	}
}

// encodeForURI is F&O fn:encode-for-uri.
func encodeForURI(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

// fnConcat keeps the tag if all arguments have the same one.
func fnConcat(_ *Ctx, v []Value) Value {
	n := 0
	for i := range v {
		if !isString(&v[i]) {
			return errValue
		}
		n += len(v[i].S)
	}
	if n > maxString {
		return errValue
	}
	var b strings.Builder
	b.Grow(n)
	same := len(v) > 0 && v[0].K == Lang
	for i := range v {
		b.WriteString(v[i].S)
		if same {
			t1, d1 := v[0].lang()
			t2, d2 := v[i].lang()
			same = v[i].K == Lang && t1 == t2 && d1 == d2
		}
	}
	if same {
		return v[0].likeString(b.String())
	}
	return str(b.String())
}

// maxString bounds what one call may build: doubling a string row after row
// must not fill the memory.
const maxString = 64 << 20

// fnSubstr is F&O fn:substring: positions count characters from 1 and are
// rounded.
func fnSubstr(_ *Ctx, v []Value) Value {
	if !isString(&v[0]) {
		return errValue
	}
	from, ok := v[1].Number()
	if !ok {
		return errValue
	}
	start, end := from.Round().Float(), math.Inf(1)
	if len(v) == 3 {
		n, ok := v[2].Number()
		if !ok {
			return errValue
		}
		end = start + n.Round().Float()
	}
	s := v[0].S
	lo, hi, pos := len(s), len(s), 1.0
	for i := range s {
		if pos >= start && lo == len(s) {
			lo = i
		}
		if !(pos < end) {
			hi = i
			break
		}
		pos++
	}
	if math.IsNaN(start) || lo >= hi {
		return v[0].likeString("")
	}
	return v[0].likeString(s[lo:hi])
}
