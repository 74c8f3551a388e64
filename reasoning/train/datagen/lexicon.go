package datagen

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed lexicon.txt
var lexiconText string

// class is a kind of thing an invented graph can hold.
type class struct{ one, many, kind string }

// relation is an edge an invented graph can have, with what people call it.
// In the phrases @ is the other end and # the plural of the subjects.
type relation struct {
	names                  []string
	subjects, objects      []string // classes or kinds
	fwd, fwdQ, phrase, inv []string
}

// attribute is a number or a date things can have.
type attribute struct {
	names    []string
	subjects []string
	unit     string
	lo, hi   float64
	how      []string // questions for the value
	most     []string // adjectives for the greatest; of a date: participles
	least    []string
	date     bool
}

type lexicon struct {
	classes    []class
	byName     map[string]int
	relations  []relation
	attributes []attribute
}

// theLexicon parses the embedded file once. A fault in it is a fault of the
// program, and a test reads it.
var theLexicon = sync.OnceValues(func() (*lexicon, error) { return parseLexicon(lexiconText) })

func parseLexicon(text string) (*lexicon, error) {
	lx := &lexicon{byName: map[string]int{}}
	list := func(s string) []string {
		var out []string
		for p := range strings.SplitSeq(s, ";") {
			if p = strings.TrimSpace(p); p != "" {
				out = append(out, p)
			}
		}
		return out
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if len(line) < 3 || line[1] != ' ' {
			return nil, fmt.Errorf("lexicon: line %d: a line begins with C, R, A or D and a space", n)
		}
		f := strings.Split(line[2:], "|")
		want := map[byte]int{'C': 2, 'R': 7, 'A': 7, 'D': 4}[line[0]]
		if len(f) != want {
			return nil, fmt.Errorf("lexicon: line %d: %d fields between bars, want %d", n, len(f), want)
		}
		switch line[0] {
		case 'C':
			c := list(f[0])
			if len(c) != 2 {
				return nil, fmt.Errorf("lexicon: line %d: a class needs singular ; plural", n)
			}
			if _, dup := lx.byName[c[0]]; !dup {
				lx.byName[c[0]] = len(lx.classes)
				lx.classes = append(lx.classes, class{c[0], c[1], strings.TrimSpace(f[1])})
			}
		case 'R':
			lx.relations = append(lx.relations, relation{
				names: list(f[0]), subjects: strings.Fields(f[1]), objects: strings.Fields(f[2]),
				fwd: list(f[3]), fwdQ: list(f[4]), phrase: list(f[5]), inv: list(f[6]),
			})
		case 'A':
			lo, hi, ok := strings.Cut(strings.TrimSpace(f[3]), " ")
			a := attribute{
				names: list(f[0]), subjects: strings.Fields(f[1]), unit: strings.TrimSpace(f[2]),
				how: list(f[4]), most: list(f[5]), least: list(f[6]),
			}
			var err1, err2 error
			a.lo, err1 = strconv.ParseFloat(lo, 64)
			a.hi, err2 = strconv.ParseFloat(hi, 64)
			if !ok || err1 != nil || err2 != nil || a.lo >= a.hi {
				return nil, fmt.Errorf("lexicon: line %d: %q is no range of numbers", n, f[3])
			}
			lx.attributes = append(lx.attributes, a)
		case 'D':
			lx.attributes = append(lx.attributes, attribute{
				names: list(f[0]), subjects: strings.Fields(f[1]), how: list(f[2]), most: list(f[3]),
				lo: 1900, hi: 2024, date: true,
			})
		}
	}
	// Words for classes that stand for nothing are dropped; a relation needs one
	// of each side.
	clean := func(words []string) []string {
		var out []string
		for _, w := range words {
			if len(lx.pick(w)) > 0 {
				out = append(out, w)
			}
		}
		return out
	}
	for i := range lx.relations {
		r := &lx.relations[i]
		r.subjects, r.objects = clean(r.subjects), clean(r.objects)
		if len(r.subjects) == 0 || len(r.objects) == 0 || len(r.fwd) == 0 || len(r.fwdQ) == 0 || len(r.phrase) == 0 || len(r.inv) == 0 {
			return nil, fmt.Errorf("lexicon: relation %q lacks classes or phrases", r.names[0])
		}
	}
	for i := range lx.attributes {
		a := &lx.attributes[i]
		if a.subjects = clean(a.subjects); len(a.subjects) == 0 || len(a.names) == 0 {
			return nil, fmt.Errorf("lexicon: attribute %v has no class", a.names)
		}
	}
	return lx, nil
}

// pick returns the classes a word of the lexicon stands for: one class, or all
// of a kind.
func (lx *lexicon) pick(word string) []int {
	if i, ok := lx.byName[word]; ok {
		return []int{i}
	}
	var out []int
	for i, c := range lx.classes {
		if c.kind == word {
			out = append(out, i)
		}
	}
	return out
}
