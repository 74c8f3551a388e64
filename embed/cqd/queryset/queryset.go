// Package queryset reads and writes folders of complex queries in the numbered
// form of KGReasoning: beside the graph (package dataset reads it), a folder
// holds split/type.tsv with one query per line. Files may be compressed.
//
// Relations come in pairs there: 2i is a relation and 2i+1 its inverse. Here
// the inverse of relation i of R is i+R.
package queryset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// Splits are the names of the three splits.
var Splits = []string{"train", "valid", "test"}

// A Set is an opened folder.
type Set struct {
	Graph *dataset.Graph
	// Queries is the folder that holds the splits' queries.
	Queries string
}

// Open reads the graph of a folder and finds its queries. queries names the
// folder of the queries inside dir; empty takes the only one there is.
func Open(dir, queries string) (*Set, error) {
	g, err := dataset.Open(dir, dataset.Options{})
	if err != nil {
		return nil, err
	}
	s := &Set{Graph: g}
	if queries != "" {
		s.Queries = filepath.Join(dir, queries)
		if _, err := os.Stat(s.Queries); err != nil {
			return nil, err
		}
		return s, nil
	}
	var found []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() && hasSplit(filepath.Join(dir, e.Name())) {
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s has no folder of queries (a folder with test/1p.tsv and the like); draw some with --sample", dir)
	case 1:
		s.Queries = filepath.Join(dir, found[0])
		return s, nil
	}
	return nil, fmt.Errorf("%s has several folders of queries: %s; name one with --queries", dir, strings.Join(found, ", "))
}

func hasSplit(dir string) bool {
	for _, split := range Splits {
		if files, err := filepath.Glob(filepath.Join(dir, split, "*.tsv*")); err == nil && len(files) > 0 {
			return true
		}
	}
	return false
}

// maxLine bounds a line: a query with every entity of a large graph as answer.
const maxLine = 64 << 20

// lines calls fn for every line that is not empty. Errors name file and line.
func lines(path string, fn func(line string) error) error {
	name := path
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if z, zErr := os.Open(path + ".gz"); zErr == nil {
			file, name, err = z, path+".gz", nil
		}
	}
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := rdf.Decompress(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer plain.Close()
	in := bufio.NewScanner(plain)
	in.Buffer(make([]byte, 1<<16), maxLine)
	for n := 1; in.Scan(); n++ {
		if line := strings.TrimRight(in.Text(), "\r"); line != "" {
			if err := fn(line); err != nil {
				return fmt.Errorf("%s, line %d: %w", name, n, err)
			}
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// relation maps a relation's number in the files to a directed relation.
func (s *Set) relation(n int) int32 { return int32(n/2 + n%2*s.Graph.R()) }

// number is the inverse of relation.
func (s *Set) number(r int32) int {
	if n := int32(s.Graph.R()); r >= n {
		return int(r-n)*2 + 1
	}
	return int(r) * 2
}

// Has reports whether there are queries of a type in a split.
func (s *Set) Has(split, typ string) bool {
	files, err := filepath.Glob(filepath.Join(s.Queries, split, typ+".tsv*"))
	return err == nil && len(files) > 0
}

// Read returns up to limit queries of a type, all of them if limit is 0.
// Training queries have no answers in the files: those are left empty.
func (s *Set) Read(split, typ string, limit int) ([]cqd.Case, error) {
	t, err := cqd.TypeByName(typ)
	if err != nil {
		return nil, err
	}
	var out []cqd.Case
	stop := errors.New("enough")
	err = lines(filepath.Join(s.Queries, split, typ+".tsv"), func(line string) error {
		if limit > 0 && len(out) >= limit {
			return stop
		}
		c, err := s.parse(t, line)
		out = append(out, c)
		return err
	})
	if err != nil && !errors.Is(err, stop) {
		return nil, err
	}
	return out, nil
}

func (s *Set) parse(t cqd.Type, line string) (cqd.Case, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 1 && len(fields) != 3 {
		return cqd.Case{}, fmt.Errorf("a query, its easy and its hard answers with tabs between them expected, not %d fields", len(fields))
	}
	q, err := t.ReadFlat(strings.Fields(fields[0]), s.relation)
	if err != nil {
		return cqd.Case{}, err
	}
	if err := q.Check(len(s.Graph.Entities), 2*s.Graph.R()); err != nil {
		return cqd.Case{}, err
	}
	c := cqd.Case{Query: q}
	if len(fields) == 1 {
		return c, nil
	}
	for i, to := range []*[]int32{&c.Easy, &c.Hard} {
		for _, f := range strings.Fields(fields[i+1]) {
			e, err := strconv.Atoi(f)
			if err != nil || e < 0 || e >= len(s.Graph.Entities) {
				return cqd.Case{}, fmt.Errorf("answer %q is not a number of an entity below %d", f, len(s.Graph.Entities))
			}
			*to = append(*to, int32(e))
		}
		slices.Sort(*to)
	}
	return c, nil
}

// Write writes queries of a type in the form that Read reads.
func (s *Set) Write(w io.Writer, typ string, cases []cqd.Case) error {
	t, err := cqd.TypeByName(typ)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	for _, c := range cases {
		flat, err := t.WriteFlat(c.Query, s.number)
		if err != nil {
			return err
		}
		b.WriteString(flat)
		for _, list := range [][]int32{c.Easy, c.Hard} {
			b.WriteByte('\t')
			for i, e := range list {
				if i > 0 {
					b.WriteByte(' ')
				}
				b.WriteString(strconv.Itoa(int(e)))
			}
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}
