// Package opt rewrites algebra in named passes. Every pass is a pure function
// from tree to tree that keeps the solutions and their number; its tests are
// pairs of trees in testdata.
//
// Rewrite runs the passes that need no data; Plan orders joins and chooses
// methods from the statistics of a snapshot.
package opt
