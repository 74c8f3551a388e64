package kvbench

import (
	"context"
	"fmt"
	"io"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/method"
)

// Text is a tokenised text to measure on.
type Text struct {
	Name string
	IDs  []int32
}

// Run is what to measure.
type Run struct {
	Methods                  []string
	Texts                    []Text
	Context, Windows         int
	Retrieval, Layers, Speed bool
	Smoke                    bool
	Progress                 func(done, all int)
	Calibration              string // text to calibrate on; "" = the built-in one
}

// Report is what was measured.
type Report struct {
	Context int      `json:"context"`
	Rows    []Row    `json:"rows"`
	Err     []string `json:"errors,omitempty"`
}

// Row is one method on one text.
type Row struct {
	Text string `json:"text"`
	Spec string `json:"spec"`
	Quality
}

// Do measures.
func (r Run) Do(ctx context.Context, m *decode.Model) (*Report, error) {
	if r.Smoke {
		r.Context, r.Windows = 512, 2
	}
	r.Context = min(r.Context, m.Config.Context)
	out := &Report{Context: r.Context}
	var methods []Candidate
	specs := map[string]string{}
	parsed := make([]*method.Spec, len(r.Methods))
	for i, name := range r.Methods {
		s, err := method.Parse(name)
		if err != nil {
			return nil, err
		}
		parsed[i] = s
	}
	stats, err := method.Calibrate(ctx, m, r.Calibration, parsed...)
	if err != nil {
		return nil, err
	}
	for i, name := range r.Methods {
		s := parsed[i]
		other, err := method.With(m, s, stats)
		if err != nil { // a model of another shape: the others still count
			out.Err = append(out.Err, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		specs[name] = s.String()
		methods = append(methods, Candidate{name, other})
	}
	for _, t := range r.Texts {
		q, err := Perplexity(ctx, m, methods, t.IDs, Options{Context: r.Context, Windows: r.Windows, Progress: r.Progress})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		for _, x := range q {
			out.Rows = append(out.Rows, Row{Text: t.Name, Spec: specs[x.Name], Quality: x})
		}
	}
	return out, nil
}

// TSV writes a row per method and text.
func (r *Report) TSV(w io.Writer) {
	fmt.Fprintf(w, "text\tcontext\tmethod\tbits\tbytes\tdppl%%\tlow\thigh\tkld\tlow\thigh\tkld99.9\tsame_top%%\tkept%%\ttokens\n")
	for _, x := range r.Rows {
		fmt.Fprintf(w, "%s\t%d\t%s\t%.3f\t%d\t%.3f\t%.3f\t%.3f\t%.5f\t%.5f\t%.5f\t%.4f\t%.2f\t%.1f\t%d\n",
			x.Text, r.Context, x.Name, x.BitsPerElement, x.Bytes, x.DPPL, x.DPPLLo, x.DPPLHi, x.KLD, x.KLDLo, x.KLDHi, x.KLD999, x.Same, 100*x.Kept, x.Tokens)
	}
	for _, e := range r.Err {
		fmt.Fprintf(w, "# left out: %s\n", e)
	}
}
