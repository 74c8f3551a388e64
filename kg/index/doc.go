// Package index holds the sorted quads of a store: packed blocks of up to
// 1,024 quads (Block), the directory that finds them (Directory), a small
// mutable layer of additions and deletions (Delta), the cursor that merges
// both (View), and the rewriting of blocks that a delta touches (Merge). It
// knows nothing of where blocks are kept: a Source hands them out.
//
// # Invariants
//
// Within one directory keys strictly increase, inside a block and from block
// to block, and Firsts[i] is the first key of block i. A delta's additions
// are absent from the directory it belongs to and its deletions are present,
// so counts are exact: quads = directory + additions - deletions.
//
// docs/format/store.md draws the layouts.
package index
