package scan

import "strings"

// Intern is a small cache of strings that repeat, such as predicates and
// datatypes. It never grows; a string that falls out is only copied again.
// The zero value is ready.
type Intern struct{ slots [512]string }

// String returns a string equal to s that does not share memory with the
// document, and the same one again as long as it is in the cache.
func (t *Intern) String(s string) string {
	slot := &t.slots[hash(s)%uint32(len(t.slots))]
	if *slot != s {
		*slot = strings.Clone(s)
	}
	return *slot
}

// hash mixes the length and the last sixteen bytes, where IRIs of one
// vocabulary differ.
func hash(s string) uint32 {
	h := uint32(len(s)) * 2654435761
	from := max(0, len(s)-16)
	for i := from; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h ^ h>>15
}
