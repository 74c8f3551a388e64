// Package rows holds the operators that work on rows: joins of two inputs,
// filters, groups, sorts and the like.
package rows
