// Package kg defines the vocabulary of the triple store: terms, ids, quads,
// patterns, cursors, snapshots and stores. It holds no storage code; kg/store
// keeps quads in badger, kg/mem keeps them in plain maps and is the slow twin
// that every other store is compared with.
//
// Between the parser and the result writer everything works on 64-bit ids.
// Small values live inside the id (see kg/dict), so filters and ordering need
// no look-up.
package kg
