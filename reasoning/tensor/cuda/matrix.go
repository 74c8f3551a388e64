//go:build gpu && linux && cgo

package cuda

// matrix is a packed matrix on the device, with its bias.
type matrix struct {
	bits, rows, cols   int
	data, scales, bias Buffer
}

func (p *packed) bytes() int64 { return int64(len(p.data)) + 4*int64(len(p.scales)) }

// upload copies a packed matrix to the device; bias may be nil.
func (d *Device) upload(p *packed, bias []float32) (m matrix, err error) {
	m = matrix{bits: p.bits, rows: p.rows, cols: p.cols}
	defer func() {
		if err != nil {
			d.Free(m.data, m.scales)
		}
	}()
	if m.data, err = Upload(d, p.data); err != nil {
		return m, err
	}
	if p.scales != nil {
		if m.scales, err = Upload(d, p.scales); err != nil {
			return m, err
		}
	}
	if bias != nil {
		m.bias, err = Upload(d, bias)
	}
	return m, err
}

func (m *matrix) buffers() []Buffer { return []Buffer{m.data, m.scales, m.bias} }

var suffix = map[int]string{4: "4", 8: "8", 16: "16"}

// vectors is the number of rows up to which a product is bound by reading the
// weights, so that plain dot products are as fast as tensor cores.
const vectors = 8

// product computes y = x Wᵀ + bias for n rows, or y += with add. x must be
// readable 128 bytes beyond its end: the last group of a row may be padding.
func (d *Device) product(m *matrix, x, y Buffer, n int, add bool) error {
	if n <= vectors {
		return d.Launch("gemv_w"+suffix[m.bits], [3]int{(m.rows + 3) / 4, 1, 1}, [3]int{128, 1, 1},
			m.data, m.scales, m.bias, x, y, m.rows, m.cols, n, add)
	}
	return d.Launch("gemm_w"+suffix[m.bits], [3]int{(m.rows + 63) / 64, (n + 63) / 64, 1}, [3]int{128, 1, 1},
		m.data, m.scales, m.bias, x, y, m.rows, m.cols, n, add)
}

// embed writes the rows of the table that tokens name: y [n][cols].
func (d *Device) embed(m *matrix, tokens, y Buffer, n int) error {
	return d.Launch("embed_w"+suffix[m.bits], [3]int{n, 1, 1}, [3]int{128, 1, 1}, m.data, m.scales, tokens, y, m.cols)
}
