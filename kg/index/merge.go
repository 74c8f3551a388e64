package index

import "github.com/quaestor-kg/quaestor/kg"

// minBlock is the least number of quads in a block that is not the last.
const minBlock = BlockQuads / 2

// Merger rewrites the blocks of one order that changes touch and keeps the
// others. Blocks that it writes hold minBlock to BlockQuads quads, so many
// small merges do not fray the order.
type Merger struct {
	Source Source
	// Emit writes a new block and returns its ref. keys is reused.
	Emit func(keys []Key) (*Ref, error)

	out     *Directory
	pending []Key
	head    int // of pending
	quads   []kg.Quad
}

// Merge applies changes, sorted by the order of d and without repetitions, and
// returns the new directory. Additions that are present and deletions that
// are absent have no effect.
func (m *Merger) Merge(d *Directory, next func() (k Key, deleted, ok bool)) (*Directory, error) {
	m.out = &Directory{Order: d.Order}
	m.pending, m.head = m.pending[:0], 0
	k, del, ok := next()
	for i := 0; ; {
		target := len(d.Firsts)
		if ok && i < target {
			target = d.Find(&k, i)
		}
		for i < target {
			if n := len(m.pending) - m.head; n > 0 {
				if n < minBlock {
					if err := m.absorb(d, i); err != nil {
						return nil, err
					}
					i++
					continue
				}
				if err := m.flush(); err != nil {
					return nil, err
				}
			}
			m.out.Add(d.Firsts[i], d.Refs[i])
			i++
		}
		if !ok {
			break
		}
		// Block i is touched; its range ends where the next one starts.
		var rows []kg.Quad
		if i < len(d.Firsts) {
			var err error
			if rows, err = m.decode(d, i); err != nil {
				return nil, err
			}
			i++
		}
		for ok && (i >= len(d.Firsts) || Compare(&k, &d.Firsts[i]) < 0) {
			for len(rows) > 0 {
				r := d.Order.Key(rows[0])
				c := Compare(&r, &k)
				if c > 0 {
					break
				}
				rows = rows[1:]
				if c == 0 {
					break // replaced by the change: kept if it adds, gone if it deletes
				}
				m.pending = append(m.pending, r)
			}
			if !del {
				m.pending = append(m.pending, k)
			}
			if len(m.pending)-m.head >= 2*BlockQuads {
				if err := m.full(); err != nil {
					return nil, err
				}
			}
			k, del, ok = next()
		}
		for _, q := range rows {
			m.pending = append(m.pending, d.Order.Key(q))
		}
		if len(m.pending)-m.head >= 2*BlockQuads {
			if err := m.full(); err != nil {
				return nil, err
			}
		}
	}
	if err := m.flush(); err != nil {
		return nil, err
	}
	return m.out, nil
}

func (m *Merger) decode(d *Directory, i int) ([]kg.Quad, error) {
	b, err := m.Source.Block(d.Order, d.Refs[i])
	if err != nil {
		return nil, err
	}
	if m.quads == nil {
		m.quads = make([]kg.Quad, BlockQuads)
	}
	rows := m.quads[:b.Len()]
	b.Decode(d.Order, 0, rows)
	return rows, nil
}

// absorb appends an untouched block to pending quads that are too few.
func (m *Merger) absorb(d *Directory, i int) error {
	rows, err := m.decode(d, i)
	if err != nil {
		return err
	}
	for _, q := range rows {
		m.pending = append(m.pending, d.Order.Key(q))
	}
	return nil
}

func (m *Merger) emit(keys []Key) error {
	r, err := m.Emit(keys)
	if err != nil {
		return err
	}
	m.out.Add(keys[0], r)
	return nil
}

// full writes full blocks while more than one block's quads remain behind.
func (m *Merger) full() error {
	for len(m.pending)-m.head >= 2*BlockQuads {
		if err := m.emit(m.pending[m.head : m.head+BlockQuads]); err != nil {
			return err
		}
		m.head += BlockQuads
	}
	if m.head > 8*BlockQuads {
		m.pending = append(m.pending[:0], m.pending[m.head:]...)
		m.head = 0
	}
	return nil
}

// flush writes what is pending in blocks of about equal size.
func (m *Merger) flush() error {
	rest := m.pending[m.head:]
	for parts := (len(rest) + BlockQuads - 1) / BlockQuads; parts > 0; parts-- {
		n := len(rest) / parts
		if err := m.emit(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	m.pending, m.head = m.pending[:0], 0
	return nil
}
