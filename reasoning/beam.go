package reasoning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/automaton"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// Constraint says how queries are written when the decoder writes them token by
// token, instead of choosing among the drafts that the graph supports. It
// exists to measure what the constraint is worth.
type Constraint string

// Constraints.
const (
	// Enumerated: the decoder judges enumerated drafts; nothing is written.
	Enumerated Constraint = ""
	// Full: grammar, names and live graph.
	Full Constraint = "full"
	// Names: grammar and names, any relation after anything.
	Names Constraint = "names"
	// Free: any text.
	Free Constraint = "none"
)

// ErrInexecutable: none of the texts that the decoder wrote is a query over
// names of the graph.
var ErrInexecutable = errors.New("no written text is an executable query")

// maxWritten is the longest query in tokens.
const maxWritten = 64

// Written is a text that the decoder wrote.
type Written struct {
	decode.Hypothesis
	Text string // without the leading space
}

// Write lets the decoder write queries for a linked question by beam search
// under a constraint, best first.
func (d *Model) Write(ctx context.Context, x *automaton.Index, q *link.Linked, c Constraint, width int) (out []Written, err error) {
	err = d.onDevice(func() (err error) { out, err = d.write(ctx, x, q, c, width); return })
	return out, err
}

func (d *Model) write(ctx context.Context, x *automaton.Index, q *link.Linked, c Constraint, width int) ([]Written, error) {
	tok := d.m.Tokenizer
	ids := tok.Encode(q.Prompt)
	if tok.AddBOS {
		ids = append([]int32{tok.Bos}, ids...)
	}
	prompt := d.m.Start()
	defer prompt.Release()
	if err := d.m.Prefill(ctx, prompt, ids); err != nil {
		return nil, err
	}
	o := decode.BeamOptions{Width: width, Max: maxWritten, End: tok.Eos}
	var hyps []decode.Hypothesis
	var err error
	switch c {
	case Free:
		hyps, err = decode.Beam(ctx, d.m, prompt, decode.Anything{}, o)
	case Full, Names:
		opt := automaton.Options{Refs: q.Refs, None: true}
		if c == Names {
			opt.Mode = automaton.Names
		}
		for _, n := range q.Numbers {
			if !slices.Contains(opt.Numbers, n.Text) {
				opt.Numbers = append(opt.Numbers, n.Text)
			}
		}
		for _, n := range draft.SmallNumbers(q) {
			if !slices.Contains(opt.Numbers, n) {
				opt.Numbers = append(opt.Numbers, n)
			}
		}
		hyps, err = decode.Beam(ctx, d.m, prompt, automaton.New(x, d.vocab(), opt), o)
	default:
		return nil, fmt.Errorf("constraint %q: it is one of full, names and none", c)
	}
	if err != nil {
		return nil, err
	}
	out := make([]Written, len(hyps))
	for i, h := range hyps {
		text := h.Tokens
		if n := len(text); n > 0 && text[n-1] == tok.Eos {
			text = text[:n-1]
		}
		out[i] = Written{h, strings.TrimPrefix(tok.Decode(text), " ")}
	}
	return out, nil
}

// vocab lays out the tokens for automata, once.
func (d *Model) vocab() *automaton.Vocab {
	d.once.Do(func() {
		tok := d.m.Tokenizer
		tokens := make([][]byte, d.m.Config.Vocab)
		for i := range min(tok.Size(), len(tokens)) {
			if !tok.Control(int32(i)) {
				tokens[i] = tok.Bytes(int32(i))
			}
		}
		d.v = automaton.NewVocab(tokens, tok.Eos)
	})
	return d.v
}

// joinWritten adds to the drafts what the decoder writes under the full
// constraint: long chains that the enumeration cut off.
func (t *task) joinWritten(m *Model) error {
	written, err := m.Write(t.ctx, t.view.index(), t.linked, Full, t.opt.Written)
	if err != nil {
		return err
	}
	var ps []constrain.Pipeline
	for _, w := range written {
		t.answer.Tokens += len(w.Tokens)
		if w.Text == "none" {
			continue
		}
		p, err := constrain.Parse(w.Text)
		if err != nil {
			return err // the constraint promised that it parses
		}
		if p, err = p.Bind(t.linked.Refs); err != nil {
			return err
		}
		ps = append(ps, p)
	}
	t.drafts, err = t.view.Drafts.Join(t.ctx, t.linked, t.drafts, ps)
	return err
}

// writeFreely fills the drafts with what the decoder writes. Texts that are no
// query, name what is not there, or say that nothing fits are left out.
func (t *task) writeFreely() error {
	m, ok := t.opt.Decoder.(*Model)
	if !ok {
		return fmt.Errorf("constraint %q needs a decoder that can write", t.opt.Constraint)
	}
	width := cmp.Or(t.q.Beams, t.opt.Beams, 8)
	written, err := m.Write(t.ctx, t.view.index(), t.linked, t.opt.Constraint, width)
	if err != nil {
		return err
	}
	faults, none := 0, false
	for _, w := range written {
		t.answer.Tokens += len(w.Tokens)
		if w.Text == "none" {
			none = true
			continue
		}
		p, err := constrain.Parse(w.Text)
		if err == nil {
			p, err = p.Bind(t.linked.Refs)
		}
		var res constrain.Result
		if err == nil {
			res, err = t.view.Graph.Eval(t.ctx, p)
		}
		if err != nil {
			if t.ctx.Err() != nil {
				return t.ctx.Err()
			}
			faults++
			continue
		}
		mention := -1
		if p.Class == "" {
			mention = slices.IndexFunc(t.linked.Mentions, func(m link.Mention) bool { return m.Name == p.Start.Name })
		}
		t.drafts = append(t.drafts, draft.Draft{Pipeline: p, Text: w.Text, Mention: mention, Set: res.Nodes})
		s := scored{Score: Score{SumQ: w.LogP, SumP: w.LogP, Tokens: len(w.Tokens)}, result: res}
		s.Features.SumP = w.LogP
		s.PerToken = w.LogP / float64(max(len(w.Tokens), 1))
		t.scored = append(t.scored, s)
	}
	// Of several drafts the ones with an answer count, as is usual where the
	// constraint does not promise one.
	if full := slices.IndexFunc(t.scored, func(s scored) bool { return !s.result.Empty() }); full >= 0 {
		kept := 0
		for i, s := range t.scored {
			if !s.result.Empty() {
				t.scored[kept], t.drafts[kept] = s, t.drafts[i]
				kept++
			}
		}
		t.scored, t.drafts = t.scored[:kept], t.drafts[:kept]
	}
	if len(t.drafts) == 0 && faults > 0 && !none {
		return fmt.Errorf("%w: %q", ErrInexecutable, written[0].Text)
	}
	return nil
}
