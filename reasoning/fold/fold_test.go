package fold

import (
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"What's Amélie's  director?":  "what 's amelie 's director",
		"the films of “J.K. Rowling”": "the films of j k rowling",
		"over 62,202 kg or 3.5 %":     "over 62202 kg or 3.5 %",
		"AT&T'":                       "at&t",
		"don't":                       "don't",
		"Straße Łódź":                 "strasse lodz",
		"大红灯笼":                        "大 红 灯 笼",
		"Ćwiczenie №5":                "cwiczenie no5",
		"\x80\xff":                    "",
		"":                            "",
		"rock 'n' roll":               "rock n roll",
		"हिन्दी!":                     "हिन्दी",
		"a\nb\tc":                     "a b c",
		"Ελλάδα":                      "ελλαδα",
		"lower case already":          "lower case already",
		" lower":                      "lower",
		"two  spaces":                 "two spaces",
		"1,2,3":                       "1 2 3",
		"12,345,678":                  "12345678",
		"L'Été d’Arc's":               "l ete d arc 's",
		"l''eau":                      "l eau",
		"qu'il d'":                    "qu il d",
		"O'Brien's":                   "o'brien 's",
		"Nutt.":                       "nutt",
		"מי ביים":                     "מי ביים",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
		if got := Fold(in); Fold(got) != got {
			t.Errorf("Fold(%q) is not stable: %q -> %q", in, got, Fold(got))
		}
	}
	for _, in := range []string{"Amélie's film", "¿Dónde está  Zürich?", "x 大红", "'l’eau’", "d''Arc's"} {
		for _, w := range Words(in) {
			if Fold(in[w.From:w.To]) != w.Text {
				t.Errorf("%q: word %q has bytes %q", in, w.Text, in[w.From:w.To])
			}
		}
	}
}

func TestSchemaName(t *testing.T) {
	for in, want := range map[string]string{
		"starred_actors": "starred actors", "birthPlace": "birth place", "film.performance.character": "film performance character",
		"pageCount": "page_count", "max speed": "max speed", "where max": "where_max", "HTTPServer": "http server", "P31": "p31", "(as": "as", "is/in": "is in",
		"ISBN13": "isbn13", "where": "where",
	} {
		if got := SchemaName(in); got != want {
			t.Errorf("SchemaName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestShorter(t *testing.T) {
	for in, want := range map[string]string{
		"Heat (film)": "Heat", "Brightwater plc": "Brightwater", "Acme, Inc.": "Acme", "Foo S.A.": "Foo", "Limited": "", "The Limited": "The", "(x)": "", "Plain Name": "",
	} {
		if got := strings.Join(Shorter(in), "|"); got != want {
			t.Errorf("Shorter(%q) = %q, want %q", in, got, want)
		}
	}
}
