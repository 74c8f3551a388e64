package syntax

import "slices"

// wellKnown lists prefixes that people write without declaring them. Names
// and IRIs are those the vocabularies' own documents use.
var wellKnown = map[string]string{
	"bibo":      "http://purl.org/ontology/bibo/",
	"cc":        "http://creativecommons.org/ns#",
	"dbo":       "http://dbpedia.org/ontology/",
	"dbp":       "http://dbpedia.org/property/",
	"dbr":       "http://dbpedia.org/resource/",
	"dc":        "http://purl.org/dc/elements/1.1/",
	"dcat":      "http://www.w3.org/ns/dcat#",
	"dcmitype":  "http://purl.org/dc/dcmitype/",
	"dct":       "http://purl.org/dc/terms/",
	"dcterms":   "http://purl.org/dc/terms/",
	"doap":      "http://usefulinc.com/ns/doap#",
	"fn":        "http://www.w3.org/2005/xpath-functions#",
	"foaf":      "http://xmlns.com/foaf/0.1/",
	"geo":       "http://www.opengis.net/ont/geosparql#",
	"geof":      "http://www.opengis.net/def/function/geosparql/",
	"gr":        "http://purl.org/goodrelations/v1#",
	"math":      "http://www.w3.org/2005/xpath-functions/math#",
	"oa":        "http://www.w3.org/ns/oa#",
	"org":       "http://www.w3.org/ns/org#",
	"owl":       "http://www.w3.org/2002/07/owl#",
	"p":         "http://www.wikidata.org/prop/",
	"pq":        "http://www.wikidata.org/prop/qualifier/",
	"pr":        "http://www.wikidata.org/prop/reference/",
	"prov":      "http://www.w3.org/ns/prov#",
	"ps":        "http://www.wikidata.org/prop/statement/",
	"qb":        "http://purl.org/linked-data/cube#",
	"rdf":       "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
	"rdfs":      "http://www.w3.org/2000/01/rdf-schema#",
	"schema":    "http://schema.org/",
	"sd":        "http://www.w3.org/ns/sparql-service-description#",
	"sf":        "http://www.opengis.net/ont/sf#",
	"sh":        "http://www.w3.org/ns/shacl#",
	"sioc":      "http://rdfs.org/sioc/ns#",
	"skos":      "http://www.w3.org/2004/02/skos/core#",
	"skosxl":    "http://www.w3.org/2008/05/skos-xl#",
	"sosa":      "http://www.w3.org/ns/sosa/",
	"ssn":       "http://www.w3.org/ns/ssn/",
	"time":      "http://www.w3.org/2006/time#",
	"vann":      "http://purl.org/vocab/vann/",
	"vcard":     "http://www.w3.org/2006/vcard/ns#",
	"void":      "http://rdfs.org/ns/void#",
	"wd":        "http://www.wikidata.org/entity/",
	"wdt":       "http://www.wikidata.org/prop/direct/",
	"wgs84_pos": "http://www.w3.org/2003/01/geo/wgs84_pos#",
	"wikibase":  "http://wikiba.se/ontology#",
	"xml":       "http://www.w3.org/XML/1998/namespace",
	"xsd":       "http://www.w3.org/2001/XMLSchema#",
}

// WellKnownPrefix returns the namespace a prefix usually stands for.
func WellKnownPrefix(prefix string) (string, bool) {
	ns, ok := wellKnown[prefix]
	return ns, ok
}

// WellKnownPrefixes returns the names that WellKnownPrefix knows, sorted.
func WellKnownPrefixes() []string {
	names := make([]string, 0, len(wellKnown))
	for n := range wellKnown {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
