package kvcache

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
)

// A saved sequence is a header and an entry after the other, all numbers
// little-endian:
//
//	"QKVC", version u32, policy and model as strings (u32 length, bytes),
//	layers, query heads, heads, dim u32, tokens u32 and each as i32,
//	state u32 and each as f32, entries u32, CRC-32C of all before
//	entry: start, n u32, kind u8, contents, CRC-32C of the entry
//
// Kind 0 is a sealed page: its n, flags u8 (1 demoted, 2 chosen by importance), and for every layer
// and head the parts, each with tier u8, mask u64, length and bytes of keys and
// of values; a length of 2³²-1 stands for the bytes of the head before. Kinds 1
// and 2 are slabs in 16 and 32 bits: the number of slabs, the positions of one,
// and their numbers. Codes lie as this version's kernels read them, which the
// version says.
const (
	snapshotMagic   = "QKVC"
	snapshotVersion = 1
	sameAsBefore    = math.MaxUint32
)

var (
	// ErrOther is wrapped by errors about a saved sequence of another model or
	// policy.
	ErrOther = errors.New("saved by another model or cache policy")
	// ErrCorrupt is wrapped by errors about damaged files.
	ErrCorrupt = errors.New("damaged cache file")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save writes a sequence, with its tokens and the reader's state at the end.
func (p *Paged) Save(w io.Writer, s Sequence, tokens []int32, state []float32) error {
	q := s.(*sequence)
	if len(tokens) != q.n {
		return fmt.Errorf("%d tokens for a sequence of %d positions", len(tokens), q.n)
	}
	e := &saver{w: bufio.NewWriterSize(w, 1<<16), sum: crc32.New(castagnoli)}
	e.bytes([]byte(snapshotMagic))
	e.u32(snapshotVersion)
	e.text(p.policy.ID)
	e.text(p.policy.Model)
	for _, n := range []int{p.shape.Layers, p.shape.QueryHeads, p.shape.Heads, p.shape.Dim} {
		e.u32(uint32(n))
	}
	e.u32(uint32(len(tokens)))
	e.data(tokens)
	e.u32(uint32(len(state)))
	e.data(state)
	e.u32(uint32(len(q.entries)))
	e.check()
	for i := range q.entries {
		e.entry(&q.entries[i], p.policy.Single)
	}
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

type saver struct {
	w   *bufio.Writer
	sum hash.Hash32
	err error
}

func (e *saver) bytes(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
		e.sum.Write(b)
	}
}

func (e *saver) u8(x uint8)   { e.bytes([]byte{x}) }
func (e *saver) u32(x uint32) { e.bytes(binary.LittleEndian.AppendUint32(nil, x)) }
func (e *saver) u64(x uint64) { e.bytes(binary.LittleEndian.AppendUint64(nil, x)) }

func (e *saver) text(s string) {
	e.u32(uint32(len(s)))
	e.bytes([]byte(s))
}

func (e *saver) data(x any) {
	if e.err == nil {
		e.err = binary.Write(io.MultiWriter(e.w, e.sum), binary.LittleEndian, x)
	}
}

// check writes the sum of what came since the last one.
func (e *saver) check() {
	sum := e.sum.Sum32()
	e.u32(sum)
	e.sum.Reset()
}

func (e *saver) entry(y *entry, single bool) {
	e.u32(uint32(y.start))
	e.u32(uint32(y.n))
	if g := y.sealed; g != nil {
		e.u8(0)
		e.u32(uint32(g.n))
		flags := uint8(0)
		if g.demoted {
			flags |= 1
		}
		if g.chosen {
			flags |= 2
		}
		e.u8(flags)
		for i, parts := range g.heads {
			e.u8(uint8(len(parts)))
			for j, q := range parts {
				e.u8(uint8(q.tier))
				e.u64(q.mask)
				var before part
				if i > 0 && j < len(g.heads[i-1]) {
					before = g.heads[i-1][j]
				}
				e.codes(q.k, before.k)
				e.codes(q.v, before.v)
			}
		}
		e.u32(uint32(len(g.means)))
		e.data(g.means)
	} else {
		kind := uint8(1)
		if single {
			kind = 2
		}
		e.u8(kind)
		n := y.blocks()
		e.u8(uint8(n))
		e.u32(uint32(y.slabs[0].tokens))
		for _, g := range y.slabs[:n] {
			if single {
				e.data(g.single)
			} else {
				e.data(g.half)
			}
		}
	}
	e.check()
}

// codes writes the bytes of a part; heads of a projection share theirs.
func (e *saver) codes(b, before []byte) {
	if len(b) > 0 && len(before) > 0 && &b[0] == &before[0] {
		e.u32(sameAsBefore)
		return
	}
	e.u32(uint32(len(b)))
	e.bytes(b)
}

// Load reads a saved sequence. It must have been saved by the same model under
// the same policy.
func (p *Paged) Load(r io.Reader) (s Sequence, tokens []int32, state []float32, err error) {
	d := &loader{r: bufio.NewReaderSize(r, 1<<16), sum: crc32.New(castagnoli)}
	q := p.New().(*sequence)
	defer func() {
		if err != nil {
			q.Release()
			s, tokens, state = nil, nil, nil
		}
	}()
	if magic := string(d.bytes(4)); d.err == nil && magic != snapshotMagic {
		return nil, nil, nil, fmt.Errorf("the file begins with %q, not with %q: it is no saved cache: %w", magic, snapshotMagic, ErrCorrupt)
	}
	if v := d.u32(); d.err == nil && v != snapshotVersion {
		return nil, nil, nil, fmt.Errorf("cache file of version %d, this program reads %d: read the text again: %w", v, snapshotVersion, ErrOther)
	}
	id, model := d.text(), d.text()
	shape := Shape{Layers: int(d.u32()), QueryHeads: int(d.u32()), Heads: int(d.u32()), Dim: int(d.u32())}
	if d.err == nil {
		switch {
		case shape != p.shape:
			return nil, nil, nil, fmt.Errorf("cache file of a model of shape %+v, this one has %+v: %w", shape, p.shape, ErrOther)
		case model != p.policy.Model:
			return nil, nil, nil, fmt.Errorf("cache file of model %q, this is %q: %w", model, p.policy.Model, ErrOther)
		case id != p.policy.ID:
			return nil, nil, nil, fmt.Errorf("cache file of policy %q, this is %q: %w", id, p.policy.ID, ErrOther)
		}
	}
	tokens = numbers[int32](d, d.count(1<<24))
	state = numbers[float32](d, d.count(1<<20))
	entries := d.count(len(tokens) + 1)
	d.check()
	for range entries {
		if d.err != nil {
			break
		}
		e := p.loadEntry(d, q.n)
		if d.err != nil {
			q.release(&e)
			break
		}
		q.entries = append(q.entries, e)
		q.n += e.n
	}
	if d.err != nil {
		return nil, nil, nil, d.err
	}
	if q.n != len(tokens) {
		return nil, nil, nil, fmt.Errorf("cache file of %d tokens holds %d positions: %w", len(tokens), q.n, ErrCorrupt)
	}
	return q, tokens, state, nil
}

type loader struct {
	r   *bufio.Reader
	sum hash.Hash32
	at  int64
	err error
}

func (d *loader) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("at byte %d: %s: %w", d.at, fmt.Sprintf(format, args...), ErrCorrupt)
	}
}

func (d *loader) bytes(n int) []byte {
	if d.err != nil {
		return nil
	}
	b := make([]byte, n)
	if k, err := io.ReadFull(d.r, b); err != nil {
		d.at += int64(k)
		d.fail("the file ends early")
		return nil
	}
	d.at += int64(n)
	d.sum.Write(b)
	return b
}

func (d *loader) u8() uint8 {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *loader) u32() uint32 {
	if b := d.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *loader) u64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads a length that may be at most limit.
func (d *loader) count(limit int) int {
	n := d.u32()
	if d.err == nil && int64(n) > int64(limit) {
		d.fail("a length of %d, at most %d is possible", n, limit)
		return 0
	}
	return int(n)
}

func (d *loader) text() string { return string(d.bytes(d.count(1 << 16))) }

func (d *loader) data(x any) {
	if d.err != nil {
		return
	}
	n := binary.Size(x)
	if err := binary.Read(io.TeeReader(d.r, d.sum), binary.LittleEndian, x); err != nil {
		d.fail("the file ends early")
	}
	d.at += int64(n)
}

// numbers reads n numbers piece by piece, so that a length that lies asks for no
// more memory than the file fills.
func numbers[T int32 | float32](d *loader, n int) (out []T) {
	for len(out) < n && d.err == nil {
		piece := make([]T, min(n-len(out), 1<<12))
		d.data(piece)
		out = append(out, piece...)
	}
	return out
}

func (d *loader) check() {
	want := d.sum.Sum32()
	got := d.u32()
	if d.err == nil && got != want {
		d.fail("checksum %08x, want %08x", got, want)
	}
	d.sum.Reset()
}

func (p *Paged) loadEntry(d *loader, at int) (e entry) {
	e.start, e.n = int(d.u32()), int(d.u32())
	kind := d.u8()
	if d.err != nil {
		return e
	}
	if e.start != at || e.n < 1 || e.n > PageTokens {
		d.fail("an entry of %d positions from %d, after %d positions", e.n, e.start, at)
		return e
	}
	want := uint8(1)
	if p.policy.Single {
		want = 2
	}
	switch {
	case kind == 0 && !p.policy.exact():
		e.sealed = p.loadSealed(d)
		if d.err == nil && e.n > e.sealed.n {
			d.fail("%d positions of a page of %d", e.n, e.sealed.n)
		}
	case kind == want:
		n, tokens := int(d.u8()), int(d.u32())
		if d.err == nil && (tokens != PageTokens && tokens != tailTokens || n != (e.n+tokens-1)/tokens) {
			d.fail("%d slabs of %d positions for %d", n, tokens, e.n)
		}
		for i := 0; i < n && d.err == nil; i++ {
			g := p.slabs.take(tokens)
			e.slabs[i] = g
			if p.policy.Single {
				d.data(g.single)
			} else {
				d.data(g.half)
			}
		}
	default:
		d.fail("an entry of kind %d", kind)
	}
	d.check()
	return e
}

func (p *Paged) loadSealed(d *loader) *sealed {
	g := &sealed{n: d.count(PageTokens), heads: make([][]part, p.shape.Layers*p.shape.Heads)}
	g.owners.Store(1)
	flags := d.u8()
	g.demoted, g.chosen = flags&1 != 0, flags&2 != 0
	for i := range g.heads {
		layer := i / p.shape.Heads
		form := &p.policy.Layers[layer]
		n := int(d.u8())
		if n > len(form.K.Tiers) {
			d.fail("%d parts of a page, the policy has %d tiers", n, len(form.K.Tiers))
		}
		var seen uint64
		for j := 0; j < n && d.err == nil; j++ {
			q := part{tier: int(d.u8()), mask: d.u64()}
			q.n = bits.OnesCount64(q.mask)
			if d.err != nil {
				break
			}
			if q.tier >= len(form.K.Tiers) || q.mask == 0 || q.mask&seen != 0 || g.n < 1 || q.mask&^all(g.n) != 0 {
				d.fail("tier %d with positions %x of a page of %d", q.tier, q.mask, g.n)
				break
			}
			seen |= q.mask
			var before part
			if i%p.shape.Heads > 0 && j < len(g.heads[i-1]) {
				before = g.heads[i-1][j]
			}
			kc, vc := p.codecs(layer, g, &q)
			ks, vs := kc.Size(q.n, form.K.Map.wide(p.shape.Dim)), vc.Size(q.n, form.V.Map.wide(p.shape.Dim))
			var fresh bool
			if q.k, fresh = d.codes(ks.Total(), before.k); fresh {
				g.size.Codes += int64(ks.Codes)
				g.size.Scales += int64(ks.Scales)
				g.size.Extra += int64(ks.Extra)
			}
			if q.v, fresh = d.codes(vs.Total(), before.v); fresh {
				g.size.Codes += int64(vs.Codes)
				g.size.Scales += int64(vs.Scales)
				g.size.Extra += int64(vs.Extra)
			}
			g.heads[i] = append(g.heads[i], q)
		}
		if g.chosen {
			g.size.Index += 8 * int64(len(form.K.Tiers))
		}
	}
	means := 0
	if p.policy.Retrieve != nil {
		means = p.shape.Layers * p.shape.Heads * p.shape.Dim
	}
	if n := d.count(means); d.err == nil && n != means {
		d.fail("%d numbers of mean keys, want %d", n, means)
	}
	if means > 0 {
		g.means = make([]float32, means)
		d.data(g.means)
		g.size.Index += 4 * int64(means)
	}
	p.account(g.size, 1)
	return g
}

func (d *loader) codes(size int, before []byte) (b []byte, fresh bool) {
	n := d.u32()
	switch {
	case d.err != nil:
		return nil, false
	case n == sameAsBefore && len(before) == size:
		return before, false
	case int64(n) != int64(size):
		d.fail("%d bytes of codes, want %d", n, size)
		return nil, false
	}
	return d.bytes(size), true
}
