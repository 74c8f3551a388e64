package cqd

import (
	"fmt"
	"math"
)

// impossible is the log of truth zero.
var impossible = float32(math.Inf(-1))

// Norm is a t-norm with its t-conorm: how truths combine.
type Norm uint8

// Norms.
const (
	Product     Norm = iota // ab and a+b-ab
	Minimum                 // min and max (Gödel)
	Lukasiewicz             // max(0, a+b-1) and min(1, a+b)
)

var normNames = [...]string{"product", "minimum", "lukasiewicz"}

// String is the norm's name on the command line.
func (n Norm) String() string { return normNames[n] }

// ParseNorm reads a norm's name; min is short for minimum.
func ParseNorm(s string) (Norm, error) {
	if s == "min" {
		return Minimum, nil
	}
	for i, name := range normNames {
		if s == name {
			return Norm(i), nil
		}
	}
	return 0, fmt.Errorf("no t-norm is called %q; there are product, minimum (min) and lukasiewicz", s)
}

// And combines log truths that must both hold.
func (n Norm) And(a, b float64) float64 {
	switch n {
	case Minimum:
		return math.Min(a, b)
	case Lukasiewicz:
		// 1 - ((1-a) + (1-b)), with the complements taken where they are exact.
		return log1p(math.Expm1(a) + math.Expm1(b))
	}
	return a + b
}

// Or combines log truths of which one must hold.
func (n Norm) Or(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	switch {
	case n == Minimum || math.IsInf(b, -1):
		return a
	case n == Lukasiewicz:
		return math.Min(0, a+math.Log1p(math.Exp(b-a)))
	}
	// a + b - ab = a (1 + b/a - b); b/a - b = b/a (1 - a).
	return math.Min(0, a+math.Log1p(math.Exp(b-a)*-math.Expm1(a)))
}

// log1p is ln(1+x), -Inf for x <= -1.
func log1p(x float64) float64 {
	if x <= -1 {
		return math.Inf(-1)
	}
	return math.Log1p(x)
}

// log1mexp is ln(1 - e^x) for x <= 0 (Mächler, "Accurately computing
// log(1-exp(-|a|))", 2012).
func log1mexp(x float64) float64 {
	switch {
	case x >= 0:
		return math.Inf(-1)
	case x > -math.Ln2:
		return math.Log(-math.Expm1(x))
	}
	return math.Log1p(-math.Exp(x))
}

// LogSigmoid is ln 1/(1+e^-z) = -softplus(-z).
func LogSigmoid(z float64) float64 {
	if z < 0 {
		return z - math.Log1p(math.Exp(z))
	}
	return -math.Log1p(math.Exp(-z))
}
