//go:build race

// Package race says whether the race detector is on: it makes sync.Pool drop
// objects at random, so tests that count allocations must not run under it.
package race

// Enabled is true in builds with -race.
const Enabled = true
