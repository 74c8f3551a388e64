// Package store keeps quads on disk in badger, as sorted blocks of 1,024 in
// seven orders. It is the only package that knows badger.
//
// A state of the store is a list of immutable segments, a dictionary, and a
// small delta of later additions and deletions. The root record names all of
// them with their hashes: nothing is visible unless the root names it, and
// nothing is trusted unless our checksum agrees. A commit writes its parts
// under names that no root knows and then replaces the root in one badger
// transaction, so a crash leaves the state before or after it.
//
// docs/format/store.md draws the records.
package store
