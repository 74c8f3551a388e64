package token

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"sort"
)

// Train learns a byte-level vocabulary of the given size from texts (Sennrich
// et al. 2016): control tokens first, then the 256 bytes, then the most
// frequent pair again and again. The result depends only on the multiset of
// texts. Fewer tokens come out when the texts have no more pairs that occur
// twice.
func Train(texts iter.Seq[string], size int, split Split, control []string) (*Tokenizer, error) {
	base := len(control) + 256
	if size < base {
		return nil, fmt.Errorf("a vocabulary of %d tokens cannot hold %d control tokens and 256 bytes", size, len(control))
	}
	counts := map[string]int{}
	for text := range texts {
		text = replaceInvalid(text)
		for len(text) > 0 {
			n := split.next(text)
			counts[text[:n]]++
			text = text[n:]
		}
	}
	d := definition{split: split, bos: -1, eos: -1}
	for _, c := range control {
		d.tokens, d.types = append(d.tokens, c), append(d.types, typeControl)
	}
	for b := range 256 {
		d.tokens, d.types = append(d.tokens, visible([]byte{byte(b)})), append(d.types, typeNormal)
	}

	type word struct {
		ids   []int32
		count int
	}
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	words := make([]word, len(keys))
	pairs := map[uint64]int{}            // how often a pair occurs
	where := map[uint64]map[int32]bool{} // words that may contain it
	for i, k := range keys {
		w := word{count: counts[k]}
		for j := range len(k) {
			w.ids = append(w.ids, int32(len(control))+int32(k[j]))
		}
		words[i] = w
		for j := 1; j < len(w.ids); j++ {
			p := pairKey(w.ids[j-1], w.ids[j])
			pairs[p] += w.count
			if where[p] == nil {
				where[p] = map[int32]bool{}
			}
			where[p][int32(i)] = true
		}
	}
	// Queue of (count, pair); stale entries are skipped when they surface.
	var queue trainHeap
	for p, n := range pairs {
		queue = append(queue, trainPair{n, p})
	}
	slices.SortFunc(queue, func(a, b trainPair) int { return a.compare(b) }) // a sorted list is a heap
	for len(d.tokens) < size && len(queue) > 0 {
		top := queue.pop()
		if top.count != pairs[top.pair] {
			continue
		}
		if top.count < 2 {
			break
		}
		a, b := int32(top.pair>>32), int32(uint32(top.pair))
		id := int32(len(d.tokens))
		// Two pairs may spell the same token; the second must not get a new id.
		merged := d.tokens[a] + d.tokens[b]
		if at := slices.Index(d.tokens[base:], merged); at >= 0 {
			id = int32(base + at)
		} else {
			d.tokens, d.types = append(d.tokens, merged), append(d.types, typeNormal)
		}
		d.merges = append(d.merges, [2]string{d.tokens[a], d.tokens[b]})
		changed := map[uint64]bool{}
		for i := range where[top.pair] {
			w := &words[i]
			for j := 1; j < len(w.ids); j++ {
				pairs[pairKey(w.ids[j-1], w.ids[j])] -= w.count
				changed[pairKey(w.ids[j-1], w.ids[j])] = true
			}
			out := w.ids[:0]
			for j := 0; j < len(w.ids); j++ {
				if j+1 < len(w.ids) && w.ids[j] == a && w.ids[j+1] == b {
					out = append(out, id)
					j++
				} else {
					out = append(out, w.ids[j])
				}
			}
			w.ids = out
			for j := 1; j < len(w.ids); j++ {
				p := pairKey(w.ids[j-1], w.ids[j])
				pairs[p] += w.count
				changed[p] = true
				if where[p] == nil {
					where[p] = map[int32]bool{}
				}
				where[p][i] = true
			}
		}
		delete(where, top.pair)
		delete(pairs, top.pair)
		for p := range changed {
			if n := pairs[p]; n > 0 && p != top.pair {
				queue.push(trainPair{n, p})
			}
		}
	}
	return d.build()
}

type trainPair struct {
	count int
	pair  uint64
}

// compare puts frequent pairs first, then pairs of older tokens.
func (p trainPair) compare(q trainPair) int {
	return cmp.Or(cmp.Compare(q.count, p.count), cmp.Compare(p.pair, q.pair))
}

type trainHeap []trainPair

func (h *trainHeap) push(p trainPair) {
	*h = append(*h, p)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if s[i].compare(s[up]) >= 0 {
			return
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
}

func (h *trainHeap) pop() trainPair {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	*h = s[:last]
	for i := 0; ; {
		k := 2*i + 1
		if k >= last {
			return top
		}
		if k+1 < last && s[k+1].compare(s[k]) < 0 {
			k++
		}
		if s[k].compare(s[i]) >= 0 {
			return top
		}
		s[i], s[k] = s[k], s[i]
		i = k
	}
}
