package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
)

// Exit codes: the contract of the command line.
const (
	exitDone        = 0
	exitNo          = 1   // ASK false, a refusal with --strict, a check that found faults
	exitUsage       = 2   // wrong flags or arguments
	exitInput       = 3   // syntax error or broken file
	exitLimit       = 4   // time, memory or rows
	exitStore       = 5   // store locked, damaged or newer
	exitInterrupted = 130 // Ctrl-C; nothing half-written
)

// usageError is a mistake in flags or arguments.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// inputError is bad input that has no error type of its own.
type inputError struct{ error }

func (e inputError) Unwrap() error { return e.error }

// errNo ends a command with exit code 1 and no message: the answer is "no".
var errNo = errors.New("")

// exitCode maps an error to the contract's codes.
func exitCode(ctx context.Context, err error) int {
	var (
		usage  usageError
		input  inputError
		rdfErr *rdf.SyntaxError
		sparqE *syntax.Error
		limit  *sparql.LimitError
		memory *embed.MemoryError
	)
	switch {
	case errors.Is(err, errNo):
		return exitNo
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &limit), errors.As(err, &memory), errors.Is(err, context.DeadlineExceeded):
		return exitLimit
	case errors.As(err, &rdfErr), errors.As(err, &sparqE), errors.As(err, &input), errors.Is(err, os.ErrNotExist):
		return exitInput
	case errors.Is(err, kg.ErrLocked), errors.Is(err, kg.ErrCorrupt), errors.Is(err, kg.ErrFormat),
		errors.Is(err, kg.ErrReadOnly), errors.Is(err, kg.ErrDiskFull):
		return exitStore
	}
	if isCobraUsage(err) {
		return exitUsage
	}
	return exitNo
}

// isCobraUsage recognises cobra's own complaints, which have no type.
func isCobraUsage(err error) bool {
	for _, p := range []string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires ", "required flag"} {
		if len(err.Error()) >= len(p) && err.Error()[:len(p)] == p {
			return true
		}
	}
	return false
}

func wrapf(err error, format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}
