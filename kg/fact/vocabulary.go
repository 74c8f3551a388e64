package fact

import (
	"strings"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

// NS is the name space of the vocabulary; docs/format/facts.md describes each
// term.
const NS = doc.NS

// Classes.
const (
	Class          = NS + "Fact"    // a tagged figure or text (qb:Observation)
	CompanyClass   = NS + "Company" // COMP, ORG; FIBO's legal entity
	ConceptClass   = NS + "Concept" // FIN_METRIC, CONCEPT
	FiscalClass    = NS + "FiscalPeriod"
	StatementClass = NS + "Statement" // what a rule read in the text
	SectionClass   = NS + "Section"
	RunClass       = NS + "Run"
)

// Properties of a fact. Dimensions are properties of their own: the axis is
// the property, the member its value.
const (
	PCompany  = doc.PCompany
	PConcept  = NS + "concept"
	PPeriod   = NS + "period"
	PUnit     = NS + "unit"
	PValue    = NS + "value"    // xsd:decimal, or xsd:string of a text
	PNil      = NS + "nil"      // true: tagged as having no value
	PDecimals = NS + "decimals" // xsd:integer, or "INF"
	PScale    = NS + "scale"    // power of ten that the shown number is in
	PSpan     = NS + "span"     // doc.Span.Literal
	PMore     = NS + "further"  // "2:SPAN" and on: a text shown in several pieces
	PIn       = NS + "in"       // document of the span, if it is not the graph's
	PRow      = NS + "row"      // heading of the table row, or the sentence
	PColumn   = NS + "column"   // headings of the table column
	PFootnote = NS + "footnote" // text of a footnote
)

// Properties of companies, concepts, fiscal periods, statements and sections.
const (
	PCIK        = NS + "cik"
	PTicker     = NS + "ticker"
	PAlias      = NS + "alias"
	PCity       = NS + "headquartersCity"
	PState      = NS + "headquartersState"
	PIncorp     = NS + "incorporatedIn"
	PAuditor    = NS + "auditor"
	PSIC        = NS + "sic"
	PSector     = NS + "sector"
	PPrefixed   = NS + "prefixedName" // us-gaap:Revenues, as filings write it
	PLabel      = NS + "label"        // a filing's own wording for a concept
	PStart      = NS + "start"
	PEnd        = NS + "end"
	PFiscalYear = doc.PFiscalYear
	PFiscalPart = doc.PFiscalPart
	PSummandOf  = NS + "summandOf" // calculation: concept -> total
	PConfidence = NS + "confidence"
	PRule       = NS + "rule"
	PDisputes   = NS + "inconsistentWith" // fact -> fact of the same key in its filing that excludes it
	PSubject    = NS + "subject"
	PRelation   = NS + "relation"
	PObject     = NS + "object"
	PKeyphrase  = NS + "keyphrase"
	PHeading    = NS + "heading"
	OWLSameAs   = "http://www.w3.org/2002/07/owl#sameAs"

	CompanyBase = "urn:quaestor:cik:"
	periodBase  = "urn:quaestor:period:"
	unitBase    = "urn:quaestor:unit:"
	conceptBase = "urn:quaestor:concept:"
)

// CompanyIRI is the IRI of a company, by its number at the SEC with or without
// leading zeros.
func CompanyIRI(cik string) string {
	n := strings.TrimLeft(strings.TrimSpace(cik), "0")
	if n == "" {
		n = "0"
	}
	return CompanyBase + n
}

// ConceptIRI is the IRI of a concept, axis or member by its space and local
// name. The space is the usual prefix of a standard taxonomy (us-gaap), or the
// name space of a company's own without scheme and date (www.nvidia.com):
// years of taxonomies are left out, so that a concept is one across filings.
func ConceptIRI(space, local string) string { return conceptBase + space + ":" + local }

// Name returns space and local name of a concept's IRI.
func Name(iri string) (space, local string, ok bool) {
	rest, ok := strings.CutPrefix(iri, conceptBase)
	if i := strings.LastIndexByte(rest, ':'); ok && i >= 0 {
		return rest[:i], rest[i+1:], true
	}
	return "", "", false
}

// IsConcept reports whether an IRI is that of a concept, axis or member.
func IsConcept(iri string) bool { return strings.HasPrefix(iri, conceptBase) }

// UnitIRI is the IRI of a unit: measures joined with *, a divisor after /,
// such as iso4217:USD/xbrli:shares.
func UnitIRI(unit string) string { return unitBase + unit }

// Unit is the inverse of UnitIRI.
func Unit(iri string) (string, bool) { return strings.CutPrefix(iri, unitBase) }
