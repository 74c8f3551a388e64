package datagen

import (
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// slot marks the place of an entity in the text of a question: slot(2) is the
// third entity. The marks are control characters, which questions do not hold.
func slot(i int) string { return "\x01" + string(rune('a'+i)) + "\x02" }

// prompt turns a question with slots into the decoder's prompt: folded text
// with numbered mentions, in the order in which they are read, and " =". refs
// maps slots to these numbers; 0 means that the slot is not in the question.
func prompt(question string, slots int) (text string, refs []int) {
	refs = make([]int, slots)
	var parts []string
	next := 1
	for question != "" {
		before, rest, found := strings.Cut(question, "\x01")
		if f := constrain.Fold(before); f != "" {
			parts = append(parts, f)
		}
		if !found {
			break
		}
		i := int(rest[0] - 'a')
		if refs[i] == 0 {
			refs[i] = next
			next++
		}
		parts = append(parts, "["+strconv.Itoa(refs[i])+"]")
		question = rest[2:]
	}
	return strings.Join(parts, " ") + " =", refs
}

// replaceMention puts a slot in the place of the first whole-word occurrence of
// a label, compared without regard to case. It reports whether there is one.
func replaceMention(question, label string, i int) (string, bool) {
	q, l := strings.ToLower(question), strings.ToLower(strings.TrimSpace(label))
	if l == "" || len(q) != len(question) {
		return question, false
	}
	for from := 0; ; {
		at := strings.Index(q[from:], l)
		if at < 0 {
			return question, false
		}
		at += from
		end := at + len(l)
		if (at == 0 || !wordByte(q[at-1])) && (end == len(q) || !wordByte(q[end])) {
			return question[:at] + slot(i) + question[end:], true
		}
		from = at + 1
	}
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}
