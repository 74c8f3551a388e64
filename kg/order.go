package kg

import "cmp"

// Order is the sort order of a scan. The graph is the last column of the six
// triple orders and the first of GSPO. Values are on disk: never change one.
type Order uint8

// Orders.
const (
	SPO Order = iota // subject, predicate, object, graph
	SOP
	PSO
	POS
	OSP
	OPS
	GSPO
	// Orders is the number of orders.
	Orders = iota
)

var orderNames = [Orders]string{"SPO", "SOP", "PSO", "POS", "OSP", "OPS", "GSPO"}

// String returns the letters of the order.
func (o Order) String() string { return orderNames[o] }

// Key returns the columns of a quad in this order.
func (o Order) Key(q Quad) [4]ID {
	switch o {
	case SOP:
		return [4]ID{q.S, q.O, q.P, q.G}
	case PSO:
		return [4]ID{q.P, q.S, q.O, q.G}
	case POS:
		return [4]ID{q.P, q.O, q.S, q.G}
	case OSP:
		return [4]ID{q.O, q.S, q.P, q.G}
	case OPS:
		return [4]ID{q.O, q.P, q.S, q.G}
	case GSPO:
		return [4]ID{q.G, q.S, q.P, q.O}
	}
	return [4]ID{q.S, q.P, q.O, q.G}
}

// Quad is the inverse of Key.
func (o Order) Quad(k [4]ID) Quad {
	switch o {
	case SOP:
		return Quad{S: k[0], O: k[1], P: k[2], G: k[3]}
	case PSO:
		return Quad{P: k[0], S: k[1], O: k[2], G: k[3]}
	case POS:
		return Quad{P: k[0], O: k[1], S: k[2], G: k[3]}
	case OSP:
		return Quad{O: k[0], S: k[1], P: k[2], G: k[3]}
	case OPS:
		return Quad{O: k[0], P: k[1], S: k[2], G: k[3]}
	case GSPO:
		return Quad{G: k[0], S: k[1], P: k[2], O: k[3]}
	}
	return Quad{S: k[0], P: k[1], O: k[2], G: k[3]}
}

// Compare orders two quads: negative, zero or positive.
func (o Order) Compare(a, b Quad) int {
	x, y := o.Key(a), o.Key(b)
	for i := range x {
		if c := cmp.Compare(x[i], y[i]); c != 0 {
			return c
		}
	}
	return 0
}

// BestOrder returns an order in which the bound positions of p form the
// longest possible prefix, so that a scan reads only matching quads. Every
// combination of bound subject, predicate and object has one; a bound graph
// alone selects GSPO.
func BestOrder(p Pattern) Order {
	s, pr, o := p.S != Any, p.P != Any, p.O != Any
	switch {
	case s && o && !pr:
		return SOP
	case s:
		return SPO
	case pr && o:
		return POS
	case pr:
		return PSO
	case o:
		return OSP
	case p.G != Any:
		return GSPO
	}
	return SPO
}
