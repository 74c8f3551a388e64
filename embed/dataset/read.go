package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// SyntaxError is a line that is not what its file should hold.
type SyntaxError struct {
	File string
	Line int
	Msg  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg) }

// Options steer Open.
type Options struct {
	// Columns is the order of columns in text files: "hrt", "rht" or "htr".
	// Empty means that the relations are the column that shares no names with
	// the other two, or hrt if that does not decide.
	Columns string
	// DropUnseen leaves out statements of valid and test whose entity or
	// relation is not in train.
	DropUnseen bool
}

// Open reads a split folder: train, valid and test as text (one statement a
// line, three columns apart by tabs), as numbers with OpenKE's dictionaries, or
// as numbers with reciprocal edges as complex-query benchmarks have them. Files
// may be compressed. A folder without a train file stands for its only
// subfolder that has one.
func Open(dir string, o Options) (*Graph, error) {
	name := filepath.Base(filepath.Clean(dir))
	if _, ok := find(dir, "train"); !ok {
		if _, ok := find(dir, "train2id"); !ok {
			sub, err := onlySplit(dir)
			if err != nil {
				return nil, err
			}
			dir = sub
		}
	}
	r := &reader{dir: dir, g: &Graph{Name: name}}
	var err error
	switch {
	case has(dir, "train2id"):
		err = r.openke()
	case has(dir, "entities") && has(dir, "relations"):
		err = r.reciprocal()
	default:
		err = r.text(o.Columns)
	}
	if err != nil {
		return nil, err
	}
	return r.g.finish(o.DropUnseen)
}

// finish tidies the splits and rejects graphs with nothing to learn.
func (g *Graph) finish(dropUnseen bool) (*Graph, error) {
	for _, s := range []struct {
		name string
		ts   *[]Triple
	}{{"train", &g.Train}, {"valid", &g.Valid}, {"test", &g.Test}} {
		seen := make(map[Triple]bool, len(*s.ts))
		kept := (*s.ts)[:0]
		for _, t := range *s.ts {
			if !seen[t] {
				seen[t] = true
				kept = append(kept, t)
			}
		}
		if n := len(*s.ts) - len(kept); n > 0 {
			g.Notes = append(g.Notes, fmt.Sprintf("%d duplicate statements of %s were left out", n, s.name))
		}
		*s.ts = kept
	}
	if len(g.Train) == 0 {
		return nil, fmt.Errorf("%s has no statements to train on", g.Name)
	}
	ents, rels := make([]bool, len(g.Entities)), make([]bool, len(g.Relations))
	for _, t := range g.Train {
		ents[t.H], ents[t.T], rels[t.R] = true, true, true
	}
	for _, s := range []struct {
		name string
		ts   *[]Triple
	}{{"valid", &g.Valid}, {"test", &g.Test}} {
		kept := (*s.ts)[:0]
		unseen := 0
		for _, t := range *s.ts {
			known := ents[t.H] && ents[t.T] && rels[t.R]
			if !known {
				unseen++
			}
			if known || !dropUnseen {
				kept = append(kept, t)
			}
		}
		if unseen > 0 {
			what := "are kept and can only be ranked by chance"
			if dropUnseen {
				what = "were left out"
			}
			g.Notes = append(g.Notes, fmt.Sprintf("%d statements of %s name something that train does not and %s", unseen, s.name, what))
		}
		*s.ts = kept
	}
	return g, nil
}

// find returns the file of a base name with any of the usual endings.
func find(dir, base string) (string, bool) {
	for _, ending := range []string{".txt", ".tsv", ""} {
		for _, pack := range []string{"", ".gz", ".zst", ".bz2"} {
			path := filepath.Join(dir, base+ending+pack)
			if st, err := os.Stat(path); err == nil && !st.IsDir() {
				return path, true
			}
		}
	}
	return "", false
}

func has(dir, base string) bool { _, ok := find(dir, base); return ok }

func onlySplit(dir string) (string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var subs []string
	for _, e := range list {
		if sub := filepath.Join(dir, e.Name()); e.IsDir() && (has(sub, "train") || has(sub, "train2id")) {
			subs = append(subs, sub)
		}
	}
	switch len(subs) {
	case 0:
		return "", fmt.Errorf("%s has no train.txt, train.tsv or train2id.txt (plain or compressed): name a folder with a split, or an RDF file with --graph", dir)
	case 1:
		return subs[0], nil
	}
	return "", fmt.Errorf("%s holds several splits: name one of %s", dir, strings.Join(subs, ", "))
}

// reader fills a graph from one folder.
type reader struct {
	dir string
	g   *Graph
}

// lines calls f with every line of a file. The last line may lack its end; a
// carriage return before an end is dropped.
func lines(path string, f func(n int, line string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := rdf.Decompress(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer plain.Close()
	return scan(path, plain, f)
}

// maxLine bounds a line: names are short.
const maxLine = 1 << 20

func scan(path string, r io.Reader, f func(n int, line string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	n, blank := 0, 0
	for s.Scan() {
		n++
		line := s.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" {
			blank = n // fine at the end only
			continue
		}
		if blank > 0 {
			return &SyntaxError{path, blank, "the line is empty"}
		}
		if err := f(n, line); err != nil {
			var bad badLine
			if errors.As(err, &bad) {
				return &SyntaxError{path, n, string(bad)}
			}
			return err
		}
	}
	if err := s.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return &SyntaxError{path, n + 1, fmt.Sprintf("the line is longer than %d bytes", maxLine)}
		}
		return fmt.Errorf("%s after line %d: %w", path, n, err)
	}
	return nil
}

// badLine is what is wrong with the current line.
type badLine string

func (b badLine) Error() string { return string(b) }

func bad(format string, args ...any) error { return badLine(fmt.Sprintf(format, args...)) }

// splits are the files that a folder may have beside train.
func (r *reader) splits() []struct {
	base string
	to   *[]Triple
} {
	return []struct {
		base string
		to   *[]Triple
	}{
		{"train", &r.g.Train},
		{"valid", &r.g.Valid},
		{"test", &r.g.Test},
		{"valid_negatives", &r.g.ValidNegatives},
		{"test_negatives", &r.g.TestNegatives},
	}
}

// numbering gives numbers to names in order of appearance.
type numbering struct {
	names *[]string
	of    map[string]int32
}

func newNumbering(names *[]string) numbering { return numbering{names, map[string]int32{}} }

func (n numbering) number(name string) int32 {
	i, ok := n.of[name]
	if !ok {
		i = int32(len(*n.names))
		name = strings.Clone(name) // not the whole line
		n.of[name] = i
		*n.names = append(*n.names, name)
	}
	return i
}

// text reads files of names.
func (r *reader) text(columns string) error {
	train, _ := find(r.dir, "train")
	if columns == "" {
		var err error
		if columns, err = guessColumns(train); err != nil {
			return err
		}
		if columns != "hrt" {
			r.g.Notes = append(r.g.Notes, "the columns are taken as "+columns+": the others share no names with the relations")
		}
	}
	at := [3]int{strings.IndexByte(columns, 'h'), strings.IndexByte(columns, 'r'), strings.IndexByte(columns, 't')}
	if len(columns) != 3 || min(at[0], at[1], at[2]) < 0 {
		return fmt.Errorf("the order of columns %q does not hold h, r and t once each", columns)
	}
	ents, rels := newNumbering(&r.g.Entities), newNumbering(&r.g.Relations)
	for _, s := range r.splits() {
		path, ok := find(r.dir, s.base)
		if !ok {
			continue
		}
		err := lines(path, func(_ int, line string) error {
			c, err := threeColumns(line)
			if err != nil {
				return err
			}
			// Head, tail, relation: the order of numbering on which published
			// entity lists agree.
			h, t := ents.number(c[at[0]]), ents.number(c[at[2]])
			*s.to = append(*s.to, Triple{h, rels.number(c[at[1]]), t})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func threeColumns(line string) (c [3]string, err error) {
	parts := strings.Split(line, "\t")
	if len(parts) != 3 {
		return c, bad("%d columns apart by tabs, want 3: head, relation, tail", len(parts))
	}
	for i, p := range parts {
		if c[i] = strings.TrimSpace(p); c[i] == "" {
			return c, bad("column %d is empty", i+1)
		}
	}
	return c, nil
}

// guessColumns finds the column that holds the relations: the one that shares
// no name with either of the others, if there is exactly one such column.
func guessColumns(path string) (string, error) {
	var names [3]map[string]bool
	for i := range names {
		names[i] = map[string]bool{}
	}
	err := lines(path, func(_ int, line string) error {
		c, err := threeColumns(line)
		for i, s := range c {
			names[i][strings.Clone(s)] = true
		}
		return err
	})
	if err != nil {
		return "", err
	}
	shares := func(a, b int) bool {
		for s := range names[a] {
			if names[b][s] {
				return true
			}
		}
		return false
	}
	s01, s02, s12 := shares(0, 1), shares(0, 2), shares(1, 2)
	switch {
	case s12 && !s01 && !s02:
		return "rht", nil
	case s01 && !s02 && !s12:
		return "htr", nil
	}
	return "hrt", nil
}

// openke reads files of numbers with a count in the first line and the columns
// head, tail, relation.
func (r *reader) openke() error {
	for _, d := range []struct {
		base string
		to   *[]string
	}{{"entity2id", &r.g.Entities}, {"relation2id", &r.g.Relations}} {
		path, ok := find(r.dir, d.base)
		if !ok {
			return fmt.Errorf("%s has train2id but no %s.txt", r.dir, d.base)
		}
		if err := dictionary(path, d.to, true); err != nil {
			return err
		}
	}
	for _, s := range r.splits() {
		path, ok := find(r.dir, s.base+"2id")
		if !ok {
			continue
		}
		want := -1
		err := lines(path, func(n int, line string) error {
			if n == 1 {
				var err error
				if want, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
					return bad("%q is not the number of statements", line)
				}
				return nil
			}
			c, err := threeNumbers(line, len(r.g.Entities), len(r.g.Entities), len(r.g.Relations))
			*s.to = append(*s.to, Triple{H: c[0], T: c[1], R: c[2]})
			return err
		})
		if err != nil {
			return err
		}
		if want != len(*s.to) {
			return &SyntaxError{path, 1, fmt.Sprintf("the first line promises %d statements, %d follow: the file is cut short or has lines too many", want, len(*s.to))}
		}
	}
	return nil
}

// threeNumbers reads three numbers below the given limits.
func threeNumbers(line string, limits ...int) (c [3]int32, err error) {
	parts := strings.Fields(line)
	if len(parts) != 3 {
		return c, bad("%d columns, want 3 numbers", len(parts))
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil {
			return c, bad("%q is not a number", p)
		}
		if n < 0 || n >= limits[i] {
			return c, bad("number %d in column %d is not below %d, the length of its dictionary", n, i+1, limits[i])
		}
		c[i] = int32(n)
	}
	return c, nil
}

// dictionary reads names with their numbers, which are 0 to n-1 in any order.
// OpenKE puts the name first and a count on the first line; other files put
// the number first and have no count.
func dictionary(path string, to *[]string, openke bool) error {
	byNumber := map[int]string{}
	used := map[string]bool{}
	want := -1
	last := 0
	err := lines(path, func(n int, line string) error {
		last = n
		if openke && n == 1 {
			var err error
			if want, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
				return bad("%q is not the number of names", line)
			}
			return nil
		}
		a, b, ok := strings.Cut(line, "\t")
		if !ok {
			return bad("no tab between name and number")
		}
		if openke {
			a, b = b, a
		}
		i, err := strconv.Atoi(strings.TrimSpace(a))
		if err != nil || i < 0 {
			return bad("%q is not a number", a)
		}
		if _, twice := byNumber[i]; twice {
			return bad("number %d is there twice", i)
		}
		if used[b] {
			return bad("name %q is there twice", b)
		}
		used[b] = true
		byNumber[i] = b
		return nil
	})
	if err != nil {
		return err
	}
	if want >= 0 && want != len(byNumber) {
		return &SyntaxError{path, 1, fmt.Sprintf("the first line promises %d names, %d follow", want, len(byNumber))}
	}
	names := make([]string, len(byNumber))
	for i := range names {
		name, ok := byNumber[i]
		if !ok {
			return &SyntaxError{path, last, fmt.Sprintf("%d names, but none has the number %d", len(byNumber), i)}
		}
		names[i] = name
	}
	*to = names
	return nil
}

// reciprocal reads the files of complex-query benchmarks: numbers head,
// relation, tail; relation 2i as stated and 2i+1 its inverse, every statement
// in both directions.
func (r *reader) reciprocal() error {
	var directed []string
	for _, d := range []struct {
		base string
		to   *[]string
	}{{"entities", &r.g.Entities}, {"relations", &directed}} {
		path, _ := find(r.dir, d.base)
		if err := dictionary(path, d.to, false); err != nil {
			return err
		}
	}
	if len(directed)%2 != 0 {
		return fmt.Errorf("%s lists %d relations: they come in pairs, 2i as stated and 2i+1 its inverse", r.dir, len(directed))
	}
	for i := 0; i < len(directed); i += 2 {
		name := directed[i]
		if s, ok := strings.CutPrefix(name, "+"); ok && directed[i+1] == "-"+s {
			name = s
		}
		r.g.Relations = append(r.g.Relations, name)
	}
	for _, s := range r.splits() {
		path, ok := find(r.dir, s.base)
		if !ok {
			continue
		}
		inverse := map[Triple]int{} // inverse edges and their lines
		err := lines(path, func(n int, line string) error {
			c, err := threeNumbers(line, len(r.g.Entities), len(directed), len(r.g.Entities))
			if err != nil {
				return err
			}
			if c[1]%2 == 0 {
				*s.to = append(*s.to, Triple{c[0], c[1] / 2, c[2]})
			} else {
				inverse[Triple{c[2], c[1] / 2, c[0]}] = n
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, t := range *s.to {
			if _, ok := inverse[t]; !ok {
				return fmt.Errorf("%s: statement %d %d %d has no inverse %d %d %d in the file", path, t.H, 2*t.R, t.T, t.T, 2*t.R+1, t.H)
			}
			delete(inverse, t)
		}
		for t, n := range inverse {
			return &SyntaxError{path, n, fmt.Sprintf("the inverse %d %d %d has no statement %d %d %d", t.T, 2*t.R+1, t.H, t.H, 2*t.R, t.T)}
		}
	}
	return nil
}

// ParseText reads statements of three columns from memory, for tests of the
// reader and for programs that have no folder.
func ParseText(name string, data []byte) (*Graph, error) {
	g := &Graph{Name: name}
	ents, rels := newNumbering(&g.Entities), newNumbering(&g.Relations)
	err := scan(name, bytes.NewReader(data), func(_ int, line string) error {
		c, err := threeColumns(line)
		if err != nil {
			return err
		}
		h, t := ents.number(c[0]), ents.number(c[2])
		g.Train = append(g.Train, Triple{h, rels.number(c[1]), t})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return g.finish(false)
}
