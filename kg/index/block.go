package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/quaestor-kg/quaestor/kg"
)

// BlockQuads is the largest number of quads in a block. On disk.
const BlockQuads = 1024

// Key is the columns of a quad in some order; see kg.Order.Key.
type Key = [4]kg.ID

const (
	blockCodec  = 1 // first byte of a block
	groupLinear = 0 // value = min + step*code
	groupTable  = 1 // value = table[code]
	tableMax    = 255
	slack       = 8  // zero bytes behind a column, so that 8-byte loads stay inside
	sumBytes    = 8  // checksum at the end of a block
	numTags     = 16 // values of kg.Tag
)

var errBlock = errors.New("malformed block")

// Block is a packed block: four columns of bit-packed codes. Rows are read and
// searched without unpacking the rest. A Block is immutable.
type Block struct {
	n     int
	bytes int
	cols  [4]column
}

// column holds one code of width bits per row. Codes order as their values.
type column struct {
	data   []byte // n*width bits, little-endian, and at least slack bytes more
	width  uint
	mask   uint64
	min    uint64 // of the only group, if groups is nil
	step   uint64
	codes  uint64 // number of codes of all groups; 0 stands for 2^64
	groups []group
}

// group is a range of codes whose values share a tag.
type group struct {
	base  uint64 // first code
	codes uint64
	min   uint64 // linear
	step  uint64 // linear
	table []uint64
}

func (g *group) value(code uint64) uint64 {
	if g.table != nil {
		return g.table[code-g.base]
	}
	return g.min + g.step*(code-g.base)
}

// Len returns the number of quads.
func (b *Block) Len() int { return b.n }

// Bytes returns the memory the packed block occupies.
func (b *Block) Bytes() int { return b.bytes }

// load returns the code of row i.
func (c *column) load(i int) uint64 {
	bit := uint(i) * c.width
	p := c.data[bit>>3:]
	v := binary.LittleEndian.Uint64(p) >> (bit & 7)
	if c.width > 57 && bit&7 != 0 {
		v |= uint64(p[8]) << (64 - bit&7)
	}
	return v & c.mask
}

func (c *column) value(code uint64) uint64 {
	if c.groups == nil {
		return c.min + c.step*code
	}
	i := len(c.groups) - 1
	for code < c.groups[i].base {
		i--
	}
	return c.groups[i].value(code)
}

// lowerCode returns the smallest code whose value is >= v; none reports that
// there is no such code.
func (c *column) lowerCode(v uint64) (code uint64, none bool) {
	if c.groups == nil {
		if v <= c.min {
			return 0, false
		}
		d := v - c.min
		if c.step > 1 {
			q := d / c.step
			if q*c.step != d {
				q++
			}
			d = q
		}
		return d, c.codes != 0 && d >= c.codes
	}
	for i := range c.groups {
		g := &c.groups[i]
		if v > g.value(g.base+g.codes-1) {
			continue
		}
		if g.table != nil {
			j, _ := slices.BinarySearch(g.table, v)
			return g.base + uint64(j), false
		}
		if v <= g.min {
			return g.base, false
		}
		return g.base + (v-g.min+g.step-1)/g.step, false
	}
	return 0, true
}

// lower returns the first row in [lo, hi) whose value is >= v, or hi. The rows
// must be sorted by this column.
func (c *column) lower(v uint64, lo, hi int) int {
	code, none := c.lowerCode(v)
	if none {
		return hi
	}
	if code == 0 {
		return lo
	}
	if c.width == 0 {
		return hi
	}
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if c.load(m) < code {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// Lower returns the first row at or after from whose key is >= k, or Len.
func (b *Block) Lower(k Key, from int) int {
	lo, hi := from, b.n
	for i := range k {
		v := uint64(k[i])
		lo = b.cols[i].lower(v, lo, hi)
		if v == ^uint64(0) || lo == hi {
			return lo
		}
		hi = b.cols[i].lower(v+1, lo, hi)
		if lo == hi {
			return lo
		}
	}
	return lo
}

// Prefix returns the rows [lo, hi) at or after from whose first n columns are
// those of k.
func (b *Block) Prefix(k Key, n, from int) (lo, hi int) {
	lo, hi = from, b.n
	for i := range n {
		v := uint64(k[i])
		lo = b.cols[i].lower(v, lo, hi)
		if v != ^uint64(0) {
			hi = b.cols[i].lower(v+1, lo, hi)
		}
	}
	return lo, hi
}

// Key returns row i.
func (b *Block) Key(i int) (k Key) {
	for c := range k {
		k[c] = kg.ID(b.cols[c].value(b.cols[c].load(i)))
	}
	return k
}

// fields[o][c] is the field of kg.Quad that column c of order o holds.
var fields = [kg.Orders][4]int{
	kg.SPO: {0, 1, 2, 3}, kg.SOP: {0, 2, 1, 3}, kg.PSO: {1, 0, 2, 3}, kg.POS: {1, 2, 0, 3},
	kg.OSP: {2, 0, 1, 3}, kg.OPS: {2, 1, 0, 3}, kg.GSPO: {3, 0, 1, 2},
}

// Decode unpacks the rows from, from+1, ... into dst as quads; the block is
// sorted by o. All rows must exist.
func (b *Block) Decode(o kg.Order, from int, dst []kg.Quad) {
	if from < 0 || from+len(dst) > b.n {
		panic("index: Decode beyond the block")
	}
	if len(dst) == 0 {
		return
	}
	// A quad is four ids and nothing else: see it as an array, so that each
	// column has one loop.
	rows := unsafe.Slice((*[4]uint64)(unsafe.Pointer(&dst[0])), len(dst))
	for c := range b.cols {
		b.cols[c].unpack(rows, from, fields[o][c]&3)
	}
}

func (c *column) unpack(rows [][4]uint64, from, f int) {
	f &= 3
	switch {
	case c.width == 0:
		v := c.value(0)
		for i := range rows {
			rows[i][f] = v
		}
	case c.width > 57:
		for i := range rows {
			rows[i][f] = c.value(c.load(from + i))
		}
	case c.groups == nil:
		c.unpackLinear(rows, from, f)
	case len(c.groups) == 1:
		c.unpackTable(rows, from, f)
	default:
		data, w, mask := c.data, c.width, c.mask
		bit := uint(from) * w
		g := &c.groups[0]
		for i := range rows {
			code := binary.LittleEndian.Uint64(data[bit>>3:]) >> (bit & 7) & mask
			bit += w
			if code-g.base >= g.codes {
				j := len(c.groups) - 1
				for code < c.groups[j].base {
					j--
				}
				g = &c.groups[j]
			}
			rows[i][f] = g.value(code)
		}
	}
}

func (c *column) unpackLinear(rows [][4]uint64, from, f int) {
	data, w, mask, lo, step := c.data, c.width, c.mask, c.min, c.step
	bit := uint(from) * w
	if step == 1 {
		for i := range rows {
			rows[i][f&3] = lo + binary.LittleEndian.Uint64(data[bit>>3:])>>(bit&7)&mask
			bit += w
		}
		return
	}
	for i := range rows {
		rows[i][f&3] = lo + step*(binary.LittleEndian.Uint64(data[bit>>3:])>>(bit&7)&mask)
		bit += w
	}
}

func (c *column) unpackTable(rows [][4]uint64, from, f int) {
	data, w, mask, table := c.data, c.width, c.mask, c.groups[0].table
	bit := uint(from) * w
	for i := range rows {
		rows[i][f&3] = table[binary.LittleEndian.Uint64(data[bit>>3:])>>(bit&7)&mask]
		bit += w
	}
}

// Encoder packs blocks. The zero value is ready; it is not safe for
// concurrent use.
type Encoder struct {
	vals  [BlockQuads]uint64
	slots [512]uint64 // open addressing: value of a table under construction
	ranks [512]uint16 // 1 + code of the slot's value; 0 is empty
	table []uint64
}

// AppendBlock appends the packed block of keys, which must be 1 to BlockQuads
// strictly increasing keys, without its checksum: Seal adds that.
func (e *Encoder) AppendBlock(dst []byte, keys []Key) []byte {
	n := len(keys)
	if n == 0 || n > BlockQuads {
		panic("index: block of " + fmt.Sprint(n) + " quads")
	}
	dst = append(dst, blockCodec, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
	for c := range 4 {
		vals := e.vals[:n]
		for i := range keys {
			vals[i] = uint64(keys[i][c])
		}
		dst = e.appendColumn(dst, vals)
	}
	return dst
}

// tagStat collects what one group of a column needs.
type tagStat struct {
	count          int
	first          uint64
	min, max, step uint64
	group          int
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (e *Encoder) appendColumn(dst []byte, vals []uint64) []byte {
	var stats [numTags]tagStat
	last := uint64(numTags)
	var s *tagStat
	for _, v := range vals {
		if t := v >> 60; t != last {
			last, s = t, &stats[t]
			if s.count == 0 {
				s.first, s.min, s.max = v, v, v
			}
		}
		s.count++
		if v < s.min {
			s.min = v
		}
		if v > s.max {
			s.max = v
		}
		if s.step != 1 {
			d := v - s.first
			if v < s.first {
				d = s.first - v
			}
			if s.step == 0 || d%s.step != 0 {
				s.step = gcd(d, s.step)
			}
		}
	}
	var groups [numTags]group
	k := 0
	var total uint64
	for t := range stats {
		s := &stats[t]
		if s.count == 0 {
			continue
		}
		if s.step == 0 {
			s.step = 1
		}
		s.group = k
		groups[k] = group{base: total, min: s.min, step: s.step, codes: (s.max-s.min)/s.step + 1}
		total += groups[k].codes
		k++
	}
	width := bits.Len64(total - 1) // total 0 stands for 2^64
	e.table = e.table[:0]
	tabled := -1
	if width > 2 {
		tabled, width, _ = e.chooseTable(vals, &stats, groups[:k], width, total)
	}
	// Header.
	dst = append(dst, byte(width), byte(k))
	for i := range k {
		g := &groups[i]
		if g.table != nil {
			dst = append(dst, groupTable, byte(len(g.table)))
			for _, v := range g.table {
				dst = binary.LittleEndian.AppendUint64(dst, v)
			}
			continue
		}
		dst = append(dst, groupLinear)
		dst = binary.LittleEndian.AppendUint64(dst, g.min)
		dst = binary.AppendUvarint(dst, g.step)
		dst = binary.AppendUvarint(dst, g.codes)
	}
	if width == 0 {
		return dst
	}
	// Codes.
	w := uint(width)
	var acc uint64
	var fill uint
	for _, v := range vals {
		s := &stats[v>>60]
		g := &groups[s.group]
		var code uint64
		switch {
		case s.group == tabled:
			code = g.base + uint64(e.ranks[e.slot(v)]-1)
		case g.step == 1:
			code = g.base + v - g.min
		default:
			code = g.base + (v-g.min)/g.step
		}
		acc |= code << fill
		if fill += w; fill >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			fill -= 64
			acc = code >> (w - fill) // 0 if w == fill
			if fill == 0 {
				acc = 0
			}
		}
	}
	for ; fill > 0; fill -= min(fill, 8) {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// slot returns the place of v in the hash table: its own or a free one.
func (e *Encoder) slot(v uint64) uint64 {
	h := v * 0x9e3779b97f4a7c15 >> 55
	for e.ranks[h] != 0 && e.slots[h] != v {
		h = (h + 1) & 511
	}
	return h
}

// chooseTable replaces the group with the most codes by a table of its
// distinct values if that makes the column smaller.
func (e *Encoder) chooseTable(vals []uint64, stats *[numTags]tagStat, groups []group, width int, total uint64) (tabled, newWidth int, newTotal uint64) {
	big := 0
	for i := range groups {
		if groups[i].codes > groups[big].codes {
			big = i
		}
	}
	g := &groups[big]
	if g.codes <= 2 {
		return -1, width, total
	}
	// What a table may hold at most to pay: 64 bits each against the bits saved.
	limit := min(tableMax, len(vals)*width/64)
	clear(e.ranks[:])
	tag := g.min >> 60
	prev := ^g.min
	for _, v := range vals {
		if v == prev || v>>60 != tag {
			continue
		}
		prev = v
		h := e.slot(v)
		if e.ranks[h] != 0 {
			continue
		}
		if len(e.table) == limit {
			return -1, width, total
		}
		e.ranks[h] = 1
		e.slots[h] = v
		e.table = append(e.table, v)
	}
	k := uint64(len(e.table))
	newTotal = total - g.codes + k
	newWidth = bits.Len64(newTotal - 1)
	if len(vals)*newWidth+int(k)*64 >= len(vals)*width {
		return -1, width, total
	}
	slices.Sort(e.table)
	for i, v := range e.table {
		e.ranks[e.slot(v)] = uint16(i + 1)
	}
	g.table, g.codes = e.table, k
	base := uint64(0)
	for i := range groups {
		groups[i].base = base
		base += groups[i].codes
	}
	_ = stats
	return big, newWidth, newTotal
}

// Place is what a block's checksum covers besides its bytes: a block that
// turns up under another name is damage, not data.
type Place struct {
	Order   kg.Order
	Segment uint64
	Ordinal uint32
}

// Seal appends the checksum to a block and returns it too.
func Seal(block []byte, at Place) ([]byte, uint64) {
	h := Sum(block, at)
	return binary.LittleEndian.AppendUint64(block, h), h
}

// Sum is xxhash64 over payload, order, segment and ordinal; the count is part
// of the payload.
func Sum(payload []byte, at Place) uint64 {
	var tail [13]byte
	tail[0] = byte(at.Order)
	binary.LittleEndian.PutUint64(tail[1:], at.Segment)
	binary.LittleEndian.PutUint32(tail[9:], at.Ordinal)
	var d xxhash.Digest
	d.Reset()
	d.Write(payload)
	d.Write(tail[:])
	return d.Sum64()
}

// Open checks the checksum of a sealed block and parses it. want is the sum
// that the directory holds.
func Open(sealed []byte, at Place, want uint64) (*Block, error) {
	n := len(sealed) - sumBytes
	if n < 4 {
		return nil, fmt.Errorf("%w: %d bytes", errBlock, len(sealed))
	}
	if got := binary.LittleEndian.Uint64(sealed[n:]); got != want {
		return nil, fmt.Errorf("%w: checksum %016x, the directory says %016x", errBlock, got, want)
	}
	if got := Sum(sealed[:n], at); got != want {
		return nil, fmt.Errorf("%w: bytes have checksum %016x, the directory says %016x", errBlock, got, want)
	}
	return Parse(sealed[:n])
}

// Parse reads a block without its checksum. It accepts only well-formed
// bytes, so that no later access can go wrong.
func Parse(p []byte) (*Block, error) {
	if len(p) < 4 || p[0] != blockCodec || p[1] != 0 {
		return nil, errBlock
	}
	b := &Block{n: int(binary.LittleEndian.Uint16(p[2:]))}
	if b.n == 0 || b.n > BlockQuads {
		return nil, fmt.Errorf("%w: %d quads", errBlock, b.n)
	}
	// One copy with slack behind it; columns are slices of it.
	buf := make([]byte, len(p)-4+slack+1)
	copy(buf, p[4:])
	b.bytes = len(buf)
	rest := buf[: len(p)-4 : len(buf)]
	for i := range b.cols {
		var err error
		if rest, err = b.parseColumn(&b.cols[i], rest); err != nil {
			return nil, fmt.Errorf("%w: column %d: %s", errBlock, i, err)
		}
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errBlock, len(rest))
	}
	return b, nil
}

func (b *Block) parseColumn(c *column, p []byte) ([]byte, error) {
	if len(p) < 2 {
		return nil, errors.New("no header")
	}
	c.width = uint(p[0])
	k := int(p[1])
	p = p[2:]
	if c.width > 64 || k == 0 || k > numTags {
		return nil, fmt.Errorf("width %d, %d groups", c.width, k)
	}
	c.mask = 1<<c.width - 1
	groups := make([]group, k)
	var total, prev uint64
	for i := range groups {
		g := &groups[i]
		g.base = total
		if len(p) < 2 {
			return nil, errors.New("no group")
		}
		kind := p[0]
		switch kind {
		case groupLinear:
			if len(p) < 9 {
				return nil, errors.New("short group")
			}
			g.min = binary.LittleEndian.Uint64(p[1:])
			p = p[9:]
			var n1, n2 int
			g.step, n1 = binary.Uvarint(p)
			if n1 <= 0 {
				return nil, errors.New("step")
			}
			g.codes, n2 = binary.Uvarint(p[n1:])
			if n2 <= 0 {
				return nil, errors.New("codes")
			}
			p = p[n1+n2:]
			hi, span := bits.Mul64(g.step, g.codes-1)
			if g.step == 0 || g.codes == 0 || hi != 0 || g.min+span < g.min {
				return nil, errors.New("group out of range")
			}
		case groupTable:
			n := int(p[1])
			p = p[2:]
			if n == 0 || len(p) < 8*n {
				return nil, errors.New("short table")
			}
			g.codes = uint64(n)
			g.table = make([]uint64, n)
			for j := range g.table {
				g.table[j] = binary.LittleEndian.Uint64(p[8*j:])
				if j > 0 && g.table[j] <= g.table[j-1] {
					return nil, errors.New("table not sorted")
				}
			}
			p = p[8*n:]
			b.bytes += 8 * n
		default:
			return nil, fmt.Errorf("group kind %d", kind)
		}
		if i > 0 && g.value(g.base) <= prev {
			return nil, errors.New("groups not sorted")
		}
		prev = g.value(g.base + g.codes - 1)
		if total+g.codes < total && (total+g.codes != 0 || i != k-1) {
			return nil, errors.New("too many codes")
		}
		total += g.codes
	}
	if c.width != uint(bits.Len64(total-1)) {
		return nil, fmt.Errorf("width %d for %d codes", c.width, total)
	}
	if k == 1 && groups[0].table == nil {
		c.min, c.step = groups[0].min, groups[0].step
	} else {
		c.groups = groups
		b.bytes += k * int(unsafe.Sizeof(group{}))
	}
	c.codes = total
	n := (b.n*int(c.width) + 7) / 8
	if len(p) < n {
		return nil, errors.New("short data")
	}
	c.data = p[: n+slack : n+slack+1][:n+slack+1]
	// Codes beyond the last one would index outside a table.
	if total&(total-1) != 0 {
		for i := range b.n {
			if code := c.load(i); code >= total {
				return nil, fmt.Errorf("row %d: code %d of %d", i, code, total)
			}
		}
	}
	return p[n:], nil
}
