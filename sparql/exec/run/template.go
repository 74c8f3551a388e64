package run

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
)

// BlankPrefix starts the labels of blank nodes that a run makes, unlike those
// of other runs and of files.
func BlankPrefix() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return "c" + hex.EncodeToString(b[:]) + "n"
}

// Template makes triples of rows (SPARQL 1.1, section 16.2).
type Template struct {
	env    *Env
	rows   [][3]slot
	nested []nestedSlot
	blanks []string // labels of the template, made anew for every row
	fresh  []kg.ID  // this row's blank nodes
	built  []kg.ID  // this row's triple terms
	prefix string
	count  int64
}

// slot is a position: a column, a constant, a blank node or a triple term.
type slot struct {
	kind byte // 'c', 'k', 'b', 't'
	i    int
	id   kg.ID
}

type nestedSlot [3]slot

// NewTemplate prepares a template for rows with the given columns; nested holds
// the parts of triple terms by hidden variable.
func NewTemplate(env *Env, vars []string, ts []algebra.Triple, nested map[string][3]algebra.Ref) (*Template, error) {
	t := &Template{env: env, prefix: BlankPrefix()}
	made := map[string]int{}
	var ref func(r algebra.Ref) (slot, error)
	ref = func(r algebra.Ref) (slot, error) {
		if !r.IsVar() {
			id, err := env.Terms.Intern(r.Term)
			return slot{kind: 'k', id: id}, err
		}
		if parts, ok := nested[r.Var]; ok {
			if i, ok := made[r.Var]; ok {
				return slot{kind: 't', i: i}, nil
			}
			var n nestedSlot
			for i, q := range parts {
				var err error
				if n[i], err = ref(q); err != nil {
					return slot{}, err
				}
			}
			t.nested = append(t.nested, n)
			made[r.Var] = len(t.nested) - 1
			return slot{kind: 't', i: len(t.nested) - 1}, nil
		}
		if algebra.Hidden(r.Var) {
			for i, b := range t.blanks {
				if b == r.Var {
					return slot{kind: 'b', i: i}, nil
				}
			}
			t.blanks = append(t.blanks, r.Var)
			return slot{kind: 'b', i: len(t.blanks) - 1}, nil
		}
		for i, v := range vars {
			if v == r.Var {
				return slot{kind: 'c', i: i}, nil
			}
		}
		return slot{kind: 'k'}, nil // never bound
	}
	for _, x := range ts {
		var row [3]slot
		for i, r := range [3]algebra.Ref{x.S, x.P, x.O} {
			var err error
			if row[i], err = ref(r); err != nil {
				return nil, err
			}
		}
		t.rows = append(t.rows, row)
	}
	t.fresh = make([]kg.ID, len(t.blanks))
	t.built = make([]kg.ID, len(t.nested))
	return t, nil
}

// Fresh reports whether every row makes new blank nodes.
func (t *Template) Fresh() bool { return len(t.blanks) > 0 }

// Fill calls f with every triple of the row that is complete and legal, and
// with its place in the template.
func (t *Template) Fill(b *Batch, row int, f func(q [3]kg.ID, i int) error) error {
	for i := range t.fresh {
		t.count++
		id, err := t.env.Terms.Intern(kg.NewBlank(fmt.Sprintf("%s%d", t.prefix, t.count)))
		if err != nil {
			return err
		}
		t.fresh[i] = id
	}
	value := func(s slot) kg.ID {
		switch s.kind {
		case 'c':
			return b.Cols[s.i][row]
		case 'b':
			return t.fresh[s.i]
		case 't':
			return t.built[s.i]
		}
		return s.id
	}
	for i, n := range t.nested {
		t.built[i] = kg.Any
		ids := [3]kg.ID{value(n[0]), value(n[1]), value(n[2])}
		ok, err := t.legal(ids)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		var terms [3]kg.Term
		if err := t.env.Terms.Resolve(ids[:], terms[:]); err != nil {
			return err
		}
		if t.built[i], err = t.env.Terms.Intern(kg.NewTriple(terms[0], terms[1], terms[2])); err != nil {
			return err
		}
	}
	for i, r := range t.rows {
		q := [3]kg.ID{value(r[0]), value(r[1]), value(r[2])}
		ok, err := t.legal(q)
		if err != nil {
			return err
		}
		if ok {
			if err := f(q, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// legal reports whether three ids may form a triple.
func (t *Template) legal(q [3]kg.ID) (bool, error) {
	if q[0] == kg.Any || q[1] == kg.Any || q[2] == kg.Any {
		return false, nil
	}
	kind := func(id kg.ID) (kg.Kind, error) {
		switch id.Tag() {
		case kg.TagBlank:
			return kg.Blank, nil
		case kg.TagIRI:
			return kg.IRI, nil
		}
		if id.IsLiteral() {
			return kg.Literal, nil
		}
		term, err := t.env.Terms.Term(id)
		if err != nil {
			return 0, err
		}
		return term.Kind, nil
	}
	s, err := kind(q[0])
	if err != nil || s != kg.IRI && s != kg.Blank {
		return false, err
	}
	p, err := kind(q[1])
	return p == kg.IRI, err
}
