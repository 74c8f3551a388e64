package reasoning

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/constrain/automaton"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Score is what a decoder says about one text.
type Score struct {
	SumQ   float64 // log-probability renormalised over the texts it was given
	SumP   float64 // log-probability under its whole vocabulary
	Lowest float64 // mean of its three lowest log-probabilities
	Tokens int     // with the end mark
}

// Decoder judges queries by a question.
type Decoder interface {
	// Name is shown to users and stands in calibrations.
	Name() string
	// Score scores texts as continuations of a prompt.
	Score(ctx context.Context, prompt string, texts []string) ([]Score, error)
}

// Model is a Decoder over a language model: all texts go through it in one
// pass, as a trie.
type Model struct {
	name string
	m    *decode.Model
	once sync.Once
	v    *automaton.Vocab
}

// NewModel returns the decoder of an open model.
func NewModel(name string, m *decode.Model) *Model { return &Model{name: name, m: m} }

// Name implements Decoder.
func (d *Model) Name() string { return d.name }

// Unwrap returns the language model.
func (d *Model) Unwrap() *decode.Model { return d.m }

// onDevice runs f, a second time on the processor if the device fails: a lost GPU
// must not lose the question.
func (d *Model) onDevice(f func() error) error {
	err := tensor.Guard(f)
	var lost *tensor.DeviceError
	if !errors.As(err, &lost) {
		return err
	}
	slog.Error("the decoder's device failed, going on with the processor", "device", lost.Backend, "error", lost.Err)
	if e := d.m.Failover(); e != nil {
		return errors.Join(err, e)
	}
	return f()
}

// Score implements Decoder.
func (d *Model) Score(ctx context.Context, prompt string, texts []string) (out []Score, err error) {
	err = d.onDevice(func() (err error) { out, err = d.score(ctx, prompt, texts); return })
	return out, err
}

func (d *Model) score(ctx context.Context, prompt string, texts []string) ([]Score, error) {
	out := make([]Score, len(texts))
	if len(texts) == 0 {
		return out, nil
	}
	tok := d.m.Tokenizer
	conts := make([][]int32, len(texts))
	for i, t := range texts {
		conts[i] = append(tok.Encode(" "+t), tok.Eos)
		out[i].Tokens = len(conts[i])
	}
	ids := tok.Encode(prompt)
	if tok.AddBOS {
		ids = append([]int32{tok.Bos}, ids...)
	}
	nodes, ends := decode.Trie(conts)
	scores, err := d.m.Tree(ctx, ids, nodes, true)
	if err != nil {
		return nil, err
	}
	for i, e := range ends {
		out[i].SumP, out[i].SumQ = scores.SumP[e], scores.SumQ[e]
		var ps []float64
		for n := e; n >= 0; n = nodes[n].Parent {
			ps = append(ps, scores.LogP[n])
		}
		slices.Sort(ps)
		ps = ps[:min(len(ps), 3)]
		for _, p := range ps {
			out[i].Lowest += p / float64(len(ps))
		}
	}
	return out, nil
}
