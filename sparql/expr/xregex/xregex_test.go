package xregex_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/sparql/expr/xregex"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, flags, text string
		want                 bool
	}{
		{"^a.c$", "", "abc", true},
		{"a.c", "", "a\nc", false},
		{"a.c", "s", "a\nc", true},
		{"^b", "", "a\nb", false},
		{"^b", "m", "a\nb", true},
		{"B", "i", "abc", true},
		{"a b", "x", "ab", true},
		{"[a b]", "x", " ", true},
		{"a.b", "q", "a.b", true},
		{"a.b", "q", "axb", false},
		{"A.B", "qi", "a.b", true},
		{`\d+`, "", "٣", true},
		{`^\w+$`, "", "straße", true},
		{`^\w+$`, "", "a-b", false},
		{`\i\c*`, "", "_x-1", true},
		{`^\s$`, "", "\t", true},
		{`\S`, "", " ", false},
		{`\p{Lu}`, "", "Ä", true},
		{`\P{L}`, "", "a", false},
		{`[\d\-]+`, "", "1-2", true},
		{`[^\s]`, "", " ", false},
		{`\$`, "", "$", true},
		{`(?:ab)+`, "", "abab", true},
		{`[&~]`, "", "&", true},
		{`a{2,3}`, "", "aa", true},
		{`a*?b`, "", "aab", true},
	} {
		re, err := xregex.Compile(c.pattern, c.flags)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := re.MatchString(c.text); got != c.want {
			t.Errorf("%s with %q on %q: %v", c.pattern, c.flags, c.text, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, p := range []string{"[", "(", "a)", `\`, `\Q`, `\1`, `(?i)a`, `(?P<n>a)`, "[a-z-[b]]", `\p{IsBasicLatin}`, `\p{Nope}`, "[]", "a**", `[\S]`, `\x41`, `\bword`} {
		if re, err := xregex.Compile(p, ""); err == nil {
			t.Errorf("%s became %s", p, re)
		}
	}
	if _, err := xregex.Compile("a", "g"); !errors.Is(err, xregex.ErrFlags) {
		t.Error(err)
	}
	var e *xregex.Error
	if _, err := xregex.Compile(`ab\1`, ""); !errors.As(err, &e) || e.Offset != 2 {
		t.Errorf("%v", err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`^a.c$`, `[a-z\d-]+`, `\p{L}{2,3}`, `(a|b)*?`, `\i\c*`, "[^]", `a\$b`, "(?:x)"} {
		f.Add(s, "im", "text")
	}
	f.Fuzz(func(t *testing.T, pattern, flags, text string) {
		re, err := xregex.Compile(pattern, flags)
		if err != nil {
			return
		}
		got := re.MatchString(text)
		if strings.Contains(flags, "q") && !strings.Contains(flags, "i") && got != strings.Contains(text, pattern) {
			t.Fatalf("%q literally on %q: %v", pattern, text, got)
		}
	})
}
