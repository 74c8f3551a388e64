package kvcache

import (
	"fmt"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache/codec"
)

// Policy says what a store does with positions that have left the recent
// window. The zero value keeps everything in 16 bits.
type Policy struct {
	// ID names the policy and everything it was calibrated with; it is part of
	// the key of cached prefixes and of saved sequences.
	ID     string
	Model  string // which weights; part of these keys too
	Single bool   // exact numbers have 32 bits

	Sink   int // positions at the start that stay exact, at most 16
	Window int // positions before the page in progress that stay exact; whole pages

	// Layers says how sealed pages of each layer are stored; nil = exact.
	Layers []Layer
	// Demote is the age in positions from which the nested formats of a sealed
	// page lose their lower bits; 0 = never.
	Demote int

	Compress *Compression // what EndPrompt does; nil = nothing
	Retrieve *Retrieval   // which pages a query reads; nil = all
}

// Layer is the form of sealed keys and values of one layer.
type Layer struct{ K, V Form }

// Form is how one side of a page is stored: a linear map, then a number format
// for each tier of importance, the best first.
type Form struct {
	Map   *Map // nil = none
	Tiers []codec.Codec
}

// exact says that nothing is ever sealed.
func (p *Policy) exact() bool { return p.Layers == nil }

// windowPages is the window in pages.
func (p *Policy) windowPages() int { return (p.Window + PageTokens - 1) / PageTokens }

// check reports a policy that does not fit a shape.
func (p *Policy) check(sh Shape) error {
	switch {
	case sh.Heads <= 0 || sh.QueryHeads%sh.Heads != 0 || sh.Dim <= 0 || sh.Layers <= 0:
		return fmt.Errorf("kvcache: impossible shape %+v", sh)
	case p.Sink < 0 || p.Sink > tailTokens:
		return fmt.Errorf("kvcache: sink of %d positions: give 0 to %d", p.Sink, tailTokens)
	case p.Window < 0:
		return fmt.Errorf("kvcache: window of %d positions", p.Window)
	case p.Layers != nil && len(p.Layers) != sh.Layers:
		return fmt.Errorf("kvcache: a policy for %d layers, the model has %d", len(p.Layers), sh.Layers)
	}
	for l, y := range p.Layers {
		for _, f := range []Form{y.K, y.V} {
			if len(f.Tiers) == 0 {
				return fmt.Errorf("kvcache: layer %d has no number format", l)
			}
			if f.Map != nil {
				if err := f.Map.Check(sh); err != nil {
					return fmt.Errorf("kvcache: layer %d: %w", l, err)
				}
			}
		}
		if len(y.K.Tiers) != len(y.V.Tiers) {
			return fmt.Errorf("kvcache: layer %d has %d tiers of keys and %d of values", l, len(y.K.Tiers), len(y.V.Tiers))
		}
		if y.V.Map != nil && y.V.Map.Pre {
			return fmt.Errorf("kvcache: layer %d: values are not rotated by position", l)
		}
	}
	return nil
}

// Bytes is where the memory of a store or sequence goes. Every page is counted
// once, padding included.
type Bytes struct {
	Exact  int64 // pages in 16 or 32 bits
	Codes  int64
	Scales int64
	Extra  int64 // outliers and low-rank factors
	Index  int64 // which positions are kept
}

// Total is the sum of all parts.
func (b Bytes) Total() int64 { return b.Exact + b.Codes + b.Scales + b.Extra + b.Index }

func (b *Bytes) add(o Bytes) {
	b.Exact += o.Exact
	b.Codes += o.Codes
	b.Scales += o.Scales
	b.Extra += o.Extra
	b.Index += o.Index
}
