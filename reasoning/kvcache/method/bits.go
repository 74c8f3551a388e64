package method

import (
	"fmt"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
)

// BitsPerElement returns the bits of one element of a sealed page for a shape,
// as sizes of whole pages say: scales, outliers, factors and masks included,
// evicted positions and demotion too.
func (s *Spec) BitsPerElement(sh kvcache.Shape) float64 {
	switch s.Exact {
	case "f32":
		return 32
	case "f16":
		return 16
	}
	if s.Bits > 0 {
		return s.Bits
	}
	keep := s.Keep
	if keep == 0 {
		keep = 1
	}
	var total float64
	side := func(first Side, which codec.Side, share float64, y Side) {
		cells, wide := sh.Heads, sh.Dim
		if first.Rank > 0 {
			cells, wide = 1, first.Rank
		}
		c, err := sizer(y, which)
		if err != nil {
			return // Parse has checked it
		}
		if n, ok := c.(*codec.Nested); ok && s.Demote > 0 {
			c = n.Half()
		}
		total += share * float64(8*cells*c.Size(codec.PageTokens, wide).Total()) / float64(codec.PageTokens*sh.Heads*sh.Dim*2)
	}
	for which, y := range []Side{s.K, s.V} {
		low := []*Side{s.KL, s.VL}[which]
		if low == nil {
			side(y, codec.Side(which), keep, y)
			continue
		}
		side(y, codec.Side(which), keep*s.High, y)
		side(y, codec.Side(which), keep*(1-s.High), *low)
	}
	index := 0
	if s.Score != "" {
		index = 8 // a mask of 64 positions for each tier
		if s.KL != nil {
			index *= 2
		}
	}
	if s.Pages != "" {
		index += 4 * sh.Dim
	}
	return total + float64(8*index)/float64(codec.PageTokens*sh.Dim*2)
}

// sizer makes a codec whose sizes are right; its levels need not be.
func sizer(s Side, side codec.Side) (codec.Codec, error) {
	f, err := parseFormat(s.Format)
	if err != nil {
		return nil, err
	}
	if f.Kind == codec.Table || f.Kind == codec.Fixed {
		for i := range 1 << f.Bits {
			f.Table = append(f.Table, float32(i))
		}
	}
	c, err := wrap(f, s, side)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	return c, nil
}
