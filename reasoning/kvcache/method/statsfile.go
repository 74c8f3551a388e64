package method

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/quaestor-kg/quaestor/reasoning/decode"
)

// A statistics file is "QKVS", version u32, the shape as four u32, the id as a
// string (u32 length, bytes), the vectors of every layer as f32, and the CRC-32
// of all that; little-endian.
const (
	statsMagic   = "QKVS"
	statsVersion = 1
)

var errStats = errors.New("not statistics of this model")

// vectors are all of a layer's, in the order of the file.
func (y *LayerStats) vectors() []*[]float32 {
	return []*[]float32{&y.KMean, &y.PreMean, &y.VMean, &y.KSpread, &y.PreSpread, &y.VSpread, &y.Query, &y.Output}
}

func (s *Stats) encode() []byte {
	b := []byte(statsMagic)
	u32 := func(n int) { b = binary.LittleEndian.AppendUint32(b, uint32(n)) }
	u32(statsVersion)
	for _, n := range []int{s.Shape.Layers, s.Shape.QueryHeads, s.Shape.Heads, s.Shape.Dim} {
		u32(n)
	}
	u32(len(s.ID))
	b = append(b, s.ID...)
	for l := range s.Layers {
		for _, v := range s.Layers[l].vectors() {
			b, _ = binary.Append(b, binary.LittleEndian, *v)
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// decodeStats reads what encode wrote for a model of the same shape.
func decodeStats(b []byte, m *decode.Model) (*Stats, error) {
	s := &Stats{Shape: m.Shape(), Turn: m.Turn}
	if len(b) < 32 || string(b[:4]) != statsMagic || crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, fmt.Errorf("%w: damaged", errStats)
	}
	r := bytes.NewReader(b[4 : len(b)-4])
	var head struct{ Version, Layers, QueryHeads, Heads, Dim, ID uint32 }
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", errStats, err)
	}
	sh := s.Shape
	if head.Version != statsVersion || int(head.Layers) != sh.Layers || int(head.QueryHeads) != sh.QueryHeads || int(head.Heads) != sh.Heads || int(head.Dim) != sh.Dim || int64(head.ID) > int64(r.Len()) {
		return nil, fmt.Errorf("%w: %+v", errStats, head)
	}
	id := make([]byte, head.ID)
	if _, err := io.ReadFull(r, id); err != nil {
		return nil, fmt.Errorf("%w: %w", errStats, err)
	}
	s.ID = string(id)
	s.Layers = make([]LayerStats, sh.Layers)
	for l := range s.Layers {
		for _, v := range s.Layers[l].vectors() {
			*v = make([]float32, sh.Heads*sh.Dim)
			if err := binary.Read(r, binary.LittleEndian, *v); err != nil {
				return nil, fmt.Errorf("%w: %w", errStats, err)
			}
		}
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errStats, r.Len())
	}
	return s, nil
}
