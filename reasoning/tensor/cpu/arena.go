package cpu

// Arena is memory for packed matrices outside the garbage-collected heap, in
// large pages where the system has them: the collector would otherwise let as
// much garbage pile up as there are weights.
type Arena struct {
	all  []byte
	used int
	free func() error
}

const cacheLine = 64

// NewArena returns an arena of a size: the sum of PackedBytes of the matrices.
func NewArena(bytes int64) (*Arena, error) {
	a := &Arena{free: func() error { return nil }}
	if bytes == 0 {
		return a, nil
	}
	var err error
	a.all, a.free, err = mapMemory(int(bytes))
	return a, err
}

// Bytes returns how much has been taken.
func (a *Arena) Bytes() int64 { return int64(a.used) }

// Close frees the memory; nothing in it may be used any more.
func (a *Arena) Close() error {
	a.all = nil
	return a.free()
}

// take returns n bytes that begin at a cache line: of the arena, or of the heap
// when there is none or it is full.
func (a *Arena) take(n int) []byte {
	if a != nil && n <= len(a.all)-a.used {
		b := a.all[a.used : a.used+n : a.used+n]
		a.used = min(len(a.all), roundUp(a.used+n, cacheLine))
		return b
	}
	return lined(n)
}

// lined returns n bytes that begin at a cache line.
func lined(n int) []byte {
	b := make([]byte, n+cacheLine-1)
	skip := int(-address(b) & (cacheLine - 1))
	return b[skip : skip+n : skip+n]
}
