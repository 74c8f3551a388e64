package train

import (
	"fmt"
	"iter"

	"github.com/quaestor-kg/quaestor/reasoning/token"
	"github.com/quaestor-kg/quaestor/reasoning/train/corpus"
	"github.com/quaestor-kg/quaestor/reasoning/train/model"
)

// endMark ends every query. It is the only control token.
const endMark = "<|endoftext|>"

// encoder is the tokenizer with a memory of the texts it has seen: queries of
// one graph repeat a lot.
type encoder struct {
	*token.BPE
	seen map[string][]int32
}

// query returns the tokens of a query as they follow a prompt.
func (e *encoder) query(text string) []int32 {
	ids, ok := e.seen[text]
	if !ok {
		ids = append(e.Append(nil, " "+text, false), e.Eos)
		if len(e.seen) > 1<<20 {
			clear(e.seen)
		}
		e.seen[text] = ids
	}
	return ids
}

// row is a tokenised example: a chain of tokens and, for each of those that
// belong to the query, what could stand there instead.
type row struct {
	tokens []uint16
	prompt int32 // tokens of the prompt; the query begins here
	last   uint16
	among  []uint16 // the alternatives of all places, one after another
	at     []uint16 // where those of each place begin; one more than places
}

// tree unpacks a row.
func (r *row) tree() model.Tree {
	t := model.Tree{Tokens: make([]int32, len(r.tokens)), Parent: make([]int32, len(r.tokens))}
	for i, tok := range r.tokens {
		t.Tokens[i], t.Parent[i] = int32(tok), int32(i)-1
	}
	among := make([]int32, len(r.among))
	for i, a := range r.among {
		among[i] = int32(a)
	}
	for i := range len(r.at) - 1 {
		node := r.prompt - 1 + int32(i)
		next := int32(r.last)
		if int(node)+1 < len(r.tokens) {
			next = t.Tokens[node+1]
		}
		t.Targets = append(t.Targets, model.Target{Node: node, Token: next, Among: among[r.at[i]:r.at[i+1]]})
	}
	return t
}

// pack is the inverse of tree, for the chains that NewTree makes.
func pack(t model.Tree, prompt int) row {
	r := row{prompt: int32(prompt), at: []uint16{0}}
	for _, tok := range t.Tokens {
		r.tokens = append(r.tokens, uint16(tok))
	}
	for _, g := range t.Targets {
		for _, a := range g.Among {
			r.among = append(r.among, uint16(a))
		}
		r.at = append(r.at, uint16(len(r.among)))
		r.last = uint16(g.Token)
	}
	return r
}

// maxPieces is what row can hold.
const maxPieces = 1 << 16

// load reads the rows, learns the tokenizer and splits off the held rows.
func (t *trainer) load() error {
	if t.Pieces > maxPieces {
		return fmt.Errorf("train: %d pieces, at most %d", t.Pieces, maxPieces)
	}
	var all []corpus.Row
	for _, path := range t.Data {
		for r, err := range corpus.Read(path) {
			if err != nil {
				return err
			}
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("train: no rows in %v", t.Data)
	}
	bpe, err := t.tokenizer(all)
	if err != nil {
		return err
	}
	t.tok = encoder{bpe, map[string][]int32{}}
	var candidates [][]int32
	for i := range all {
		r := &all[i]
		prompt := t.tok.Encode(r.Prompt)
		candidates = append(candidates[:0], t.tok.query(r.Gold))
		for _, w := range r.Wrong {
			candidates = append(candidates, t.tok.query(w))
		}
		tree, err := model.NewTree(prompt, candidates, 0)
		if err != nil {
			return fmt.Errorf("train: question %q: %w", r.Prompt, err)
		}
		if len(tree.Tokens) > t.Model.Context {
			continue
		}
		if p := pack(tree, len(prompt)); fraction(r.Prompt) < t.Held {
			if len(t.held) < t.HeldRows {
				t.held = append(t.held, p)
			}
		} else {
			t.rows = append(t.rows, p)
		}
	}
	if len(t.rows) == 0 && !t.measuring {
		return fmt.Errorf("train: none of the %d rows is left to train on: lower the held share %g", len(all), t.Held)
	}
	return nil
}

// tokenizer learns a tokenizer from the rows, or takes that of the model the
// run goes on from.
func (t *trainer) tokenizer(rows []corpus.Row) (*token.BPE, error) {
	if t.Start != "" {
		w, bpe, err := Open(t.Start)
		if err != nil {
			return nil, fmt.Errorf("train: start: %w", err)
		}
		t.from = w
		return bpe, nil
	}
	bpe, err := token.Train(texts(rows), t.Pieces, token.GPT2, []string{endMark})
	if err != nil {
		return nil, fmt.Errorf("train: tokenizer: %w", err)
	}
	bpe.Eos, _ = bpe.Find(endMark)
	bpe.Bos = -1
	return bpe, nil
}

// texts yields what the tokenizer is learned from: prompts, right queries and a
// few wrong ones, so that names of relations become few pieces.
func texts(rows []corpus.Row) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range rows {
			r := &rows[i]
			if !yield(r.Prompt) || !yield(" "+r.Gold) {
				return
			}
			for k := 0; k < min(2, len(r.Wrong)); k++ {
				if !yield(" " + r.Wrong[k]) {
					return
				}
			}
		}
	}
}
