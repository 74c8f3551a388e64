package method

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/budget"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/importance"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// Open returns the model with the cache that a specification asks for,
// calibrated on the built-in text if it needs that. Means and spreads are kept
// in the folder dir from one time to the next; "" keeps nothing.
func Open(ctx context.Context, m *decode.Model, spec, dir string) (*decode.Model, error) {
	s, err := Parse(spec)
	if err != nil {
		return nil, err
	}
	file := ""
	if dir != "" && s.calibrated() && !s.recorded() {
		sum := sha256.Sum256([]byte(CalibrationText))
		file = filepath.Join(dir, fmt.Sprintf("kv-%s-%x.stats", m.Fingerprint(), sum[:4]))
		if b, err := os.ReadFile(file); err == nil {
			if stats, err := decodeStats(b, m); err == nil {
				return With(m, s, stats)
			} // a damaged or older file is made anew
		}
	}
	stats, err := Calibrate(ctx, m, "", s)
	if err != nil {
		return nil, err
	}
	if file != "" {
		// Without the file the next start takes longer; that is no failure.
		if err := os.MkdirAll(dir, 0o755); err == nil {
			if err := os.WriteFile(file+".new", stats.encode(), 0o644); err == nil {
				os.Rename(file+".new", file)
			}
		}
	}
	return With(m, s, stats)
}

// With returns the model with the cache that a specification asks for.
func With(m *decode.Model, s *Spec, stats *Stats) (*decode.Model, error) {
	policy, err := s.Policy(m.Shape(), stats, m.Turn)
	if err != nil {
		return nil, err
	}
	policy.Model = m.Fingerprint()
	return m.WithCache(func(sh kvcache.Shape, pool *cpu.Pool) (kvcache.Store, error) {
		return kvcache.New(sh, *policy, pool)
	})
}

// signs seeds the random signs of Hadamard rotations: part of the format.
const signs = 0x7175616573746f72

// Policy builds the policy for a model of a shape. stats may be nil when the
// specification is not calibrated.
func (s *Spec) Policy(sh kvcache.Shape, stats *Stats, turn func(x []float32, position int, back bool)) (*kvcache.Policy, error) {
	if s.Exact != "" {
		return &kvcache.Policy{ID: s.Exact, Single: s.Exact == "f32"}, nil
	}
	if s.calibrated() && stats == nil {
		return nil, fmt.Errorf("the cache method %v needs statistics of the model", s)
	}
	p := &kvcache.Policy{ID: s.String(), Sink: s.Sink, Window: s.Window, Demote: s.Demote, Layers: make([]kvcache.Layer, sh.Layers)}
	if stats != nil {
		p.ID += "#" + stats.ID
	}
	errs := make([]error, sh.Layers)
	var wait sync.WaitGroup
	for part := range cpu.Default().Threads() {
		wait.Go(func() {
			for l := part; l < sh.Layers; l += cpu.Default().Threads() {
				b := &builder{sh: sh, stats: stats, layer: l, turn: turn}
				p.Layers[l], errs[l] = b.build(s)
			}
		})
	}
	wait.Wait()
	for l, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", l, err)
		}
	}
	if s.Bits > 0 {
		if err := s.mix(sh, stats, p); err != nil {
			return nil, err
		}
	}
	if s.Score != "" {
		p.Compress = s.compression(sh, stats)
		p.Compress.Turn = turn
	}
	if s.Pages != "" {
		r := &kvcache.Retrieval{Least: 2, Reuse: s.Reuse, Probe: s.Probe, Distance: s.Pages == "distance"}
		if !r.Distance {
			fmt.Sscan(s.Pages, &r.Share)
		}
		p.Retrieve = r
	}
	return p, nil
}

// builder makes the forms of one layer.
type builder struct {
	sh    kvcache.Shape
	stats *Stats
	layer int
	turn  func(x []float32, position int, back bool)
}

func (b *builder) build(s *Spec) (y kvcache.Layer, err error) {
	if y.K, err = b.form(s.K, s.KL, codec.Keys); err == nil {
		y.V, err = b.form(s.V, s.VL, codec.Values)
	}
	return y, err
}

func (b *builder) form(s Side, low *Side, side codec.Side) (f kvcache.Form, err error) {
	if s.Pre || s.Centre || s.Balance || s.Range || s.Hadamard || s.Rank > 0 {
		if f.Map, err = b.mapOf(s, side); err == nil {
			err = f.Map.Check(b.sh)
		}
		if err != nil {
			return f, err
		}
	}
	for _, t := range []*Side{&s, low} {
		if t == nil {
			continue
		}
		c, err := b.codec(*t, s, f.Map, side)
		if err != nil {
			return f, err
		}
		f.Tiers = append(f.Tiers, c)
	}
	return f, nil
}

func (b *builder) mapOf(s Side, side codec.Side) (*kvcache.Map, error) {
	sh := b.sh
	m := &kvcache.Map{Heads: sh.Heads, Dim: sh.Dim, Hadamard: s.Hadamard, Seed: signs, Pre: s.Pre}
	if s.Pre {
		m.Turn = b.turn
	}
	wide := sh.Heads * sh.Dim
	if b.stats == nil {
		return m, nil
	}
	st := &b.stats.Layers[b.layer]
	centre, around := st.VMean, st.VSpread
	if side == codec.Keys {
		centre, around = st.KMean, st.KSpread
		if s.Pre {
			centre, around = st.PreMean, st.PreSpread
		}
	}
	if s.Centre {
		m.Centre = centre
	}
	var x []float32
	if s.Range || s.Rank > 0 {
		x = b.stats.Recording.Layers[b.layer].V
		if side == codec.Keys {
			x = b.stats.Recording.Layers[b.layer].K
			if s.Pre {
				x = b.stats.preKeys(b.layer)
			}
		}
	}
	switch {
	case s.Range:
		m.Centre, m.Balance = make([]float32, wide), make([]float32, wide)
		channel := make([]float32, len(x)/wide)
		for c := range wide {
			for t := range channel {
				channel[t] = x[t*wide+c]
			}
			slices.Sort(channel)
			lo, hi := quantile(channel, 0.005), quantile(channel, 0.995)
			m.Centre[c], m.Balance[c] = (lo+hi)/2, 1
			if hi > lo {
				m.Balance[c] = 2 / (hi - lo)
			}
		}
	case s.Balance:
		m.Balance = make([]float32, wide)
		weight := st.Output
		if side == codec.Keys {
			weight = st.Query
		}
		spread := slices.Clone(around)
		if !s.Centre { // around nothing instead of around the mean
			for c := range spread {
				spread[c] = float32(math.Hypot(float64(spread[c]), float64(centre[c])))
			}
		}
		for h := range sh.Heads {
			balance(m.Balance[h*sh.Dim:(h+1)*sh.Dim], weight[h*sh.Dim:], spread[h*sh.Dim:])
		}
	case s.Rank > 0:
		if s.Rank > wide {
			return nil, fmt.Errorf("rank%d: the heads of a layer have %d channels together", s.Rank, wide)
		}
		_, v := eigen(covariance(x, wide, m.Centre), wide)
		m.Rank, m.Basis = s.Rank, make([]float32, wide*s.Rank)
		for c := range wide {
			for r := range s.Rank {
				m.Basis[c*s.Rank+r] = float32(v[c*wide+r])
			}
		}
	}
	return m, nil
}

// balance sets β to √(weight/spread), scaled to geometric mean 1 and bounded: a
// channel that hardly varies must not take over.
func balance(beta, weight, spread []float32) {
	var logs float64
	for c := range beta {
		b := math.Sqrt((float64(weight[c]) + 1e-6) / (float64(spread[c]) + 1e-6))
		beta[c] = float32(b)
		logs += math.Log(b)
	}
	mean := math.Exp(logs / float64(len(beta)))
	for c := range beta {
		beta[c] = float32(max(1.0/64, min(64, float64(beta[c])/mean)))
	}
}

// codec makes the number format of a side. first is the side that says how
// vectors are mapped.
func (b *builder) codec(s, first Side, m *kvcache.Map, side codec.Side) (c codec.Codec, err error) {
	f, err := parseFormat(s.Format)
	if err != nil {
		return nil, err
	}
	if f.Kind == codec.Table || f.Kind == codec.Fixed {
		f.Table = b.table(f.Format, first, s.Outliers, m, side)
	}
	return wrap(f, s, side)
}

// wrap makes the codec of a format and puts the wrappers of a side around it,
// from the inside out.
func wrap(f format, s Side, side codec.Side) (c codec.Codec, err error) {
	f.Channel = s.Channel
	switch {
	case f.float:
		c = codec.Float{Single: f.single}
	case s.Nested:
		c, err = codec.NewNested(f.Format, side)
	default:
		c, err = codec.NewScalar(f.Format, side)
	}
	if err != nil {
		return nil, err
	}
	if s.Outliers > 0 {
		c = codec.Outliers{Count: s.Outliers, Inner: c}
	}
	if s.LowRank > 0 {
		c = codec.LowRank{Rank: s.LowRank, Inner: c}
	}
	if s.Separable {
		c = codec.Separable{Inner: c}
	}
	return c, nil
}

// table fits the levels of a layer to its recorded vectors: k-means of the
// normalised numbers without outliers, keys weighed by the squared norm of the
// queries that meet their channel.
func (b *builder) table(f codec.Format, s Side, outliers int, m *kvcache.Map, side codec.Side) []float32 {
	sh := b.sh
	rec := &b.stats.Recording.Layers[b.layer]
	src := rec.V
	if side == codec.Keys {
		src = rec.K
	}
	var weight []float32
	if side == codec.Keys {
		weight = b.stats.Layers[b.layer].Query
	}
	var x, w []float64
	v := make([]float32, sh.Dim)
	for t := 0; t < b.stats.Recording.N; t += 4 {
		for h := range sh.Heads {
			copy(v, src[(t*sh.Heads+h)*sh.Dim:])
			if m != nil && m.Basis == nil {
				m.Forward(v, h, 1, b.stats.Recording.First+t)
			}
			lo, hi := float32(-1), float32(1)
			if f.Kind == codec.Table {
				sorted := slices.Sorted(slices.Values(v))
				cut := outliers
				lo, hi = sorted[cut/2], sorted[len(sorted)-1-(cut+1)/2]
			}
			if hi <= lo {
				continue
			}
			for c, y := range v {
				u := float64((2*y - lo - hi) / (hi - lo))
				if u < -1 || u > 1 {
					if outliers > 0 {
						continue
					}
					u = max(-1, min(1, u))
				}
				wc := 1.0
				if weight != nil {
					wc = float64(weight[h*sh.Dim+c]) * float64(weight[h*sh.Dim+c])
					if m != nil && m.Balance != nil {
						wc /= float64(m.Balance[h*sh.Dim+c]) * float64(m.Balance[h*sh.Dim+c])
					}
				}
				x, w = append(x, u), append(w, wc)
			}
		}
	}
	return kmeans(x, w, 1<<f.Bits)
}

// probeCount is the number of recent queries that signals see.
const probeCount = 64

func (s *Spec) compression(sh kvcache.Shape, stats *Stats) *kvcache.Compression {
	c := &kvcache.Compression{Keep: s.Keep, High: s.High, Shared: s.Shared, Crush: s.Crush, Threshold: s.Budget == "threshold"}
	if c.Keep == 0 {
		c.Keep = 1
	}
	window := probeCount
	switch s.Budget {
	case "entropy":
		window = 8
		c.Layers, c.Heads = stats.entropyBudgets()
	case "error":
		window = 8
		c.Layers = stats.errorBudgets(s)
	}
	switch s.Score {
	case "norm":
		c.Signal = importance.Norm
	case "keydiff":
		c.Signal = importance.KeyDiff
	case "lag":
		c.Signal = importance.Lag
	case "snap":
		c.Signal, c.Probes = importance.Snap(window, 5), probeCount
	case "retrieved":
		c.Signal, c.Probes = importance.Retrieved(8, 5), probeCount
		c.Retrieval = stats.Retrieval
	case "accumulated":
		c.Signal, c.Probes = importance.Accumulated, probeCount
	case "activation":
		c.Signal, c.Probes = importance.Activation, probeCount
	case "expected":
		c.Signal, c.Probes = importance.Expected, probeCount
	}
	return c
}

// entropyBudgets gives the half of all heads whose queries have the larger
// entropy three times what the others get (UNComp).
func (s *Stats) entropyBudgets() (layers []float64, heads [][]float64) {
	sh := s.Shape
	group := sh.QueryHeads / sh.Heads
	type head struct {
		layer, head int
		h           float64
	}
	var all []head
	for l := range s.Layers {
		q := s.Recording.Layers[l].Q
		n := s.Recording.N
		for h := range sh.Heads {
			// The mean query of the head, its rows centred and of unit length.
			x := make([]float32, n*sh.Dim)
			mean := make([]float32, sh.Dim)
			for t := range n {
				for g := range group {
					cpu.Axpy(1/float32(group), q[(t*sh.QueryHeads+h*group+g)*sh.Dim:][:sh.Dim], x[t*sh.Dim:(t+1)*sh.Dim])
				}
				cpu.Axpy(1/float32(n), x[t*sh.Dim:(t+1)*sh.Dim], mean)
			}
			for t := range n {
				row := x[t*sh.Dim : (t+1)*sh.Dim]
				cpu.Axpy(-1, mean, row)
				if d := cpu.Dot(row, row); d > 0 {
					cpu.Scale(float32(1/math.Sqrt(float64(d))), row)
				}
			}
			values, _ := eigen(covariance(x, sh.Dim, nil), sh.Dim)
			all = append(all, head{l, h, budget.Entropy(values, 32)})
		}
	}
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b head) int {
		switch {
		case a.h > b.h:
			return -1
		case a.h < b.h:
			return 1
		}
		return 0
	})
	layers, heads = make([]float64, sh.Layers), make([][]float64, sh.Layers)
	for l := range heads {
		heads[l] = make([]float64, sh.Heads)
	}
	for i, o := range order {
		w := 1.5
		if i >= len(order)/2 {
			w = 0.5
		}
		heads[o.layer][o.head] = w
		layers[o.layer] += w / float64(sh.Heads)
	}
	return layers, heads
}
