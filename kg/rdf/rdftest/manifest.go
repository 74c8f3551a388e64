package rdftest

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// Manifest is the graph of a manifest, indexed.
type Manifest struct {
	values  map[[2]string][]kg.Term // by subject and predicate
	objects map[string][]kg.Term    // by predicate
	typed   map[string][]kg.Term    // subjects by class
}

// ReadManifest reads a manifest in Turtle, or in the format its name says; its
// base is its file: IRI.
func ReadManifest(path string) (*Manifest, error) {
	f, format, err := rdf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := &Manifest{map[[2]string][]kg.Term{}, map[string][]kg.Term{}, map[string][]kg.Term{}}
	for q, err := range rdf.Read(context.Background(), f, rdf.ReadOptions{Format: format, Base: FileIRI(path), File: path, Workers: 1}) {
		if err != nil {
			return nil, err
		}
		key := [2]string{q.S.String(), q.P.Value}
		m.values[key] = append(m.values[key], q.O)
		m.objects[q.P.Value] = append(m.objects[q.P.Value], q.O)
		if q.P.Value == kg.RDFType {
			m.typed[q.O.Value] = append(m.typed[q.O.Value], q.S)
		}
	}
	return m, nil
}

// All returns the values of a predicate, whatever the subject.
func (m *Manifest) All(predicate string) []kg.Term { return m.objects[predicate] }

// Typed returns the subjects that are of a class.
func (m *Manifest) Typed(class string) []kg.Term { return m.typed[class] }

// Of returns the values of a subject's predicate.
func (m *Manifest) Of(s kg.Term, predicate string) []kg.Term {
	return m.values[[2]string{s.String(), predicate}]
}

// One returns the first of Of, or no term.
func (m *Manifest) One(s kg.Term, predicate string) kg.Term {
	if v := m.Of(s, predicate); len(v) > 0 {
		return v[0]
	}
	return kg.Term{}
}

// List returns the members of an RDF list.
func (m *Manifest) List(head kg.Term) (out []kg.Term) {
	for head.Value != kg.RDF+"nil" {
		first := m.One(head, kg.RDF+"first")
		if first.Kind == kg.None {
			return out
		}
		out = append(out, first)
		head = m.One(head, kg.RDF+"rest")
	}
	return out
}

// FileIRI returns the file: IRI of a path.
func FileIRI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// PathOf is the reverse of FileIRI.
func PathOf(iri string) (string, error) {
	u, err := url.Parse(iri)
	if err != nil || u.Scheme != "file" {
		return "", fmt.Errorf("rdftest: %q is no file", iri)
	}
	return filepath.FromSlash(u.Path), nil
}
