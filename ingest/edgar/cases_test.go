package edgar

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg/xsd"
)

type caseFile struct {
	Name  string `json:"name"`
	Text  string `json:"text"`
	B64   string `json:"bytes_b64"`
	Filed string `json:"filed"`
}

type appCase struct {
	ID    string `json:"id"`
	Group string `json:"group"`
	Input struct {
		Files []caseFile `json:"files"`
	} `json:"input"`
	Expect struct {
		Facts []struct {
			ID        string          `json:"id"`
			Concept   string          `json:"concept"`
			Value     json.RawMessage `json:"value"`
			Unit      string          `json:"unit"`
			Period    []string        `json:"period"`
			Dims      [][2]string     `json:"dims"`
			Decimals  json.RawMessage `json:"decimals"`
			Names     string          `json:"diagnostic_names"`
			Tolerated string          `json:"tolerated_with_diagnostic"`
			Never     string          `json:"never"`
			File      string          `json:"file"`
		} `json:"facts"`
		Spans json.RawMessage `json:"spans"`
	} `json:"expect"`
}

func cases(t *testing.T, group string) []appCase {
	f, err := os.Open(filepath.Join(shared.Dir(t), "cases", "app.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []appCase
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var head struct {
			Group string `json:"group"`
		}
		if err := json.Unmarshal(s.Bytes(), &head); err != nil {
			t.Fatal(err)
		}
		if head.Group != group {
			continue
		}
		var c appCase
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatalf("%v in %.200s", err, s.Bytes())
		}
		list = append(list, c)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("no cases of group %s", group)
	}
	return list
}

func TestCases(t *testing.T) {
	for _, group := range []string{"ixbrl", "finqa"} {
		for _, c := range cases(t, group) {
			t.Run(c.ID, func(t *testing.T) { runCase(t, c) })
		}
	}
}

var registrant = regexp.MustCompile(`dei:EntityRegistrantName"[^>]*>([^<]+)<`)

func runCase(t *testing.T, c appCase) {
	// Files of several registrants or days are several filings.
	var sets [][]File
	filed := map[string]int{}
	last := ""
	for _, f := range c.Input.Files {
		body := []byte(f.Text)
		if f.B64 != "" {
			var err error
			if body, err = base64.StdEncoding.DecodeString(f.B64); err != nil {
				t.Fatal(err)
			}
		}
		key := f.Filed
		if m := registrant.FindSubmatch(body); m != nil {
			key += string(m[1])
		} else if len(sets) > 0 {
			key = last // an exhibit goes with the page before it
		}
		last = key
		at, ok := filed[key]
		if !ok {
			at = len(sets)
			filed[key] = at
			sets = append(sets, nil)
		}
		sets[at] = append(sets[at], File{Name: f.Name, Body: body})
	}
	facts := map[string][]Line{}
	var remarks []string
	spans := map[string]int{}
	for _, set := range sets {
		f, err := Read(context.Background(), set)
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Facts {
			l := f.Line(&f.Facts[i])
			facts[l.ID] = append(facts[l.ID], l)
			spans[l.ID] = len(f.Facts[i].Spans)
			for _, s := range f.Facts[i].Spans {
				if b := f.Files[s.File].Body; s.Start < 0 || s.End < s.Start || s.End > int64(len(b)) {
					t.Errorf("%s: span %d-%d of %d bytes", l.ID, s.Start, s.End, len(b))
				}
			}
		}
		for _, p := range f.Problems {
			remarks = append(remarks, p.String())
		}
	}
	for _, w := range c.Expect.Facts {
		if w.ID == "" {
			continue
		}
		list := facts[w.ID]
		i := slices.IndexFunc(list, func(l Line) bool { return w.File == "" || l.File == w.File })
		if i < 0 {
			t.Errorf("%s: no such fact", w.ID)
			continue
		}
		l := list[i]
		value := ""
		switch v := l.Value.(type) {
		case json.Number:
			value = v.String()
		case string:
			value = v
		}
		named := slices.ContainsFunc(remarks, func(r string) bool { return strings.Contains(r, w.ID) })
		if w.Names != "" && !named {
			t.Errorf("%s: no remark names it: %q", w.ID, remarks)
		}
		if string(w.Value) == "null" {
			if l.Value != nil && !(w.Tolerated != "" && named && equal(value, w.Tolerated)) {
				t.Errorf("%s: value %v, want none", w.ID, l.Value)
			}
		} else if w.Value != nil {
			var want string
			if json.Unmarshal(w.Value, &want) != nil {
				want = string(w.Value)
			}
			if !equal(value, want) {
				t.Errorf("%s: value %q, want %q", w.ID, value, want)
			}
		}
		if w.Never != "" && equal(value, w.Never) {
			t.Errorf("%s: value %q, never to be given", w.ID, value)
		}
		if w.Concept != "" && l.Concept != w.Concept {
			t.Errorf("%s: concept %s, want %s", w.ID, l.Concept, w.Concept)
		}
		if w.Unit != "" && l.Unit != w.Unit {
			t.Errorf("%s: unit %s, want %s", w.ID, l.Unit, w.Unit)
		}
		if w.Period != nil && !slices.Equal(l.Period, w.Period) {
			t.Errorf("%s: period %v, want %v", w.ID, l.Period, w.Period)
		}
		if w.Dims != nil && !slices.Equal(l.Dims, w.Dims) {
			t.Errorf("%s: dimensions %v, want %v", w.ID, l.Dims, w.Dims)
		}
		if string(w.Decimals) == "null" && l.Decimals != nil {
			t.Errorf("%s: decimals %v, want none", w.ID, *l.Decimals)
		}
	}
	var counts map[string]json.RawMessage
	if json.Unmarshal(c.Expect.Spans, &counts) == nil {
		for id, n := range counts {
			var want int
			if json.Unmarshal(n, &want) == nil && spans[id] != want {
				t.Errorf("%s: %d spans, want %d", id, spans[id], want)
			}
		}
	}
}

// equal compares decimals as decimals, texts without regard to white space.
func equal(a, b string) bool {
	x, err := xsd.ParseDecimal(a)
	y, err2 := xsd.ParseDecimal(b)
	if err == nil && err2 == nil {
		return x.Cmp(y) == 0
	}
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}
