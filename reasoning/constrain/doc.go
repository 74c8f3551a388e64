// Package constrain holds the language in which questions are answered, and
// the rule of what may be written in it.
//
// A query is a Pipeline: an anchor (everything of one name, or all instances
// of a class) followed by steps that map the current set of nodes to the
// next. Variables are implicit, so at every point of a half-written query the
// set of nodes it stands for is known, and what may follow is exactly what
// keeps that set non-empty. A Graph is the view of a snapshot that answers
// such questions quickly. Every pipeline has a canonical text, one SPARQL query
// with the same answers, and an English reading.
package constrain
