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
	Context   int          `json:"context"`
	Rows      []Row        `json:"rows"`
	Retrieval []Retrieval  `json:"retrieval,omitempty"`
	Layers    []LayerError `json:"layers,omitempty"`
	Speed     []Speed      `json:"speed,omitempty"`
	Err       []string     `json:"errors,omitempty"`
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
	if r.Layers && stats != nil {
		n := m.Shape().Layers
		for i, name := range r.Methods {
			p, err := parsed[i].Policy(m.Shape(), stats, m.Turn)
			if err != nil || p.Layers == nil {
				continue // exact, or left out above
			}
			e, err := Layers(name, p, stats.Recording, []int{0, n / 2, n - 1})
			if err != nil {
				return nil, err
			}
			out.Layers = append(out.Layers, e...)
		}
	}
	all := append([]Candidate{{"f16", m}}, methods...)
	if r.Retrieval {
		for _, c := range all {
			for _, aware := range []bool{false, true} {
				x, err := Retrieve(ctx, c, 60, 3, 8, aware)
				if err == nil && !aware {
					err = PassKey(ctx, c, min(r.Context, m.Config.Context)-16, 1, &x)
				}
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.Name, err)
				}
				out.Retrieval = append(out.Retrieval, x)
			}
		}
	}
	if r.Speed {
		for _, c := range all {
			for _, n := range []int{1024, min(8192, m.Config.Context)} {
				x, err := Attention(m, c, n)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.Name, err)
				}
				out.Speed = append(out.Speed, x)
			}
			x, err := Steps(ctx, c, min(2048, m.Config.Context-64), 5)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			out.Speed = append(out.Speed, x...)
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
	if len(r.Retrieval) > 0 {
		fmt.Fprintf(w, "method\tiris\tquestion\thits1%%\tmargin\tn\tpass_tokens\tpass_exact%%\tpass_logp\n")
	}
	for _, x := range r.Retrieval {
		fmt.Fprintf(w, "%s\t%d\t%s\t%.1f\t%.3f\t%d\t%d\t%.0f\t%.4f\n", x.Method, x.IRIs, map[bool]string{false: "unseen", true: "seen"}[x.Aware], x.Hits1, x.Margin, x.Questions, x.PassTokens, x.PassExact, x.PassLogP)
	}
	if len(r.Layers) > 0 {
		fmt.Fprintf(w, "method\tlayer\toutput\toutput99\tattention_kl\ttop8%%\tkeys_only\tvalues_only\tweighted_key_error\n")
	}
	for _, x := range r.Layers {
		fmt.Fprintf(w, "%s\t%d\t%.4f\t%.4f\t%.5f\t%.1f\t%.4f\t%.4f\t%.6f\n", x.Method, x.Layer, x.Output, x.Output99, x.KL, x.Top8, x.KeysOnly, x.ValsOnly, x.Weighted)
	}
	if len(r.Speed) > 0 {
		fmt.Fprintf(w, "name\tmethod\tn\twall_us\tcpu_us\tbytes\tallocs\tbaseline\tratio\n")
	}
	for _, x := range r.Speed {
		fmt.Fprintf(w, "%s\t%s\t%d\t%.3f\t%.3f\t%d\t%.2f\t%s\t%.3f\n", x.Name, x.Method, x.N, float64(x.Wall.Nanoseconds())/1e3, float64(x.CPU.Nanoseconds())/1e3, x.Bytes, x.Allocs, x.Baseline, x.Ratio)
	}
	for _, e := range r.Err {
		fmt.Fprintf(w, "# left out: %s\n", e)
	}
}
