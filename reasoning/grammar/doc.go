// Package grammar keeps texts within a context-free grammar or a JSON Schema.
//
// A grammar is read from the notation that llama.cpp calls GBNF (parse.go), or
// made from a schema (schema.go), and compiled to a program over bytes
// (program.go) that runs all ways at once (machine.go). A Constraint is a machine
// over the tokens of a vocabulary; it implements decode.Constraint.
package grammar
