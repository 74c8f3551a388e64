// Package vocabulary knows which predicates and classes of the common
// vocabularies name things, say what they are, or describe the schema instead of
// the world.
package vocabulary

import (
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/fold"
)

const (
	skos       = "http://www.w3.org/2004/02/skos/core#"
	foaf       = "http://xmlns.com/foaf/0.1/"
	schemaOrg  = "http://schema.org/"
	schemaOrgS = "https://schema.org/"
	owl        = "http://www.w3.org/2002/07/owl#"
)

// Names ranks the predicates that give names: labels before aliases.
var Names = []struct {
	IRI   string
	Label bool // may be shown as the label
	Meta  bool // is not a relation one asks about
}{
	{kg.RDFSLabel, true, true},
	{skos + "prefLabel", true, true},
	{schemaOrg + "name", true, false},
	{schemaOrgS + "name", true, false},
	{foaf + "name", true, false},
	{"http://purl.org/dc/terms/title", true, false},
	{"http://purl.org/dc/elements/1.1/title", true, false},
	{skos + "altLabel", false, true},
	{skos + "hiddenLabel", false, true},
	{schemaOrg + "alternateName", false, true},
	{schemaOrgS + "alternateName", false, true},
	{foaf + "nick", false, false},
}

// metaPrefixes and metaIRIs describe the schema or the record, not the world.
var (
	metaPrefixes = []string{kg.RDF, kg.RDFS, owl, "http://www.w3.org/ns/shacl#", "http://rdfs.org/ns/void#"}
	metaIRIs     = map[string]bool{
		schemaOrg + "description": true, schemaOrgS + "description": true,
		"http://purl.org/dc/terms/description":        true,
		"http://purl.org/dc/elements/1.1/description": true,
		skos + "definition":                           true, skos + "note": true,
	}
)

// Meta reports whether a predicate describes the schema or the record.
func Meta(iri string) bool {
	for _, m := range metaPrefixes {
		if strings.HasPrefix(iri, m) && !isContainer(iri) {
			return true
		}
	}
	return metaIRIs[iri]
}

// IsTypeName reports by the local name whether a predicate says what a
// thing is.
func IsTypeName(iri string) bool {
	switch fold.SchemaName(fold.LocalName(iri)) {
	case "instance of", "is a", "isa", "p31":
		return true
	}
	return false
}

// isContainer: rdf:value, rdf:first and members of containers carry facts.
func isContainer(iri string) bool {
	l := strings.TrimPrefix(iri, kg.RDF)
	return l != iri && (l == "value" || l == "first" || l == "rest" || strings.HasPrefix(l, "_"))
}

// MetaClass: classes of the vocabulary itself say nothing about a thing.
func MetaClass(iri string) bool {
	return strings.HasPrefix(iri, owl) || strings.HasPrefix(iri, kg.RDFS) || strings.HasPrefix(iri, kg.RDF)
}

// Speaks reports whether a language tag is of a language.
func Speaks(tag, want string) bool {
	return tag != "" && (tag == want || strings.HasPrefix(tag, want+"-"))
}
