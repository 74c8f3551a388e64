package model

import "math"

// backward takes the gradient of the logits, which Loss left in p.logits, down
// to every weight and adds it to g.
func (p *Pass[F]) backward(g *Weights[F]) {
	w, d, ffn, v := p.w, p.w.Dim, p.w.FFN, p.w.Vocab
	n, m := len(p.b.tokens), len(p.b.want)
	p.dx, p.dn, p.dctx = grow(p.dx, n*d), grow(p.dn, max(n, m)*d), grow(p.dctx, n*d)
	p.dqkv, p.dgu, p.dact = grow(p.dqkv, n*3*d), grow(p.dgu, n*2*ffn), grow(p.dact, n*ffn)

	// Output: logits = nf * Embed^T.
	p.k.gemm(true, false, v, d, m, p.logits, v, p.nf, d, 1, g.Embed, d)
	p.k.gemm(false, false, m, d, v, p.logits, v, w.Embed, d, 0, p.dn, d)
	clear(p.dx)
	for i, t := range p.b.want {
		o := int(t.node) * d
		normGrad(p.dx[o:o+d], g.Norm, p.dn[i*d:(i+1)*d], p.xf[i*d:(i+1)*d], w.Norm, p.rf[i])
	}

	for l := len(p.layers) - 1; l >= 0; l-- {
		s, blk, gb := &p.layers[l], &w.Blocks[l], &g.Blocks[l]
		// Feed-forward: out = mid + act * Down.
		p.k.gemm(true, false, ffn, d, n, s.act, ffn, p.dx, d, 1, gb.Down, d)
		p.k.gemm(false, true, n, ffn, d, p.dx, d, blk.Down, d, 0, p.dact, ffn)
		for i := range n {
			p.k.swigluGrad(
				p.dgu[2*i*ffn:(2*i+1)*ffn], p.dgu[(2*i+1)*ffn:(2*i+2)*ffn], p.dact[i*ffn:(i+1)*ffn],
				s.gu[2*i*ffn:(2*i+1)*ffn], s.gu[(2*i+1)*ffn:(2*i+2)*ffn])
		}
		p.k.gemm(true, false, d, 2*ffn, n, s.n2, d, p.dgu, 2*ffn, 1, gb.GateUp, 2*ffn)
		p.k.gemm(false, true, n, d, 2*ffn, p.dgu, 2*ffn, blk.GateUp, 2*ffn, 0, p.dn, d)
		p.normGradRows(gb.FFNNorm, s.mid, blk.FFNNorm, s.r2)

		// Attention: mid = in + ctx * Out.
		p.k.gemm(true, false, d, d, n, s.ctx, d, p.dx, d, 1, gb.Out, d)
		p.k.gemm(false, true, n, d, d, p.dx, d, blk.Out, d, 0, p.dctx, d)
		p.attendGrad(s)
		p.rotate(p.dqkv, -1)
		p.k.gemm(true, false, d, 3*d, n, s.n1, d, p.dqkv, 3*d, 1, gb.QKV, 3*d)
		p.k.gemm(false, true, n, d, 3*d, p.dqkv, 3*d, blk.QKV, 3*d, 0, p.dn, d)
		p.normGradRows(gb.AttnNorm, s.in, blk.AttnNorm, s.r1)
	}
	for i, tok := range p.b.tokens {
		o := int(tok) * d
		p.k.axpy(1, p.dx[i*d:(i+1)*d], g.Embed[o:o+d])
	}
}

// normGradRows adds the gradient through a norm of all rows in p.dn to p.dx.
func (p *Pass[F]) normGradRows(dgain, x, gain, r []F) {
	d := len(gain)
	for i := range r {
		normGrad(p.dx[i*d:(i+1)*d], dgain, p.dn[i*d:(i+1)*d], x[i*d:(i+1)*d], gain, r[i])
	}
}

// normGrad adds the gradients of y = x*r*gain, r = 1/sqrt(mean(x^2)+eps), to dx
// and dgain:
//
//	dx = r*gain*dy - x * r^3/d * sum(gain*dy*x)
func normGrad[F Float](dx, dgain, dy, x, gain []F, r F) {
	var s F
	d := len(x)
	dy, gain, dx, dgain = dy[:d], gain[:d], dx[:d], dgain[:d]
	for j, v := range x {
		s += gain[j] * dy[j] * v
	}
	s *= r * r * r / F(d)
	for j, v := range x {
		g := dy[j]
		dgain[j] += g * v * r
		dx[j] += r*gain[j]*g - v*s
	}
}

// attendGrad turns p.dctx into p.dqkv, the gradient at the rotated queries and
// keys and at the values.
func (p *Pass[F]) attendGrad(s *saved[F]) {
	d, heads := p.w.Dim, p.w.Heads
	hd := d / heads
	scale := F(1 / math.Sqrt(float64(hd)))
	clear(p.dqkv)
	for i := range p.b.tokens {
		from, to := p.b.ancAt[i], p.b.ancAt[i+1]
		anc := p.b.anc[from:to]
		prob := s.prob[int(from)*heads : int(to)*heads]
		m := len(anc)
		p.scores = grow(p.scores, m)
		dp := p.scores
		for h := range heads {
			pr := prob[h*m : (h+1)*m]
			dc := p.dctx[i*d+h*hd : i*d+(h+1)*hd]
			var mean F
			for a, j := range anc {
				o := int(j)*3*d + 2*d + h*hd
				dp[a] = p.k.dot(dc, s.qkv[o:o+hd])
				mean += pr[a] * dp[a]
				p.k.axpy(pr[a], dc, p.dqkv[o:o+hd])
			}
			qo := i*3*d + h*hd
			q, dq := s.qkv[qo:qo+hd], p.dqkv[qo:qo+hd]
			for a, j := range anc {
				ds := pr[a] * (dp[a] - mean) * scale
				o := int(j)*3*d + d + h*hd
				p.k.axpy(ds, s.qkv[o:o+hd], dq)
				p.k.axpy(ds, q, p.dqkv[o:o+hd])
			}
		}
	}
}
