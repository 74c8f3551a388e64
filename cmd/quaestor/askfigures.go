package main

import (
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning"
)

// printFigures writes the reported figures that an answer rests on, each with
// its place, and how what is derived was computed.
func printFigures(b *strings.Builder, ans *reasoning.Answer) {
	for i, f := range ans.Figures {
		if i == 0 {
			fmt.Fprintln(b, "\nFigures:")
		}
		place := "hidden"
		if f.Page >= 0 {
			place = fmt.Sprintf("p. %d", f.Page+1)
		}
		fmt.Fprintf(b, "  %s  %s, %s, %s\n", f.Shown, f.Company, f.Label, f.Fiscal)
		fmt.Fprintf(b, "      %s, %s, %s, span %s (%s)\n", f.Filing, f.Accession, place, f.Span, f.State)
		for _, r := range f.Restated {
			fmt.Fprintf(b, "      %s states %s, p. %d\n", r.Filing, r.Shown, r.Page+1)
		}
	}
	for i, d := range ans.Derived {
		if i == 0 {
			fmt.Fprintln(b, "\nComputed:")
		}
		fmt.Fprintf(b, "  %s = %s  over %s\n", d.Label, d.Formula, strings.Join(d.Operands, ", "))
	}
}
