package reasoning

import (
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Phrases that ask for something that no statement of a graph can be: an
// opinion, instructions, or a conversation. Words that stand in names do not
// count.
var (
	opinions  = phrases("do you like, you like most, you like best, do you prefer, would you recommend, do you recommend, do you think, your opinion, your favourite, your favorite, should i, should we, would you say, do you believe, do you love, do you feel, what do you, tell me a joke, is it better to")
	howTos    = phrases("how do i, how can i, how should i, how do we, how can we, how to, how would i, write me, write a, explain to, please summarise, please summarize, translate, could you book, book me, give me tips")
	smallTalk = phrases("how are you, who are you, good morning, thank you, who am i")
)

func phrases(list string) [][]string {
	var out [][]string
	for p := range strings.SplitSeq(list, ", ") {
		out = append(out, strings.Fields(p))
	}
	return out
}

// notQuery refuses what cannot be looked up whatever the graph holds.
func (t *task) notQuery() *Refusal {
	if t.opt.Cost < 0 {
		return nil
	}
	words := make([]string, len(t.linked.Words))
	for i, w := range t.linked.Words {
		words[i] = w.Text
	}
	for _, m := range t.linked.Mentions {
		if m.Pinned || m.Score >= link.SecureScore {
			for i := m.From; i < m.To; i++ {
				words[i] = "" // a name
			}
		}
	}
	for _, kind := range []struct {
		phrases [][]string
		what    string
		opens   bool // only at the beginning of a question
	}{{opinions, "an opinion", false}, {howTos, "instructions or a text", true}, {smallTalk, "a conversation", false}} {
		for _, p := range kind.phrases {
			// "An instrument that she knows how to play" asks for no instructions.
			last := len(words) - len(p)
			if kind.opens {
				last = min(last, 0)
			}
			for i := 0; i <= last; i++ {
				if slices.Equal(words[i:i+len(p)], p) {
					return &Refusal{
						Code:    "not-a-query",
						Message: "The question asks for " + kind.what + " (" + quoteWords(strings.Join(p, " ")) + "). The graph holds facts: ask what is stated of a thing.",
						Tried:   []string{"the words of the question outside of names"},
					}
				}
			}
		}
	}
	return nil
}
