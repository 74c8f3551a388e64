package reasoning

import (
	"math"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
)

// signals are what the confidence rests on.
func (t *task) signals() verify.Signals {
	best := t.scored[t.chosen]
	d := &t.drafts[t.chosen]
	s := verify.Signals{
		Weight: t.groups[0].Weight, Gain: t.groups[0].Gain, PerToken: best.PerToken, Lowest: best.Lowest, SumQ: best.Features.SumQ, None: t.none,
		Mass: t.mass(), Free: wordOverlap(t.free, d.Text),
		D: d.D, Cos: d.Cos, Fit: t.expl.Fit, Missing: t.expl.BestFit - t.expl.Fit, Unused: t.expl.Unused, Strange: float64(t.expl.Strange),
		Unknown: float64(len(t.linked.Unknown)), Idle: t.idle(d.Pipeline), Relations: log1(len(t.view.Graph.Relations())),
		Steps: float64(len(d.Pipeline.Ops)),
	}
	if d.Pipeline.End.Kind != constrain.List {
		s.Steps++
	}
	s.Margin = s.Weight
	if len(t.groups) > 1 {
		s.Margin -= t.groups[1].Weight
	}
	for _, g := range t.groups {
		if g.Weight > 0 {
			s.Entropy -= g.Weight * math.Log(g.Weight)
		}
	}
	if d.Mention >= 0 {
		m := &t.linked.Mentions[d.Mention]
		s.Link = m.Score
		s.Ambiguous = log1(len(m.Nodes) - 1)
		if m.Partial {
			s.Partial = 1
		}
	}
	s.Size = log1(rows(best.result))
	s.TypeClash = t.typeClash(best.result)
	return s
}

// mass is the log of the probability that the decoder, with its whole
// vocabulary to choose from, gives to all drafts together: what it would rather
// have said about something that the graph lacks is missing from it.
func (t *task) mass() float64 {
	if t.opt.Decoder == nil {
		return 0
	}
	sum := 0.0
	for i := range t.scored {
		sum += math.Exp(t.scored[i].Score.SumP)
	}
	return math.Log(max(sum, 1e-30))
}

// idle is the share of the question's sure names that a query leaves out.
func (t *task) idle(p constrain.Pipeline) float64 {
	n, out := 0, 0
	names := p.Names()
	for _, m := range t.linked.Mentions {
		if m.Ref > 0 && m.Score >= link.SecureScore {
			n++
			if !slices.Contains(names, m.Name) {
				out++
			}
		}
	}
	return float64(out) / float64(max(n, 1))
}

// wordOverlap is the F1 of the words of two texts.
func wordOverlap(a, b string) float64 {
	if a == "" || b == "" {
		return 0
	}
	have := map[string]int{}
	n := 0
	for w := range strings.FieldsSeq(a) {
		have[w]++
		n++
	}
	both, m := 0, 0
	for w := range strings.FieldsSeq(b) {
		if have[w] > 0 {
			have[w]--
			both++
		}
		m++
	}
	return 2 * float64(both) / float64(max(n+m, 1))
}
