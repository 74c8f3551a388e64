package decode

import (
	"context"
	"math"
)

// Perplexity is how well a model predicts a text.
type Perplexity struct {
	Windows []float64 // mean negative log-likelihood per predicted token, in nats
	NLL     float64   // mean over the windows
	PPL     float64   // exp(NLL)
	Tokens  int       // tokens in the windows
}

// Perplexity cuts ids into whole windows, reads each on its own from position
// 0, and averages -log p of every token but the first given those before. The
// tail that fills no window is left out. progress, unless nil, is called after
// each window.
func (m *Model) Perplexity(ctx context.Context, ids []int32, window int, progress func(done, all int)) (Perplexity, error) {
	var p Perplexity
	if window < 2 || window > m.Config.Context {
		window = m.Config.Context
	}
	all := len(ids) / window
	for i := range all {
		nll, err := m.nll(ctx, ids[i*window:(i+1)*window])
		if err != nil {
			return p, err
		}
		p.Windows = append(p.Windows, nll)
		p.NLL += nll
		p.Tokens += window
		if progress != nil {
			progress(i+1, all)
		}
	}
	p.NLL /= float64(len(p.Windows))
	p.PPL = math.Exp(p.NLL)
	return p, nil
}

// nll returns the mean negative log-likelihood of ids[1:].
func (m *Model) nll(ctx context.Context, ids []int32) (float64, error) {
	if err := m.fits(0, ids); err != nil {
		return 0, err
	}
	b := m.Start()
	defer b.Release()
	r := m.runs.Get().(*run)
	defer m.runs.Put(r)
	d := m.Config.Dim
	var sum float64
	for from, n := 0, 0; from < len(ids); from += n {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n = b.chunk(len(ids) - from)
		m.read(r, b, ids[from:from+n])
		k := min(n, len(ids)-1-from) // the last token predicts nothing here
		states := r.x[:k*d]
		lse := m.logSumExps(states)
		for i := range k {
			logit := m.score(states[i*d:(i+1)*d], ids[from+i+1:from+i+2], nil)
			sum += lse[i] - float64(logit[0])
		}
	}
	return sum / float64(len(ids)-1), nil
}

// Logits returns the logits at every position of a text, [len(ids)][Vocab]:
// for looking into a model, not for long texts.
func (m *Model) Logits(ctx context.Context, ids []int32) ([]float32, error) {
	if err := m.fits(0, ids); err != nil {
		return nil, err
	}
	b := m.Start()
	defer b.Release()
	r := m.runs.Get().(*run)
	defer m.runs.Put(r)
	v := m.Config.Vocab
	out := make([]float32, len(ids)*v)
	for from, n := 0, 0; from < len(ids); from += n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n = b.chunk(len(ids) - from)
		m.read(r, b, ids[from:from+n])
		m.decoder.Logits(r.x[:n*m.Config.Dim], n, out[from*v:(from+n)*v])
	}
	return out, nil
}
