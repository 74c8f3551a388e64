package embed

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// Vocabulary names the entities and relations that a model's numbers stand
// for. Names of a graph in a store are terms in N-Triples syntax.
type Vocabulary struct {
	Entities  []string
	Relations []string // R names; the inverse of relation r is r+R
}

// Hash identifies the vocabulary: the same names in the same order.
func (v Vocabulary) Hash() string {
	h := sha256.New()
	var n [8]byte
	for _, list := range [][]string{v.Entities, v.Relations} {
		binary.LittleEndian.PutUint64(n[:], uint64(len(list)))
		h.Write(n[:])
		for _, s := range list {
			binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
			h.Write(n[:])
			h.Write([]byte(s))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// A GraphError reports a checkpoint that was trained on another graph.
type GraphError struct {
	Checkpoint string // path, or empty
	Reason     string // what differs first
}

func (e *GraphError) Error() string {
	name := e.Checkpoint
	if name == "" {
		name = "the checkpoint"
	}
	return fmt.Sprintf("%s belongs to another graph: %s; train on this graph, or name the graph it was trained on", name, e.Reason)
}

// differ names the first difference between the vocabulary a checkpoint has
// and the one that is wanted.
func differ(has, want Vocabulary) string {
	for _, c := range []struct {
		what      string
		has, want []string
	}{{"entities", has.Entities, want.Entities}, {"relations", has.Relations, want.Relations}} {
		if len(c.has) != len(c.want) {
			return fmt.Sprintf("it has %d %s, the graph %d", len(c.has), c.what, len(c.want))
		}
		for i := range c.has {
			if c.has[i] != c.want[i] {
				return fmt.Sprintf("number %d of its %s is %q, of the graph's %q", i, c.what, c.has[i], c.want[i])
			}
		}
	}
	return "the names hash differently"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
