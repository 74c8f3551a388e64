package codec

import (
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/cpu"
)

// fits says whether the kernels read a page: whole, one scale and no shift for
// groups along vectors, groups that begin with a line.
func (s *Scalar) fits(n, dim int) bool {
	if level == cpu.Portable || n != PageTokens || s.channel || s.shifted() || s.kind == Fixed || s.bits != 8 && !s.lanes(n, dim) {
		return false
	}
	_, length, size := s.groups(n, dim)
	if length%size != 0 {
		return false
	}
	if s.side == Keys {
		return size%4 == 0
	}
	return dim%64 == 0 && size%32 == 0
}

// lookup returns levels as the kernels look them up: sixteen, those of two bits
// four times.
func lookup(level []float32) (t [16]float32) {
	if len(level) <= 16 {
		for i := range t {
			t[i] = level[i%len(level)]
		}
	}
	return t
}

// linear returns a and b such that the level of a signed byte c is a(c+b).
func (s *Scalar) linear() (a, b float32) {
	if s.kind == RMS {
		return 2, 0.5
	}
	return 1, 0
}

// scalesOf expands the scales of one group of all positions.
func (s *Scalar) scalesOf(dst []float32, params []byte, group int, times float32) {
	cpu.Expand(tensor.F16, dst, params[2*group*PageTokens:2*(group+1)*PageTokens])
	if times != 1 {
		cpu.Scale(times, dst)
	}
}

// scores implements fused.
func (s *Scalar) scores(w *Scratch, out []float32, lds int, src []byte, q []float32, m, n, dim int) bool {
	if s.side != Keys || !s.fits(n, dim) {
		return false
	}
	_, _, size := s.groups(n, dim)
	params := src[n*dim*s.bits/8:]
	per := max(1, 8/s.bits) // channels of a line
	scale, shift := float32(1), float32(0)
	if s.bits == 8 {
		scale, shift = s.linear()
	}
	w.scales = grow(w.scales, 2*PageTokens)
	scales := w.scales[:PageTokens]
	w.init = grow(w.init, m+6)
	for g := range dim / size {
		s.scalesOf(scales, params, g, scale)
		for i := range m {
			w.init[i] = 0
			if shift != 0 {
				w.init[i] = shift * sum(q[i*dim+g*size:i*dim+(g+1)*size])
			}
		}
		codes := src[g*size/per*64:]
		for i := 0; i < m; {
			switch {
			case m-i >= 6 && level >= cpu.AVX512:
				s.keys(6, size/per, q[i*dim+g*size:], dim, codes, w.init[i:], scales, out[i*lds:], lds, g > 0)
				i += 6
			case m-i >= 3:
				s.keys(3, size/per, q[i*dim+g*size:], dim, codes, w.init[i:], scales, out[i*lds:], lds, g > 0)
				i += 3
			default: // rows of nothing fill up to three
				w.pad = grow(w.pad, 3*dim+3*PageTokens)
				clear(w.pad)
				copy(w.pad, q[i*dim:m*dim])
				rows := w.pad[3*dim:]
				for r := i; r < m && g > 0; r++ {
					copy(rows[(r-i)*PageTokens:(r-i+1)*PageTokens], out[r*lds:])
				}
				s.keys(3, size/per, w.pad[g*size:], dim, codes, w.init[i:], scales, rows, PageTokens, g > 0)
				for r := i; r < m; r++ {
					copy(out[r*lds:r*lds+PageTokens], rows[(r-i)*PageTokens:])
				}
				i = m
			}
		}
	}
	return true
}

func sum(x []float32) (s float32) {
	for ; len(x) > len(ones); x = x[len(ones):] {
		s += cpu.Dot(ones[:], x[:len(ones)])
	}
	return s + cpu.Dot(ones[:len(x)], x)
}

var ones = func() (o [PageTokens]float32) {
	for i := range o {
		o[i] = 1
	}
	return o
}()

// keys calls the kernel for three or six rows.
func (s *Scalar) keys(rows, lines int, q []float32, ldq int, codes []byte, init, scales, out []float32, lds int, add bool) {
	f := keys4x3AVX2
	switch {
	case level < cpu.AVX512 && s.bits == 2:
		f = keys2x3AVX2
	case level < cpu.AVX512 && s.bits == 8:
		f = keys8x3AVX2
	case level < cpu.AVX512:
	case rows == 3 && s.bits == 2:
		f = keys2x3AVX512
	case rows == 3 && s.bits == 4:
		f = keys4x3AVX512
	case rows == 3:
		f = keys8x3AVX512
	case s.bits == 2:
		f = keys2x6AVX512
	case s.bits == 4:
		f = keys4x6AVX512
	default:
		f = keys8x6AVX512
	}
	f(lines, &q[0], ldq, &codes[0], &s.lookup[0], &init[0], &scales[0], &out[0], lds, add)
}

// accumulate implements fused.
func (s *Scalar) accumulate(w *Scratch, o []float32, ldo int, src []byte, p []float32, ldp, m, n, dim int) bool {
	if s.side != Values || !s.fits(n, dim) {
		return false
	}
	_, _, size := s.groups(n, dim)
	params := src[n*dim*s.bits/8:]
	scale, shift := float32(1), float32(0)
	if s.bits == 8 {
		scale, shift = s.linear()
	}
	w.scales = grow(w.scales, 2*PageTokens)
	scales := [2][]float32{w.scales[:PageTokens], w.scales[PageTokens:]}
	lines := n * s.bits / 8
	if s.bits == 8 {
		lines = n
	}
	// Weights times scales, for the lower and the upper 32 channels of a chunk
	// of 64, with room for rows of nothing.
	half := (m + 6) * PageTokens
	w.weights = grow(w.weights, 2*half)
	last := [2]int{-1, -1}
	for k := range dim / 64 {
		groups := [2]int{64 * k / size, (64*k + 32) / size}
		sets := 1
		if groups[0] != groups[1] {
			sets = 2
		}
		for set := range sets {
			if groups[set] == last[set] {
				continue
			}
			last[set] = groups[set]
			s.scalesOf(scales[set], params, groups[set], scale)
			for i := range m {
				cpu.Mul(w.weights[set*half+i*PageTokens:set*half+(i+1)*PageTokens], p[i*ldp:i*ldp+PageTokens], scales[set], 1)
			}
		}
		second := 4 * half * (sets - 1)
		codes := src[k*lines*64:]
		if s.bits == 8 {
			codes = src[64*k:]
		}
		for i := 0; i < m; {
			weights := w.weights[i*PageTokens:]
			switch {
			case m-i >= 6 && level >= cpu.AVX512:
				s.values(6, lines, codes, dim, weights, second, o[i*ldo+64*k:], ldo)
				i += 6
			case m-i >= 3:
				s.values(3, lines, codes, dim, weights, second, o[i*ldo+64*k:], ldo)
				i += 3
			default:
				w.pad = grow(w.pad, 3*64)
				clear(w.pad)
				for r := i; r < m; r++ {
					copy(w.pad[(r-i)*64:(r-i+1)*64], o[r*ldo+64*k:])
				}
				for r := m; r < i+3; r++ {
					clear(w.weights[r*PageTokens : (r+1)*PageTokens])
					clear(w.weights[half+r*PageTokens : half+(r+1)*PageTokens])
				}
				s.values(3, lines, codes, dim, weights, second, w.pad, 64)
				for r := i; r < m; r++ {
					copy(o[r*ldo+64*k:r*ldo+64*k+64], w.pad[(r-i)*64:(r-i+1)*64])
				}
				i = m
			}
		}
		if shift == 0 {
			continue
		}
		for i := range m {
			for set := range 2 {
				at := min(set, sets-1)*half + i*PageTokens
				c := shift * sum(w.weights[at:at+PageTokens])
				row := o[i*ldo+64*k+32*set : i*ldo+64*k+32*set+32]
				for j := range row {
					row[j] += c
				}
			}
		}
	}
	return true
}

// values calls the kernel for three or six rows.
func (s *Scalar) values(rows, lines int, codes []byte, stride int, weights []float32, second int, o []float32, ldo int) {
	if s.bits == 8 {
		f := values8x6AVX512
		switch {
		case level < cpu.AVX512:
			f = values8x3AVX2
		case rows == 3:
			f = values8x3AVX512
		}
		f(lines, &codes[0], stride, &weights[0], second, &o[0], ldo)
		return
	}
	f := values4x6AVX512
	switch {
	case level < cpu.AVX512 && s.bits == 2:
		f = values2x3AVX2
	case level < cpu.AVX512:
		f = values4x3AVX2
	case rows == 3 && s.bits == 2:
		f = values2x3AVX512
	case rows == 3:
		f = values4x3AVX512
	case s.bits == 2:
		f = values2x6AVX512
	}
	f(lines, &codes[0], &s.lookup[0], &weights[0], second, &o[0], ldo)
}
