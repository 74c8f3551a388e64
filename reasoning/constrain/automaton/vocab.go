package automaton

import (
	"bytes"
	"cmp"
	"slices"
)

// Vocab is a tokenizer's vocabulary laid out as a trie over bytes, in the order
// of a depth-first walk: the children of a node follow it, and end says where
// they stop. It is immutable and safe for concurrent use.
type Vocab struct {
	tokens [][]byte
	eos    int32
	// per node
	b    []byte  // last byte of the path
	end  []int32 // first node that is not below this one
	tok  []int32 // token that ends here, -1: none
	same map[int32][]int32
}

// NewVocab lays out a vocabulary. tokens[i] are the bytes of token i; tokens
// without bytes (control tokens) can never be written. eos ends a query.
func NewVocab(tokens [][]byte, eos int32) *Vocab {
	v := &Vocab{tokens: tokens, eos: eos, same: map[int32][]int32{}}
	order := make([]int32, 0, len(tokens))
	for i, t := range tokens {
		if len(t) > 0 && int32(i) != eos {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(bytes.Compare(tokens[a], tokens[b]), cmp.Compare(a, b)) })
	var path []int32 // open nodes, by depth
	var last []byte
	for _, id := range order {
		t := tokens[id]
		common := 0
		for common < len(t) && common < len(last) && t[common] == last[common] {
			common++
		}
		if common == len(t) && len(t) == len(last) {
			n := path[len(path)-1]
			v.same[v.tok[n]] = append(v.same[v.tok[n]], id)
			continue
		}
		for len(path) > common {
			v.end[path[len(path)-1]] = int32(len(v.b))
			path = path[:len(path)-1]
		}
		for _, c := range t[common:] {
			path = append(path, int32(len(v.b)))
			v.b = append(v.b, c)
			v.end = append(v.end, 0)
			v.tok = append(v.tok, -1)
		}
		v.tok[path[len(path)-1]] = id
		last = t
	}
	for _, n := range path {
		v.end[n] = int32(len(v.b))
	}
	return v
}

// Size is the number of tokens; a mask has (Size+63)/64 words.
func (v *Vocab) Size() int { return len(v.tokens) }

// EOS is the token that ends a query.
func (v *Vocab) EOS() int32 { return v.eos }

// child returns the child of a node (-1: the root) with a byte, or -1.
func (v *Vocab) child(node int32, b byte) int32 {
	i, end := int32(0), int32(len(v.b))
	if node >= 0 {
		i, end = node+1, v.end[node]
	}
	for i < end {
		if v.b[i] == b {
			return i
		}
		if v.b[i] > b {
			return -1
		}
		i = v.end[i]
	}
	return -1
}

// set marks the tokens that end at a node.
func (v *Vocab) set(mask []uint64, node int32) {
	t := v.tok[node]
	if t < 0 {
		return
	}
	mask[t/64] |= 1 << (t % 64)
	for _, t := range v.same[t] {
		mask[t/64] |= 1 << (t % 64)
	}
}
