package automaton

// Mark sets the bits of all tokens whose bytes a machine takes: step returns the
// state after a byte, 0 if it may not come. The trie is walked once, and left
// where a byte is refused.
func (v *Vocab) Mark(mask []uint64, state int32, step func(state int32, b byte) int32) {
	type open struct{ end, state int32 }
	path := []open{{int32(len(v.b)), state}}
	for i := int32(0); int(i) < len(v.b); {
		for i >= path[len(path)-1].end {
			path = path[:len(path)-1]
		}
		next := step(path[len(path)-1].state, v.b[i])
		if next == 0 {
			i = v.end[i]
			continue
		}
		v.set(mask, i)
		path = append(path, open{v.end[i], next})
		i++
	}
}

// Bytes returns the bytes of a token, nil if it has none.
func (v *Vocab) Bytes(token int32) []byte {
	if token < 0 || int(token) >= len(v.tokens) || token == v.eos {
		return nil
	}
	return v.tokens[token]
}
