package kg

// ID stands for one term in one store. The upper four bits are a tag, the
// lower 60 the payload: an ordinal of the dictionary, or a small value itself
// (kg/dict documents the encodings). Within one inlined numeric or temporal
// tag, ids order as their values do.
//
// Two ids of one snapshot are equal exactly if their terms are.
type ID uint64

// Reserved ids.
const (
	// Any matches every id in a pattern; as a binding it means unbound.
	Any ID = 0
	// DefaultGraph is the graph of triples that belong to no named graph.
	DefaultGraph ID = 1
)

// Tag is the upper four bits of an ID.
type Tag uint8

// Tags. The values are on disk: never change or reuse one.
const (
	TagReserved Tag = iota // Any, DefaultGraph
	TagBlank               // dictionary ordinal
	TagIRI                 // dictionary ordinal
	TagString              // xsd:string, dictionary ordinal
	TagLang                // language-tagged string, dictionary ordinal
	TagTyped               // any other literal, dictionary ordinal
	TagTriple              // triple term, dictionary ordinal
	TagShort               // xsd:string of at most 7 bytes, inlined
	TagBool                // canonical xsd:boolean, inlined
	TagInteger             // canonical xsd:integer, inlined
	TagDecimal             // canonical xsd:decimal, inlined
	TagDouble              // canonical xsd:double, inlined where exact
	TagDate                // xsd:date without time zone, inlined
	TagDateTime            // xsd:dateTime, inlined
	TagSpare               // free
	TagLocal               // a term that exists only within one query
)

const tagShift = 60

// PayloadMask selects the 60 payload bits of an ID.
const PayloadMask ID = 1<<tagShift - 1

// MakeID joins a tag and a payload; the payload's upper four bits are dropped.
func MakeID(t Tag, payload uint64) ID { return ID(t)<<tagShift | ID(payload)&PayloadMask }

// Tag returns the tag of the id.
func (id ID) Tag() Tag { return Tag(id >> tagShift) }

// Payload returns the lower 60 bits of the id.
func (id ID) Payload() uint64 { return uint64(id & PayloadMask) }

// IsLiteral reports whether the id stands for a literal, without a look-up.
// It is false for TagLocal ids, whose kind only the query knows.
func (id ID) IsLiteral() bool {
	t := id.Tag()
	return t >= TagString && t <= TagTyped || t >= TagShort && t <= TagDateTime
}

// Inlined reports whether the value is inside the id.
func (id ID) Inlined() bool { t := id.Tag(); return t >= TagShort && t <= TagDateTime }

// Quad is a statement: subject, predicate, object, graph.
type Quad struct{ S, P, O, G ID }

// Pattern is a Quad in which Any matches everything. G = Any ranges over the
// default graph and all named graphs.
type Pattern Quad

// Matches reports whether the quad fits the pattern.
func (p Pattern) Matches(q Quad) bool {
	return (p.S == Any || p.S == q.S) && (p.P == Any || p.P == q.P) &&
		(p.O == Any || p.O == q.O) && (p.G == Any || p.G == q.G)
}
