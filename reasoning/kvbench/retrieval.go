package kvbench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
)

// Retrieval is how well facts are found again in long prompts.
type Retrieval struct {
	Method string `json:"method"`
	// Lists of labels with identifiers; one label is asked for, and the answer
	// is the identifier of the list that the model finds likeliest: a ranking. Aware says
	// that the cache was compressed after it had seen the question.
	IRIs      int     `json:"iris"`
	Aware     bool    `json:"aware"`
	Hits1     float64 `json:"hits1"`  // percent
	Margin    float64 `json:"margin"` // of the right IRI over the best other, nats
	Questions int     `json:"questions"`
	// A number in filler text, asked for at the end: exact under greedy
	// decoding, and the mean log-probability of the answer.
	PassTokens int     `json:"pass_tokens"`
	PassExact  float64 `json:"pass_exact"` // percent
	PassLogP   float64 `json:"pass_logp"`
}

// words are labels, all different: a small model mixes up names that share one.
var words = strings.Fields(`
harbour mill bridge garden station market tower meadow chapel river quarry lantern orchard field gate ridge
apple doctor violin tiger copper window engine castle desert island planet silver winter forest candle ladder
button pocket pencil rabbit kettle mirror blanket basket hammer needle ribbon saddle pepper ginger lemon cherry
walnut butter honey sugar coffee bottle carpet cotton velvet marble timber gravel anchor sailor pirate captain
soldier farmer baker tailor painter singer dancer writer lawyer banker miner hunter fisher king queen prince
bishop knight wizard dragon eagle falcon pigeon spider beetle turtle monkey camel donkey wolf bear fox
`)

// list is a prompt of n labels with identifiers.
type list struct {
	text   string
	labels []string
	iris   []string
}

func makeList(r *rand.Rand, n int) list {
	var l list
	var b strings.Builder
	for _, i := range r.Perm(len(words))[:n] {
		iri := fmt.Sprintf("Q%d", 1000+r.IntN(9000))
		l.labels, l.iris = append(l.labels, words[i]), append(l.iris, iri)
		fmt.Fprintf(&b, "The identifier of %s is %s.\n", words[i], iri)
	}
	l.text = b.String()
	return l
}

// Retrieve measures a candidate: lists lists of iris labels with questions
// each, compressed before (aware false) or after the question is known.
func Retrieve(ctx context.Context, c Candidate, iris, lists, questions int, aware bool) (Retrieval, error) {
	m := c.Model
	iris = min(iris, len(words))
	out := Retrieval{Method: c.Name, IRIs: iris, Aware: aware}
	for i := range lists {
		r := rand.New(rand.NewPCG(uint64(iris), uint64(i)))
		l := makeList(r, iris)
		base := m.Start()
		if err := m.Prefill(ctx, base, m.Tokenizer.Encode(l.text)); err != nil {
			base.Release()
			return out, err
		}
		if !aware {
			base.EndPrompt()
		}
		for range questions {
			wanted := r.IntN(iris)
			b := base.Fork()
			err := m.Prefill(ctx, b, m.Tokenizer.Encode("The identifier of "+l.labels[wanted]+" is"))
			if err == nil && aware {
				b.EndPrompt()
			}
			var scores []float64
			if err == nil {
				scores, err = rank(ctx, m, b, l.iris)
			}
			b.Release()
			if err != nil {
				base.Release()
				return out, err
			}
			best := math.Inf(-1)
			for j, s := range scores {
				if j != wanted && l.iris[j] != l.iris[wanted] {
					best = max(best, s)
				}
			}
			if scores[wanted] > best {
				out.Hits1++
			}
			out.Margin += scores[wanted] - best
			out.Questions++
		}
		base.Release()
	}
	out.Hits1 *= 100 / float64(out.Questions)
	out.Margin /= float64(out.Questions)
	return out, nil
}

// rank returns the log-probabilities of answers among themselves: what a
// decoder would write that can write nothing else.
func rank(ctx context.Context, m *decode.Model, b *decode.Branch, answers []string) ([]float64, error) {
	texts := make([][]int32, len(answers))
	for i, a := range answers {
		texts[i] = m.Tokenizer.Encode(" " + a + ".")
	}
	nodes, ends := decode.Trie(texts)
	t, err := m.TreeAfter(ctx, b, nodes, false)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(answers))
	for i, e := range ends {
		out[i] = t.SumQ[e]
	}
	return out, nil
}

// PassKey hides a number of five digits at several depths in filler text of
// about n tokens and asks for it at the end.
func PassKey(ctx context.Context, c Candidate, n, seeds int, out *Retrieval) error {
	m := c.Model
	filler := m.Tokenizer.Encode("The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.\n")
	question := m.Tokenizer.Encode("What is the pass key? The pass key is")
	count := 0
	for seed := range seeds {
		for _, depth := range []float64{0.1, 0.3, 0.5, 0.7, 0.9} {
			r := rand.New(rand.NewPCG(uint64(n), uint64(seed)))
			key := fmt.Sprint(10000 + r.IntN(90000))
			needle := m.Tokenizer.Encode("The pass key is " + key + ". Remember it. " + key + " is the pass key.\n")
			answer := m.Tokenizer.Encode(" " + key)
			var ids []int32
			room := n - len(needle) - len(question)
			for len(ids) < int(depth*float64(room)) {
				ids = append(ids, filler...)
			}
			ids = append(ids, needle...)
			for len(ids) < n-len(question) {
				ids = append(ids, filler...)
			}
			b := m.Start()
			err := m.Prefill(ctx, b, ids)
			if err == nil {
				b.EndPrompt()
				err = m.Prefill(ctx, b, question)
			}
			exact := true
			for i := 0; err == nil && i < len(answer); i++ {
				logits := b.Logits()
				exact = exact && decode.Greedy(logits) == answer[i]
				out.PassLogP += logP(logits, answer[i])
				count++
				err = m.Step([]*decode.Branch{b}, answer[i:i+1])
			}
			b.Release()
			if err != nil {
				return err
			}
			if exact {
				out.PassExact += 100 / float64(5*seeds)
			}
		}
	}
	out.PassTokens = n
	out.PassLogP /= float64(count)
	return nil
}

func logP(logits []float32, id int32) float64 {
	top := math.Inf(-1)
	for _, x := range logits {
		top = max(top, float64(x))
	}
	var sum float64
	for _, x := range logits {
		sum += math.Exp(float64(x) - top)
	}
	return float64(logits[id]) - top - math.Log(sum)
}
