// Package algebra defines the SPARQL algebra as a closed set of nodes and
// translates the syntax tree to it by SPARQL 1.1 section 18.2.
//
// Nodes and expressions are immutable once built: passes of the optimiser
// return new trees and may share unchanged parts.
package algebra
