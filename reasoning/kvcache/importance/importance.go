// Package importance judges which past positions matter: the signals of the
// methods that keep some positions better than others. A signal looks at the
// keys and values of one layer and at some of the queries that have met them,
// and gives every position of every key/value head a number, more for more
// important.
package importance

import (
	"math"
	"slices"
)

// Layer is what a signal sees of one layer.
type Layer struct {
	Heads, QueryHeads, Dim int
	N                      int // positions
	Position               []int
	K, V                   []float32 // [Heads][N][Dim], keys after rotation
	// Queries after rotation, [Probes][QueryHeads][Dim], and their positions in
	// ascending order; the positions judged come before the last of them.
	Probes        int
	Q             []float32
	QueryPosition []int
	// Retrieval are the query heads that copy from afar (CompressKV); empty =
	// all.
	Retrieval []int
	// Turn rotates a query's vector to a position, or back.
	Turn func(x []float32, position int, back bool)
}

func (l *Layer) key(h, t int) []float32 { return l.K[(h*l.N+t)*l.Dim:][:l.Dim] }
func (l *Layer) val(h, t int) []float32 { return l.V[(h*l.N+t)*l.Dim:][:l.Dim] }

// Signal fills out [Heads][N].
type Signal func(l *Layer, out []float32)

func norm(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s)
}

func dot(a, b []float32) float64 {
	var s float64
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s
}

// Norm prefers keys of small norm, which attract attention: KNorm of kvpress.
func Norm(l *Layer, out []float32) {
	for h := range l.Heads {
		for t := range l.N {
			out[h*l.N+t] = float32(-norm(l.key(h, t)))
		}
	}
}

// KeyDiff prefers keys that point away from the mean direction of all keys.
func KeyDiff(l *Layer, out []float32) {
	mean := make([]float32, l.Dim)
	for h := range l.Heads {
		clear(mean)
		for t := range l.N {
			k := l.key(h, t)
			if n := norm(k); n > 0 {
				for c, x := range k {
					mean[c] += x / float32(n)
				}
			}
		}
		m := norm(mean)
		for t := range l.N {
			k := l.key(h, t)
			if d := norm(k) * m; d > 0 {
				out[h*l.N+t] = float32(-dot(k, mean) / d)
			}
		}
	}
}

// lagChunk is the number of positions that LagKV compares at a time.
const lagChunk = 128

// Lag compares every chunk with the next one: positions whose keys and values
// vary most after scaling to the next chunk's range are kept (LagKV). The last
// chunk, which has no next, is judged by the one before.
func Lag(l *Layer, out []float32) {
	for h := range l.Heads {
		for from := 0; from < l.N; from += lagChunk {
			to := min(l.N, from+lagChunk)
			ref, end := to, min(l.N, to+lagChunk)
			if ref >= end {
				ref, end = max(0, from-lagChunk), from
				if ref >= end {
					ref, end = from, to
				}
			}
			row := out[h*l.N+from : h*l.N+to]
			clear(row)
			for _, at := range []func(h, t int) []float32{l.key, l.val} {
				lagScores(l.Dim, h, from, to, ref, end, at, row)
			}
		}
	}
}

func lagScores(dim, h, from, to, ref, end int, at func(h, t int) []float32, row []float32) {
	lo, hi := slices.Clone(at(h, ref)), slices.Clone(at(h, ref))
	for t := ref + 1; t < end; t++ {
		for c, x := range at(h, t) {
			lo[c], hi[c] = min(lo[c], x), max(hi[c], x)
		}
	}
	std := make([]float64, to-from)
	var sum, top float64
	for t := from; t < to; t++ {
		var s, sq float64
		for c, x := range at(h, t) {
			y := 0.0
			if d := hi[c] - lo[c]; d > 0 {
				y = float64((x - lo[c]) / d)
			}
			s += y
			sq += y * y
		}
		n := float64(dim)
		std[t-from] = math.Sqrt(max(0, sq/n-(s/n)*(s/n)))
		top = max(top, std[t-from])
	}
	for i, s := range std {
		std[i] = math.Exp(s - top)
		sum += std[i]
	}
	for i, s := range std {
		row[i] += float32(s / sum)
	}
}

// eachProbe calls f with the attention of one probe's query head over the
// positions it may see, normalised over the n positions judged and nothing
// else.
func (l *Layer) eachProbe(f func(probe, head int, p []float64)) {
	p := make([]float64, l.N)
	group := l.QueryHeads / l.Heads
	scale := 1 / math.Sqrt(float64(l.Dim))
	for i := range l.Probes {
		for qh := range l.QueryHeads {
			if len(l.Retrieval) > 0 && !slices.Contains(l.Retrieval, qh) {
				continue
			}
			q := l.Q[(i*l.QueryHeads+qh)*l.Dim:][:l.Dim]
			top := math.Inf(-1)
			for t := range l.N {
				p[t] = math.Inf(-1)
				if l.Position[t] <= l.QueryPosition[i] {
					p[t] = scale * dot(q, l.key(qh/group, t))
					top = max(top, p[t])
				}
			}
			if math.IsInf(top, -1) {
				continue
			}
			var sum float64
			for t, s := range p {
				p[t] = math.Exp(s - top)
				sum += p[t]
			}
			for t := range p {
				p[t] /= sum
			}
			f(i, qh/group, p)
		}
	}
}

// Snap is the attention that the last window queries pay, averaged over the
// query heads of a key head and smoothed over width neighbours: SnapKV. Without
// smoothing single tokens of longer names would be lost.
func Snap(window, width int) Signal {
	return func(l *Layer, out []float32) {
		clear(out)
		l.eachProbe(func(i, h int, p []float64) {
			if i < l.Probes-window {
				return
			}
			for t, x := range p {
				out[h*l.N+t] += float32(x)
			}
		})
		for h := range l.Heads {
			pool(out[h*l.N:(h+1)*l.N], width)
		}
	}
}

// pool replaces x by its moving average.
func pool(x []float32, width int) {
	y := slices.Clone(x)
	r := width / 2
	for t := range x {
		var s float32
		for u := max(0, t-r); u <= min(len(x)-1, t+r); u++ {
			s += y[u]
		}
		x[t] = s / float32(width)
	}
}

// Accumulated is the attention that all probes pay, each position's sum divided
// by the number of probes that could see it: ZipCache's saliency, and H2O's
// without the bias towards old positions.
func Accumulated(l *Layer, out []float32) {
	clear(out)
	l.eachProbe(func(_, h int, p []float64) {
		for t, x := range p {
			out[h*l.N+t] += float32(x)
		}
	})
	for t := range l.N {
		seen := 0
		for _, q := range l.QueryPosition[:l.Probes] {
			if q >= l.Position[t] {
				seen++
			}
		}
		for h := range l.Heads {
			if seen > 0 {
				out[h*l.N+t] /= float32(seen)
			}
		}
	}
}

// Retrieved scores with the retrieval heads of the layer only and gives all
// heads the same numbers: CompressKV.
func Retrieved(window, width int) Signal {
	return func(l *Layer, out []float32) {
		Snap(window, width)(l, out)
		for t := range l.N {
			var s float32
			for h := range l.Heads {
				s += out[h*l.N+t]
			}
			for h := range l.Heads {
				out[h*l.N+t] = s
			}
		}
	}
}

// Expected is the attention that queries of the next 512 positions are expected
// to pay if they are distributed as the probes are before rotation, times the
// norm of the value: Expected Attention of kvpress. It needs no particular
// query.
func Expected(l *Layer, out []float32) {
	clear(out)
	const ahead = 512
	group := l.QueryHeads / l.Heads
	d := l.Dim
	from := l.Position[l.N-1] + 1
	if l.Probes > 0 {
		from = l.QueryPosition[l.Probes-1] + 1
	}
	for qh := range l.QueryHeads {
		h := qh / group
		// Mean and covariance of the queries, turned to the middle of what
		// comes: an average over rotations keeps the slow pairs and loses the
		// fast ones.
		mean, cov := make([]float64, d), make([]float64, d*d)
		n := 0
		for i := range l.Probes {
			q := slices.Clone(l.Q[(i*l.QueryHeads+qh)*d:][:d])
			if l.Turn != nil {
				l.Turn(q, l.QueryPosition[i], true)
			}
			for s := 0; s < ahead; s += 64 {
				r := slices.Clone(q)
				if l.Turn != nil {
					l.Turn(r, from+s, false)
				}
				n++
				for a, x := range r {
					mean[a] += float64(x)
					for b := range a + 1 {
						cov[a*d+b] += float64(x) * float64(r[b])
					}
				}
			}
		}
		if n == 0 {
			continue
		}
		for a := range d {
			mean[a] /= float64(n)
		}
		for a := range d {
			for b := range a + 1 {
				cov[a*d+b] = cov[a*d+b]/float64(n) - mean[a]*mean[b]
				cov[b*d+a] = cov[a*d+b]
			}
		}
		scores := make([]float64, l.N)
		top := math.Inf(-1)
		for t := range l.N {
			k := l.key(h, t)
			var lin, quad float64
			for a, x := range k {
				lin += mean[a] * float64(x)
				var row float64
				for b, y := range k {
					row += cov[a*d+b] * float64(y)
				}
				quad += float64(x) * row
			}
			scores[t] = lin/math.Sqrt(float64(d)) + quad/(2*float64(d))
			top = max(top, scores[t])
		}
		var sum float64
		for t, s := range scores {
			scores[t] = math.Exp(s - top)
			sum += scores[t]
		}
		for t, s := range scores {
			out[h*l.N+t] += float32((s/sum + 1e-6) * norm(l.val(h, t)))
		}
	}
}

// Activation weighs the probes by how unusual they are before their attention
// is summed: ActQKV's activation bias b = mean (q-μ)²/(σ² + mean σ²/100).
func Activation(l *Layer, out []float32) {
	clear(out)
	if l.Probes == 0 {
		return
	}
	wide := l.QueryHeads * l.Dim
	w := Bias(l.Q, l.Probes, wide)
	l.eachProbe(func(i, h int, p []float64) {
		for t, x := range p {
			out[h*l.N+t] += float32(w[i] * x)
		}
	})
	for h := range l.Heads {
		pool(out[h*l.N:(h+1)*l.N], 5)
	}
}

// Bias returns the activation bias of n vectors [n][wide], summing to 1.
func Bias(q []float32, n, wide int) []float64 {
	mean, sq := make([]float64, wide), make([]float64, wide)
	for i := range n {
		for c, x := range q[i*wide : (i+1)*wide] {
			mean[c] += float64(x) / float64(n)
			sq[c] += float64(x) * float64(x) / float64(n)
		}
	}
	var all float64
	for c := range sq {
		sq[c] = max(0, sq[c]-mean[c]*mean[c])
		all += sq[c] / float64(wide)
	}
	w := make([]float64, n)
	var sum float64
	for i := range n {
		for c, x := range q[i*wide : (i+1)*wide] {
			if d := sq[c] + all/100; d > 0 {
				w[i] += (float64(x) - mean[c]) * (float64(x) - mean[c]) / d
			}
		}
		sum += w[i]
	}
	for i := range w {
		if sum > 0 {
			w[i] /= sum
		} else {
			w[i] = 1 / float64(n)
		}
	}
	return w
}
