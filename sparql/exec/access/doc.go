// Package access holds the operators that read quads: scans, joins through an
// index, multiway joins and paths.
package access
