package model

import "math"

// saved keeps what the backward pass of one layer needs. T is the number of
// tokens in the batch.
type saved[F Float] struct {
	in   []F // (T, dim) residual stream before the layer
	r1   []F // (T) reciprocal root mean square
	n1   []F // (T, dim) normed
	qkv  []F // (T, 3*dim) after rotation
	prob []F // (len(anc), heads) attention probabilities
	ctx  []F // (T, dim) attention output before its projection
	mid  []F // (T, dim) residual stream after attention
	r2   []F
	n2   []F
	gu   []F // (T, 2*ffn)
	act  []F // (T, ffn)
}

// Pass runs batches through weights, with the memory they need. A Pass is not
// safe for concurrent use; several may share weights.
type Pass[F Float] struct {
	w   *Weights[F]
	k   kernels[F]
	b   batch
	cos []F // (context, head/2)
	sin []F

	layers []saved[F]
	out    []F // (T, dim) after the last layer
	rf     []F // (M) of the wanted nodes
	nf     []F // (M, dim)
	xf     []F // (M, dim)
	logits []F // (M, vocab)

	dx, dn, dctx, dqkv, dgu, dact []F
	scores                        []F
}

// NewPass returns a pass over weights with the fastest kernels for F.
func NewPass[F Float](w *Weights[F]) *Pass[F] { return newPass(w, fastest[F]()) }

func newPass[F Float](w *Weights[F], k kernels[F]) *Pass[F] {
	half := w.Dim / w.Heads / 2
	p := &Pass[F]{w: w, k: k, layers: make([]saved[F], w.Layers)}
	p.cos, p.sin = make([]F, w.Context*half), make([]F, w.Context*half)
	for pos := range w.Context {
		for i := range half {
			a := float64(pos) * math.Pow(w.RopeBase, -float64(2*i)/float64(2*half))
			p.cos[pos*half+i], p.sin[pos*half+i] = F(math.Cos(a)), F(math.Sin(a))
		}
	}
	return p
}

// grow returns a slice of n elements, reusing s; the contents are arbitrary.
func grow[F Float](s []F, n int) []F {
	if cap(s) < n {
		return make([]F, n, n+n/4)
	}
	return s[:n]
}

// body runs all layers over the batch that was laid out.
func (p *Pass[F]) body() {
	w, d, ffn := p.w, p.w.Dim, p.w.FFN
	n := len(p.b.tokens)
	p.out = grow(p.out, n*d)
	for i, tok := range p.b.tokens {
		copy(p.out[i*d:(i+1)*d], w.Embed[int(tok)*d:])
	}
	for l := range p.layers {
		s, blk := &p.layers[l], &w.Blocks[l]
		s.in, s.n1, s.ctx, s.mid, s.n2 = grow(s.in, n*d), grow(s.n1, n*d), grow(s.ctx, n*d), grow(s.mid, n*d), grow(s.n2, n*d)
		s.r1, s.r2 = grow(s.r1, n), grow(s.r2, n)
		s.qkv, s.gu, s.act = grow(s.qkv, n*3*d), grow(s.gu, n*2*ffn), grow(s.act, n*ffn)
		s.prob = grow(s.prob, len(p.b.anc)*w.Heads)

		copy(s.in, p.out)
		p.norm(s.n1, s.r1, s.in, blk.AttnNorm)
		p.k.gemm(false, false, n, 3*d, d, s.n1, d, blk.QKV, 3*d, 0, s.qkv, 3*d)
		p.rotate(s.qkv, 1)
		p.attend(s)
		copy(s.mid, s.in)
		p.k.gemm(false, false, n, d, d, s.ctx, d, blk.Out, d, 1, s.mid, d)

		p.norm(s.n2, s.r2, s.mid, blk.FFNNorm)
		p.k.gemm(false, false, n, 2*ffn, d, s.n2, d, blk.GateUp, 2*ffn, 0, s.gu, 2*ffn)
		for i := range n {
			p.k.swiglu(s.act[i*ffn:(i+1)*ffn], s.gu[2*i*ffn:(2*i+1)*ffn], s.gu[(2*i+1)*ffn:(2*i+2)*ffn])
		}
		copy(p.out, s.mid)
		p.k.gemm(false, false, n, d, ffn, s.act, ffn, blk.Down, d, 1, p.out, d)
	}
}

// norm is RMSNorm over rows: y = x * r * gain, r = 1/sqrt(mean(x^2)+eps).
func (p *Pass[F]) norm(y, r, x, gain []F) {
	d := len(gain)
	for i := range r {
		row, out := x[i*d:(i+1)*d], y[i*d:(i+1)*d]
		s := F(1 / math.Sqrt(float64(p.k.dot(row, row))/float64(d)+p.w.Eps))
		r[i] = s
		for j, v := range row {
			out[j] = v * s * gain[j]
		}
	}
}

// rotate turns adjacent pairs of queries and keys by position times
// frequency; sign -1 undoes it.
func (p *Pass[F]) rotate(qkv []F, sign F) {
	d := p.w.Dim
	half := d / p.w.Heads / 2
	for i, pos := range p.b.depth {
		c, s := p.cos[int(pos)*half:(int(pos)+1)*half], p.sin[int(pos)*half:(int(pos)+1)*half]
		row := qkv[i*3*d : i*3*d+2*d]
		for o := 0; o < len(row); o += 2 * half {
			x := row[o : o+2*half]
			for k, cv := range c {
				sv := sign * s[k]
				a, b := x[2*k], x[2*k+1]
				x[2*k], x[2*k+1] = a*cv-b*sv, a*sv+b*cv
			}
		}
	}
}

// attend lets every node read its ancestors and itself.
func (p *Pass[F]) attend(s *saved[F]) {
	d, heads := p.w.Dim, p.w.Heads
	hd := d / heads
	scale := F(1 / math.Sqrt(float64(hd)))
	for i := range p.b.tokens {
		from, to := p.b.ancAt[i], p.b.ancAt[i+1]
		anc := p.b.anc[from:to]
		prob := s.prob[int(from)*heads : int(to)*heads]
		m := len(anc)
		for h := range heads {
			pr := prob[h*m : (h+1)*m]
			q := s.qkv[i*3*d+h*hd : i*3*d+(h+1)*hd]
			for a, j := range anc {
				o := int(j)*3*d + d + h*hd
				pr[a] = p.k.dot(q, s.qkv[o:o+hd]) * scale
			}
			p.k.softmax(pr)
			c := s.ctx[i*d+h*hd : i*d+(h+1)*hd]
			clear(c)
			for a, j := range anc {
				o := int(j)*3*d + 2*d + h*hd
				p.k.axpy(pr[a], s.qkv[o:o+hd], c)
			}
		}
	}
}

// head computes the logits of the wanted nodes into p.logits.
func (p *Pass[F]) head(nodes func(i int) int32, m int) {
	d := p.w.Dim
	p.xf, p.nf, p.rf = grow(p.xf, m*d), grow(p.nf, m*d), grow(p.rf, m)
	p.logits = grow(p.logits, m*p.w.Vocab)
	for i := range m {
		o := int(nodes(i)) * d
		copy(p.xf[i*d:(i+1)*d], p.out[o:o+d])
	}
	p.norm(p.nf, p.rf, p.xf, p.w.Norm)
	p.k.gemm(false, true, m, p.w.Vocab, d, p.nf, d, p.w.Embed, d, 0, p.logits, p.w.Vocab)
}
