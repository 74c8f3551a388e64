// Package rank mixes what the decoder and the cheap scores say about a draft
// into one score, and fits the weights of the mix.
package rank

import (
	"math"
	"math/rand/v2"
)

// Features of one draft of a question.
type Features struct {
	SumQ     float64 // log-probability renormalised over the drafts
	SumP     float64 // log-probability under the whole vocabulary
	PerToken float64 // SumP per token
	D        float64 // fit of link and relations (draft.Draft.D)
	Cos      float64 // cosine of question and whole draft
	Cover    float64 // share of the question's words that the draft explains
}

const dim = 6

func (f Features) vector() [dim]float64 {
	return [dim]float64{f.SumQ, f.SumP, f.PerToken, f.D, f.Cos, f.Cover}
}

// Weights of the mix. The score of a draft is their dot product with its
// features.
type Weights struct {
	SumQ     float64 `json:"sum_q"`
	SumP     float64 `json:"sum_p"`
	PerToken float64 `json:"per_token"`
	D        float64 `json:"d"`
	Cos      float64 `json:"cos"`
	Cover    float64 `json:"cover"`
}

// Default weights of a mix with an unknown decoder, fitted on graphs that the
// decoder had not seen.
var Default = Weights{SumQ: 0.26, SumP: -0.015, PerToken: 0.62, D: 4.1, Cos: 3.6}

// Floor ranks without any decoder. A mix is only used where it is better.
var Floor = Weights{D: 4.1, Cos: 3.6}

func (w Weights) vector() [dim]float64 {
	return [dim]float64{w.SumQ, w.SumP, w.PerToken, w.D, w.Cos, w.Cover}
}

func fromVector(v [dim]float64) Weights { return Weights{v[0], v[1], v[2], v[3], v[4], v[5]} }

// Score of one draft.
func (w Weights) Score(f Features) float64 {
	s := 0.0
	a, b := w.vector(), f.vector()
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// Softmax turns scores into weights that sum to 1.
func Softmax(scores []float64) []float64 {
	out := make([]float64, len(scores))
	if len(scores) == 0 {
		return out
	}
	most := math.Inf(-1)
	for _, s := range scores {
		most = max(most, s)
	}
	sum := 0.0
	for i, s := range scores {
		out[i] = math.Exp(s - most)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// Group is one question of a training set: its drafts and how right each is
// (F1 of its answers).
type Group struct {
	Features []Features
	Right    []float64
}

// Fit finds the weights that give the most probability to right drafts: it
// maximises the mean of log sum_i softmax(score)_i right_i over the groups that
// have a right draft, with a small penalty on the size of the weights, by
// gradient ascent with adaptive steps. The start is Default, so few data stay
// close to it. The same seed gives the same weights.
func Fit(groups []Group, seed uint64) Weights {
	w := Default.vector()
	var usable []Group
	for _, g := range groups {
		for _, r := range g.Right {
			if r > 0.5 {
				usable = append(usable, g)
				break
			}
		}
	}
	if len(usable) == 0 {
		return Default
	}
	// Features have different scales: steps are in units of their spread.
	scale := spread(usable)
	const (
		rounds  = 60
		penalty = 0.002
	)
	rng := rand.New(rand.NewPCG(seed, 1))
	var m, v [dim]float64
	t := 0
	for range rounds {
		for range len(usable) {
			g := usable[rng.IntN(len(usable))]
			grad := gradient(w, g)
			t++
			lr := 0.05 / (1 + float64(t)/float64(10*len(usable)))
			for i := range w {
				x := grad[i]/scale[i] - penalty*(w[i]-Default.vector()[i])*scale[i]
				m[i] = 0.9*m[i] + 0.1*x
				v[i] = 0.99*v[i] + 0.01*x*x
				mh, vh := m[i]/(1-math.Pow(0.9, float64(t))), v[i]/(1-math.Pow(0.99, float64(t)))
				w[i] += lr * mh / (math.Sqrt(vh) + 1e-8) / scale[i]
			}
		}
	}
	return fromVector(w)
}

// gradient of log sum_i p_i right_i.
func gradient(w [dim]float64, g Group) [dim]float64 {
	scores := make([]float64, len(g.Features))
	for i, f := range g.Features {
		scores[i] = fromVector(w).Score(f)
	}
	p := Softmax(scores)
	total := 0.0
	for i := range p {
		total += p[i] * g.Right[i]
	}
	var out [dim]float64
	if total < 1e-12 {
		total = 1e-12
	}
	for i, f := range g.Features {
		c := p[i]*g.Right[i]/total - p[i]
		for k, x := range f.vector() {
			out[k] += c * x
		}
	}
	return out
}

func spread(groups []Group) [dim]float64 {
	var out [dim]float64
	n := 0.0
	for _, g := range groups {
		var mean [dim]float64
		for _, f := range g.Features {
			for k, x := range f.vector() {
				mean[k] += x / float64(len(g.Features))
			}
		}
		for _, f := range g.Features {
			for k, x := range f.vector() {
				out[k] += (x - mean[k]) * (x - mean[k])
			}
			n++
		}
	}
	for k := range out {
		out[k] = max(math.Sqrt(out[k]/max(n, 1)), 1e-3)
	}
	return out
}

// Expected is the mean F1 of the best draft under the weights.
func Expected(w Weights, groups []Group) float64 {
	sum := 0.0
	for _, g := range groups {
		best, at := math.Inf(-1), -1
		for i, f := range g.Features {
			if s := w.Score(f); s > best {
				best, at = s, i
			}
		}
		if at >= 0 {
			sum += g.Right[at]
		}
	}
	return sum / float64(max(len(groups), 1))
}

// NeverBelow returns the mix, or the floor where the mix is worse on the held
// out groups.
func NeverBelow(mix Weights, held []Group) Weights {
	if Expected(mix, held) < Expected(Floor, held) {
		return Floor
	}
	return mix
}
