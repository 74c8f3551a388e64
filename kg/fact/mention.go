package fact

import (
	"strings"
	"unicode"

	"github.com/quaestor-kg/quaestor/kg"
)

// Types of mention and relations between them: those of FinReflectKG (arXiv
// 2508.17906), in this name space.
var (
	EntityTypes = []string{
		"ORG", "COMP", "ORG_GOV", "ORG_REG", "GPE", "PERSON", "PRODUCT", "EVENT", "SECTOR", "ECON_IND", "FIN_INST", "FIN_MARKET", "CONCEPT", "RAW_MATERIAL", "LOGISTICS",
		"ACCOUNTING_POLICY", "RISK_FACTOR", "LITIGATION", "SEGMENT", "FIN_METRIC", "ESG_TOPIC", "MACRO_CONDITION", "REGULATORY_REQUIREMENT", "COMMENTARY",
	}
	RelationTypes = []string{
		"Has_Stake_In", "Announces", "Operates_In", "Introduces", "Produces", "Regulates", "Involved_In", "Impacted_By", "Impacts", "Positively_Impacts", "Negatively_Impacts",
		"Related_To", "Member_Of", "Invests_In", "Increases", "Decreases", "Depends_On", "Causes_Shortage_Of", "Affects_Stock", "Stock_Decline_Due_To", "Stock_Rise_Due_To",
		"Market_Reacts_To", "Discloses", "Faces", "Guides_On", "Complies_With", "Subject_To", "Supplies", "Partners_With",
	}
)

// Properties of mentions.
const (
	MentionClass  = NS + "Mention"
	PJurisdiction = NS + "jurisdiction"
	PPosition     = NS + "position"
)

// TypeIRI is the class of a type of mention, or the property of a relation.
func TypeIRI(name string) string { return NS + name }

// Mention is something a text speaks of. A named one has one node in each
// filing, which others may be tied to (owl:sameAs); one without a name ("a
// supplier") is a node of its own for each company, never shared.
type Mention struct {
	IRI          string
	Graph        string
	Type         string // of EntityTypes
	Label        string
	Jurisdiction string // of a subsidiary
	Position     string // of a person
}

// MentionIRI is the IRI of a mention in a graph.
func MentionIRI(graph, typ, label string) string { return graph + "#" + typ + "-" + Slug(label) }

// Slug makes a name fit for an IRI.
func Slug(s string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			dash = false
		} else {
			dash = true
		}
		if b.Len() > 80 {
			break
		}
	}
	return b.String()
}

// Quads yields the statements that describe the mention.
func (m *Mention) Quads(yield func(kg.TermQuad) bool) {
	q := about(m.IRI, m.Graph, yield)
	q.iri(kg.RDFType, MentionClass)
	if m.Type != "" {
		q.iri(kg.RDFType, TypeIRI(m.Type))
	}
	q.str(kg.RDFSLabel, m.Label)
	q.str(PJurisdiction, m.Jurisdiction)
	q.str(PPosition, m.Position)
}
