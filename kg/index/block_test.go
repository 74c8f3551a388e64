package index

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/dict"
)

// randomID draws ids as graphs have them: dense dictionary ordinals, inlined
// numbers and dates, short strings, and now and then anything.
func randomID(r *rand.Rand, spread int) kg.ID {
	switch r.IntN(12) {
	case 0:
		id, _ := dict.FromInt(int64(r.IntN(spread)))
		return id
	case 1:
		lex := []byte{byte('1' + r.IntN(9)), byte('0' + r.IntN(10)), '.', byte('1' + r.IntN(9))}
		id, _ := dict.Inline(kg.NewTyped(string(lex), kg.XSD+"decimal"))
		return id
	case 2:
		id, _ := dict.Inline(kg.NewString(string(rune('a' + r.IntN(26)))))
		return id
	case 3:
		return kg.MakeID(kg.TagString, uint64(r.IntN(spread)))
	case 4:
		if r.IntN(50) == 0 {
			return kg.ID(r.Uint64())
		}
	}
	return kg.MakeID(kg.TagIRI, uint64(r.IntN(spread)))
}

func randomKeys(r *rand.Rand, n, spread int) []Key {
	set := map[Key]bool{}
	for range n {
		var k Key
		for c := range k {
			k[c] = randomID(r, spread)
		}
		k[1] = kg.MakeID(kg.TagIRI, uint64(r.IntN(5)*1000))
		k[3] = kg.DefaultGraph
		if r.IntN(4) == 0 && spread > 100 {
			k[3] = randomID(r, 3)
		}
		set[k] = true
	}
	keys := make([]Key, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int { return slices.Compare(a[:], b[:]) })
	return keys
}

func TestBlockRoundTripAndSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var e Encoder
	for round := range 600 {
		keys := randomKeys(r, 1+r.IntN(BlockQuads), []int{1, 2, 10, 1000, 1 << 30}[r.IntN(5)])
		at := Place{Order: kg.Order(r.IntN(kg.Orders)), Segment: r.Uint64(), Ordinal: r.Uint32()}
		sealed, sum := Seal(e.AppendBlock(nil, keys), at)
		b, err := Open(sealed, at, sum)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if b.Len() != len(keys) {
			t.Fatalf("%d quads, want %d", b.Len(), len(keys))
		}
		for i, k := range keys {
			if b.Key(i) != k {
				t.Fatalf("round %d: row %d = %x, want %x", round, i, b.Key(i), k)
			}
		}
		from := r.IntN(len(keys))
		quads := make([]kg.Quad, r.IntN(len(keys)-from+1))
		b.Decode(at.Order, from, quads)
		for i, q := range quads {
			if at.Order.Key(q) != keys[from+i] {
				t.Fatalf("round %d: Decode row %d = %x, want %x", round, from+i, q, keys[from+i])
			}
		}
		for range 200 {
			k := keys[r.IntN(len(keys))]
			switch r.IntN(4) {
			case 0:
				k[r.IntN(4)]++
			case 1:
				k[r.IntN(4)]--
			case 2:
				k[r.IntN(4)] = kg.ID(r.Uint64())
			}
			from := r.IntN(len(keys) + 1)
			want := from + sort.Search(len(keys)-from, func(i int) bool { return slices.Compare(keys[from+i][:], k[:]) >= 0 })
			if got := b.Lower(k, from); got != want {
				t.Fatalf("round %d: Lower(%x, %d) = %d, want %d", round, k, from, got, want)
			}
			n := r.IntN(5)
			wlo := sort.Search(len(keys), func(i int) bool { return slices.Compare(keys[i][:n], k[:n]) >= 0 })
			whi := sort.Search(len(keys), func(i int) bool { return slices.Compare(keys[i][:n], k[:n]) > 0 })
			if lo, hi := b.Prefix(k, n, 0); lo != wlo && lo != hi || hi-lo != whi-wlo {
				t.Fatalf("round %d: Prefix(%x, %d) = %d, %d, want %d, %d", round, k, n, lo, hi, wlo, whi)
			}
		}
	}
}

// TestBlockFullRange packs columns that span the whole 64 bits.
func TestBlockFullRange(t *testing.T) {
	var e Encoder
	keys := []Key{{0, 0, 0, 0}, {0, ^kg.ID(0), 5, 0}, {1 << 63, 1, ^kg.ID(0), 9}, {^kg.ID(0), ^kg.ID(0), ^kg.ID(0), ^kg.ID(0)}}
	b, err := Parse(e.AppendBlock(nil, keys))
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range keys {
		if b.Key(i) != k || b.Lower(k, 0) != i {
			t.Errorf("row %d: %x", i, b.Key(i))
		}
	}
}

func TestConstantColumnsCostNothing(t *testing.T) {
	var e Encoder
	keys := make([]Key, BlockQuads)
	for i := range keys {
		keys[i] = Key{7, 8, kg.ID(i), kg.DefaultGraph}
	}
	if n := len(e.AppendBlock(nil, keys)); n > BlockQuads*10/8+70 {
		t.Errorf("%d bytes", n)
	}
}

// TestFlippedByteIsFound flips every byte of a block in turn.
func TestFlippedByteIsFound(t *testing.T) {
	var e Encoder
	at := Place{kg.POS, 3, 4}
	sealed, sum := Seal(e.AppendBlock(nil, randomKeys(rand.New(rand.NewPCG(2, 2)), 300, 1000)), at)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x10
		if _, err := Open(bad, at, sum); err == nil {
			t.Fatalf("flipped byte %d not found", i)
		}
	}
	for _, other := range []Place{{kg.PSO, 3, 4}, {kg.POS, 4, 4}, {kg.POS, 3, 5}} {
		if _, err := Open(sealed, other, sum); err == nil {
			t.Errorf("block accepted at %+v", other)
		}
	}
	for n := range len(sealed) {
		if _, err := Open(sealed[:n], at, sum); err == nil {
			t.Fatalf("block cut at %d accepted", n)
		}
	}
}

func FuzzParse(f *testing.F) {
	var e Encoder
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{1, 5, 40} {
		for _, s := range []int{1, 100, 1 << 40} {
			f.Add(e.AppendBlock(nil, randomKeys(r, n, s)))
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		b, err := Parse(p)
		if err != nil {
			return
		}
		quads := make([]kg.Quad, b.Len())
		b.Decode(kg.SPO, 0, quads)
		for i := range quads {
			if kg.SPO.Key(quads[i]) != b.Key(i) {
				t.Fatalf("row %d", i)
			}
		}
		b.Lower(Key{1, 2, 3, 4}, 0)
		b.Prefix(b.Key(b.Len()/2), 3, 0)
	})
}

func benchKeys() []Key {
	r := rand.New(rand.NewPCG(4, 4))
	keys := make([]Key, 0, BlockQuads)
	for s := uint64(1000); len(keys) < BlockQuads; s++ {
		for p := range 5 {
			o := kg.MakeID(kg.TagIRI, uint64(r.IntN(300_000)))
			if p == 3 {
				o, _ = dict.FromInt(int64(r.IntN(2000)))
			}
			if len(keys) < BlockQuads {
				keys = append(keys, Key{kg.MakeID(kg.TagIRI, s), kg.MakeID(kg.TagIRI, uint64(p*50_000)), o, kg.DefaultGraph})
			}
		}
	}
	return keys
}

func BenchmarkDecode(b *testing.B) {
	var e Encoder
	p := e.AppendBlock(nil, benchKeys())
	blk, err := Parse(p)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]kg.Quad, blk.Len())
	for b.Loop() {
		blk.Decode(kg.SPO, 0, dst)
	}
	b.ReportMetric(float64(b.N*len(dst))/b.Elapsed().Seconds()/1e6, "Mquads/s")
	b.ReportMetric(float64(len(p))/float64(len(dst)), "B/quad")
}

func BenchmarkEncode(b *testing.B) {
	var e Encoder
	keys := benchKeys()
	var p []byte
	for b.Loop() {
		p = e.AppendBlock(p[:0], keys)
	}
	b.ReportMetric(float64(b.N*len(keys))/b.Elapsed().Seconds()/1e6, "Mquads/s")
}

func BenchmarkLower(b *testing.B) {
	var e Encoder
	keys := benchKeys()
	blk, _ := Parse(e.AppendBlock(nil, keys))
	i := 0
	for b.Loop() {
		i = (i + 619) & (BlockQuads - 1)
		if blk.Lower(keys[i], 0) != i {
			b.Fatal(i)
		}
	}
}
