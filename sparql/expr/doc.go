// Package expr compiles expressions to functions over rows of ids and computes
// aggregates.
//
// An error of an expression is a value of kind Err, as in SPARQL 1.1 section
// 17.2: it is not a Go error and only some operators stop it. Faults of the
// store end the query through Ctx.Fail.
package expr
