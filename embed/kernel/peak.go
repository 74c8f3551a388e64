package kernel

import (
	"time"
	"unsafe"
)

// Peak measures how many floating-point operations a second one thread reaches
// on tiles that never leave the first-level cache: the limit that a training is
// measured against. cpu returns the processor time of the process so far.
func Peak(d time.Duration, cpu func() time.Duration) float64 {
	const depth = 64
	a, b, c := aligned(rowStep*depth), aligned(depth*Lanes), aligned(rowStep*Lanes)
	t := tile{
		a: unsafe.Pointer(&a[0]), aRow: 4 * depth, aStep: 4,
		b: unsafe.Pointer(&b[0]), bStep: 4 * Lanes,
		c: unsafe.Pointer(&c[0]), cRow: 4 * Lanes, n: depth, outer: 1,
	}
	const calls = 2000
	var best float64
	for begin := time.Now(); time.Since(begin) < d; {
		spent := cpu()
		for range calls {
			t.run32()
		}
		if spent = cpu() - spent; spent > 0 {
			best = max(best, 2*calls*rowStep*depth*Lanes/spent.Seconds())
		}
	}
	return best
}
