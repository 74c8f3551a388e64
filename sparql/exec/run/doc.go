// Package run holds what the operators of one run share: the environment with
// snapshot, dataset, limits and terms; batches of rows; and the plan with its
// counters.
package run
