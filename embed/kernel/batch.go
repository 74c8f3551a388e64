package kernel

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Loss is what a batch compares the scores of a query against all entities
// with.
type Loss int

const (
	// Softmax is the cross-entropy of the target among all entities.
	Softmax Loss = iota
	// Logistic is the sum over all entities of the binary cross-entropy, the
	// target being the only positive one.
	Logistic
)

// Batch scores up to Cap queries against all rows of a matrix at once, with the
// gradients of a loss. A query with several targets counts once for each of
// them, but is scored once.
//
// Queries lie in panels of 32, side by side, so that a vector register holds
// one coordinate of many queries: softmax and its sums then need no work across
// lanes. With S the scores and P their derivatives before normalisation, a pass
// computes, block of rows by block of rows while it is in cache,
//
//	S = T Qᵀ,  P = exp(S - ref) or sigmoid(S),  dQᵀ += Tᵀ P,
//
// and keeps P for the gradient of the rows, Pᵀ (Q weight), which RowGrad
// computes afterwards. Softmax is normalised in the weights, never in P.
type Batch struct {
	Q    Rows      // [Cap][K] query vectors, set by the caller; Len of them count
	DQ   Rows      // [Cap][K] gradient of the loss with respect to Q
	Len  int       // queries in use
	Loss []float64 // [Cap] loss of each query, summed over its targets

	// Weight scales the loss of every target in DQ and RowGrad.
	Weight float32

	targets []int32 // the right rows of all queries
	first   []int32 // [Len+1] where each query's begin

	rows    Rows
	packed  []float32 // [panel][K][32] the queries, transposed
	p       []float32 // [panel][rows, padded][32] P
	dqt     []float32 // [panel][K, padded to 12][32]
	scaled  Rows      // [Cap] Q times what normalises P
	ref     []float32 // [Cap] what was taken off the scores
	panels  int
	kTile   int
	npad    int
	threads int
}

// NewBatch returns a batch for at most n queries against matrices of the given
// numbers of rows and columns; threads 0 means all cores.
func NewBatch(n, rows, k, threads int) *Batch {
	n = roundUp(n, Lanes)
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	b := &Batch{
		Q: NewRows(n, k), DQ: NewRows(n, k), scaled: NewRows(n, k),
		Loss: make([]float64, n), ref: make([]float32, n), first: []int32{0},
		Weight: 1, kTile: roundUp(k, rowStep), npad: roundUp(rows, rowStep), threads: threads,
	}
	panels := n / Lanes
	b.packed = aligned(panels * k * Lanes)
	b.dqt = aligned(panels * b.kTile * Lanes)
	b.p = aligned(panels * b.npad * Lanes)
	return b
}

// Reset empties the batch.
func (b *Batch) Reset() {
	b.Len = 0
	b.targets, b.first = b.targets[:0], b.first[:1]
}

// Add adds a query with its targets, at least one, and returns its vector for
// the caller to fill.
func (b *Batch) Add(targets ...int32) []float32 {
	b.targets = append(b.targets, targets...)
	b.first = append(b.first, int32(len(b.targets)))
	b.Len++
	return b.Q.Row(b.Len - 1)
}

// Cap is the number of queries that the batch has room for.
func (b *Batch) Cap() int { return b.Q.N }

// Targets returns the targets of query i.
func (b *Batch) Targets(i int) []int32 { return b.targets[b.first[i]:b.first[i+1]] }

// Bytes is the memory that a batch of n queries against the given matrix takes.
func Bytes(n, rows, k int) int64 {
	n = roundUp(n, Lanes)
	return 4 * int64(n) * (int64(roundUp(rows, rowStep)) + 3*int64(roundUp(k, colStep)) + 2*int64(k))
}

// Parallel calls f for 0..n-1 on the given number of threads.
func Parallel(threads, n int, f func(i int)) {
	threads = min(threads, n)
	if threads <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			f(i)
		}
	}
	for range threads - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// blockRows is how many rows of T are worked on at a time: they are read by two
// products and should stay in the second-level cache between them.
func blockRows(stride int) int {
	const cache = 256 << 10
	return max(rowStep, min(240, cache/(4*stride)/rowStep*rowStep))
}

// maxDepth bounds the summed axis of one tile, so that its operands stay in
// cache; a longer sum is continued, in the same order.
const maxDepth = 512

// Forward computes the loss of every query and its gradient DQ against the rows
// of t.
func (b *Batch) Forward(t Rows, loss Loss) {
	b.begin(t)
	unit := b.unit()
	Parallel(b.threads, (b.panels+unit-1)/unit, func(u int) {
		for p := u * unit; p < min((u+1)*unit, b.panels); p++ {
			b.pack(p)
		}
		b.pass(u*unit, min((u+1)*unit, b.panels), loss)
	})
}

// Scores computes the raw scores, for At and Count.
func (b *Batch) Scores(t Rows) {
	b.begin(t)
	unit := b.unit()
	Parallel(b.threads, (b.panels+unit-1)/unit, func(u int) {
		for p := u * unit; p < min((u+1)*unit, b.panels); p++ {
			b.pack(p)
		}
		step := blockRows(t.Stride)
		for j := 0; j < b.npad; j += step {
			for p := u * unit; p < min((u+1)*unit, b.panels); p++ {
				b.score(p, j, min(j+step, b.npad))
			}
		}
	})
}

func (b *Batch) begin(t Rows) {
	if t.K != b.Q.K || roundUp(t.N, rowStep) != b.npad {
		panic("kernel: a batch for another matrix")
	}
	b.rows = t
	b.panels = (b.Len + Lanes - 1) / Lanes
	for i := b.Len; i < b.panels*Lanes; i++ { // lanes without a query
		clear(b.Q.Row(i))
		clear(b.scaled.Row(i))
		b.ref[i] = 0
	}
}

// unit is the number of panels that one thread takes at a time: several share
// a block of T, but every thread should have some.
func (b *Batch) unit() int { return max(1, min(4, b.panels/b.threads)) }

// pack transposes the queries of a panel.
func (b *Batch) pack(panel int) {
	k := b.Q.K
	dst := b.packed[panel*k*Lanes : (panel+1)*k*Lanes]
	for l := range Lanes {
		for x, v := range b.Q.Row(panel*Lanes + l) {
			dst[x*Lanes+l] = v
		}
	}
}

func (b *Batch) panelP(panel int) []float32 {
	return b.p[panel*b.npad*Lanes : (panel+1)*b.npad*Lanes]
}

// score writes the scores of rows j0..j1 of one panel.
func (b *Batch) score(panel, j0, j1 int) {
	p := b.panelP(panel)
	k := b.Q.K
	for d := 0; d < k; d += maxDepth {
		t := tile{
			aRow: uintptr(4 * b.rows.Stride), aStep: 4,
			b: unsafe.Pointer(&b.packed[(panel*k+d)*Lanes]), bStep: 4 * Lanes,
			cRow: 4 * Lanes, n: min(maxDepth, k-d), outer: 1,
		}
		if d > 0 {
			t.add = 1
		}
		for j := j0; j < j1; j += rowStep {
			t.a = unsafe.Pointer(&b.rows.Data[j*b.rows.Stride+d])
			t.c = unsafe.Pointer(&p[j*Lanes])
			t.run32()
		}
	}
}

// backQuery adds Tᵀ P over rows j0..j1 to the panel's dQᵀ; at the first block
// it sets it.
func (b *Batch) backQuery(panel, j0, j1 int) {
	p := b.panelP(panel)
	t := tile{
		aRow: 4, aStep: uintptr(4 * b.rows.Stride),
		b: unsafe.Pointer(&p[j0*Lanes]), bStep: 4 * Lanes,
		cRow: 4 * Lanes, n: j1 - j0, outer: 1,
	}
	if j0 > 0 {
		t.add = 1
	}
	for x := 0; x < b.kTile; x += rowStep {
		t.a = unsafe.Pointer(unsafe.SliceData(b.rows.Data[j0*b.rows.Stride:]))
		t.a = unsafe.Add(t.a, 4*x)
		t.c = unsafe.Pointer(&b.dqt[(panel*b.kTile+x)*Lanes])
		t.run32()
	}
}

// lanes holds the sums of one panel over all rows.
type lanes struct {
	ref, sum, top, prod, pos [Lanes]float32
	loss                     [Lanes]float64
}

func (s *lanes) reset(ref []float32) {
	copy(s.ref[:], ref)
	clear(s.sum[:])
	clear(s.pos[:])
	for l := range s.top {
		s.top[l] = float32(math.Inf(-1))
		s.prod[l] = 1
		s.loss[l] = 0
	}
}

// pass computes losses and DQ of panels lo..hi.
func (b *Batch) pass(lo, hi int, loss Loss) {
	sums := make([]lanes, hi-lo)
	for p := lo; p < hi; p++ {
		for l := range Lanes {
			if i := p*Lanes + l; i < b.Len {
				// The score of a target: then the sum is near the loss, and nothing
				// overflows unless the model is far off.
				b.ref[i] = Dot(b.Q.Row(i), b.rows.Row(int(b.Targets(i)[0])))
			}
		}
		sums[p-lo].reset(b.ref[p*Lanes : (p+1)*Lanes])
	}
	step := blockRows(b.rows.Stride)
	for j := 0; j < b.npad; j += step {
		end := min(j+step, b.npad)
		for p := lo; p < hi; p++ {
			b.block(p, j, end, loss, &sums[p-lo])
		}
	}
	for p := lo; p < hi; p++ {
		s := &sums[p-lo]
		if loss == Softmax && b.refit(p, s) {
			for j := 0; j < b.npad; j += step {
				b.block(p, j, min(j+step, b.npad), loss, s)
			}
		}
		b.finish(p, loss, s)
	}
}

// block scores rows j0..j1 of a panel, turns the scores into P and adds to dQ.
func (b *Batch) block(panel, j0, j1 int, loss Loss, s *lanes) {
	b.score(panel, j0, j1)
	p := b.panelP(panel)
	real := min(j1, b.rows.N)
	if loss == Softmax {
		softmax(p[j0*Lanes:real*Lanes], &s.ref, &s.sum, &s.top)
	} else {
		const often = 96 // 2^96 is still a float32
		for j := j0; j < real; j += often {
			logistic(p[j*Lanes:min(j+often, real)*Lanes], &s.prod, &s.pos)
			for l := range Lanes {
				s.loss[l] += math.Log(float64(s.prod[l])) + float64(s.pos[l])
				s.prod[l], s.pos[l] = 1, 0
			}
		}
	}
	clear(p[real*Lanes : j1*Lanes])
	b.backQuery(panel, j0, j1)
}

// refit reports whether some score was so far above its reference that exp was
// cut off, and then takes the highest score as the reference.
func (b *Batch) refit(panel int, s *lanes) bool {
	const safe = expHigh - 10
	far := false
	for l := range Lanes {
		far = far || s.top[l]-s.ref[l] > safe
	}
	if !far {
		return false
	}
	ref := s.top
	copy(b.ref[panel*Lanes:], ref[:])
	s.reset(ref[:])
	return true
}

// finish turns the sums of a panel into losses, weights and DQ.
func (b *Batch) finish(panel int, loss Loss, s *lanes) {
	k := b.Q.K
	dqt := b.dqt[panel*b.kTile*Lanes:]
	for l := range Lanes {
		i := panel*Lanes + l
		if i >= b.Len {
			break
		}
		targets := b.Targets(i)
		n := float64(len(targets))
		w := b.Weight * float32(n)
		if loss == Softmax {
			b.Loss[i] = n * (math.Log(float64(s.sum[l])) + float64(b.ref[i]))
			w /= s.sum[l]
		} else {
			b.Loss[i] = n * s.loss[l]
		}
		dq, scaled, q := b.DQ.Row(i), b.scaled.Row(i), b.Q.Row(i)
		for x := range k {
			dq[x] = w * dqt[x*Lanes+l]
			scaled[x] = w * q[x]
		}
		for _, t := range targets {
			right := b.rows.Row(int(t))
			b.Loss[i] -= float64(Dot(q, right))
			for x, v := range right {
				dq[x] -= b.Weight * v
			}
		}
	}
}

// RowGrad writes the gradient of the loss with respect to rows j0..j1 into dst,
// which has their stride; j0 and j1 are multiples of 12, but for the end. The
// part of the targets, -Weight Q, is left to the caller, who knows which they
// are.
func (b *Batch) RowGrad(j0, j1 int, dst []float32) {
	stride := b.rows.Stride
	t := tile{
		aRow: 4 * Lanes, aStep: 4, aOuter: uintptr(4 * Lanes * b.npad),
		bStep: uintptr(4 * stride), bOuter: uintptr(4 * stride * Lanes),
		cRow: uintptr(4 * stride), n: Lanes, outer: b.panels,
	}
	for j := j0; j < j1; j += rowStep {
		t.a = unsafe.Pointer(&b.p[j*Lanes])
		for x := 0; x < stride; x += Lanes {
			t.b = unsafe.Pointer(&b.scaled.Data[x])
			t.c = unsafe.Pointer(&dst[(j-j0)*stride+x])
			if x+Lanes <= stride {
				t.run32()
			} else {
				t.run16()
			}
		}
	}
}

// BlockRows is the number of rows that RowGrad is best called for at a time.
const BlockRows = 4 * rowStep

// At is the score of query i for row j after Scores.
func (b *Batch) At(i, j int) float32 {
	return b.p[(i/Lanes*b.npad+j)*Lanes+i%Lanes]
}

// Count returns, after Scores, how many rows score above and equal to the first
// target of every query; the target itself counts as equal.
func (b *Batch) Count(above, equal []int32) {
	Parallel(b.threads, b.panels, func(p int) {
		var target [Lanes]float32
		var up, eq [Lanes]int32
		for l := range Lanes {
			if i := p*Lanes + l; i < b.Len {
				target[l] = b.At(i, int(b.Targets(i)[0]))
			}
		}
		count(b.panelP(p)[:b.rows.N*Lanes], &target, &up, &eq)
		for l := range Lanes {
			if i := p*Lanes + l; i < b.Len {
				above[i], equal[i] = up[l], eq[l]
			}
		}
	})
}

// CopyScores writes the scores of query i against all rows into out.
func (b *Batch) CopyScores(i int, out []float32) {
	p := b.panelP(i / Lanes)
	for j := range out[:b.rows.N] {
		out[j] = p[j*Lanes+i%Lanes]
	}
}

// Span returns the range of query i's targets among the targets of all queries.
func (b *Batch) Span(i int) (lo, hi int) { return int(b.first[i]), int(b.first[i+1]) }
