package pipeline

import (
	"errors"
	"testing"
)

func TestPipelineText(t *testing.T) {
	for _, text := range []string{
		"[1] > starred actors < starred actors > directed by",
		"[1] < producer",
		"[2] < plays position | > plays for country [1]",
		"{train} min top speed > operated by",
		"[2] > publisher = [1]",
		"{package} where release date = 1995 count",
		"{city} ! > capital of",
		"{city} ! > capital of [] > in state",
		"{city} ! > capital of < x [some where] > in state",
		"{train} max #3 top speed > operated by",
		"{train} min @2 top speed",
		"{train} # max < runs",
		"{train} # min #2 > operated by {company} > runs",
		"{train} # >= 2 > operated by",
		"{train} # = 0 > operated by {company} : train",
		"{train} @ > operated by < runs",
		"[1] ~ [2] max top speed",
		"[1] < runs ~ > operated by > runs [2] count",
		"[1] >> part of << part of",
		"{train} where top speed >= 12.5 where first <= 2014-03-05",
		"{train} where first = 2014-03 where top speed > [#7]",
		"[1] - top speed [2]",
		"{train} , > operated by , < runs",
		"{train} ; > operated by count",
		"{train} ; < runs avg top speed",
		"{train} ( top speed / page_count )",
		"{train} ( max - min )",
		"[nora ephron] < written by : film max page_count sum max",
		"[#2] > count_where",
		"{a b} where x < -3.50 avg count",
	} {
		p, err := Parse(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.String() != text {
			t.Errorf("%q printed as %q", text, p)
		}
	}
	for _, text := range []string{
		"", "x", "[", "[]", "[a", "{}", "[a] ", "[a]> r", "[a] >", "[a] > ", "[a] |", "[a] | > r", "[a] ! [b]", "[a] where r", "[a] where r > x",
		"[a] count > r", "[a] = ", "[a] = [b] count", "[0] > r", "[a] max", "[a] > r []", "[a]  > r", "[a] > r  > s", "[a] sum", "[a] | > r []",
		"{a} max #1 r", "{a} max #100 r", "{a} max #02 r", "{a} max # r", "{a} # max r", "{a} # > -1 > r", "{a} # > 2.5 > r", "{a} # > 1 > r {}", "{a} @ > r",
		"{a} ~ > r", "{a} >> ", "{a} where r >= [", "{a} where r = 2014-13-01", "{a} - r", "{a} ,", "{a} , > r ,", "{a} ; > r", "{a} ; > r mode", "{a} ; > r sum",
		"{a} ( r - s", "{a} ( r + s )", "{a} ( r - s ) count", "{a} , > r , > r , > r , > r",
	} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%q was accepted as %q", text, p)
		} else if pe := (*ParseError)(nil); !errors.As(err, &pe) || pe.Offset > len(text) {
			t.Errorf("%q: error %v has no place", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"[1] > a < b count", "{c} ! > r [] > s = [#1]", "[a] where r > 5 max x", "[a] | > r < s [b] : c avg d", "[é 大] > _max", "{c} # max #2 < r {d} @ > r < s ~ > r [x] ; > r avg s", "{c} where r >= 2014-03-05 ( a - b )", "[a] ~ [b] >> r , > r , < s", "[a] - r [b]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Parse(s)
		if err != nil {
			return
		}
		q, err := Parse(p.String())
		if err != nil {
			t.Fatalf("%q printed as %q: %v", s, p, err)
		}
		if q.String() != p.String() {
			t.Fatalf("%q -> %q -> %q", s, p, q)
		}
	})
}

func TestBindNumber(t *testing.T) {
	p, err := Parse("[1] > r | < s [2] = [1]")
	if err != nil {
		t.Fatal(err)
	}
	refs := []string{"ann", "bob"}
	q, err := p.Bind(refs)
	if err != nil || q.String() != "[ann] > r | < s [bob] = [ann]" {
		t.Fatal(q, err)
	}
	if back := q.Number(refs); back.String() != p.String() {
		t.Fatal(back)
	}
	if _, err := p.Bind(refs[:1]); err == nil {
		t.Fatal("mention 2 was bound to nothing")
	}
}
