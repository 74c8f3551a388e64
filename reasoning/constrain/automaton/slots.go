package automaton

import (
	"slices"
	"strconv"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// point is what a query means at a boundary between operations.
type point struct {
	text    string         // the query so far, with a leading space
	walk    constrain.Walk // Full only
	ops     int
	edges   int
	extreme int
	named   bool // starts with a name
	// noEdges: an edge would read as one more step of the path before it.
	noEdges bool
	// onlyEdges: after "[]", which is written only before an edge.
	onlyEdges bool
	// empty: nothing is left; only its number may be asked for.
	empty bool
	// counting is the operation before, if its ends may still get a class.
	counting *counting
}

// begin is the context of the start of a query.
func (a *Automaton) begin() *ctx {
	return a.ctx("", ' ', false, func(c *ctx) {
		for i, cl := range a.g.Classes() {
			p := point{text: " {" + cl.Name + "}", walk: a.g.FromClass(i)}
			c.arcs = append(c.arcs, arc{p.text, func() *ctx { return a.boundary(p) }})
		}
		c.arcs = append(c.arcs, arc{" [", func() *ctx {
			return a.nameSlot(" [", a.startNames(), nil, func(name, shown string) *ctx {
				p := point{text: " " + shown, named: true, walk: a.g.FromNodes(a.g.Lookup(name))}
				return a.boundary(p)
			})
		}})
		if a.opt.None {
			c.arcs = append(c.arcs, arc{" none", func() *ctx {
				return a.ctx(" none", ' ', true, func(*ctx) {})
			}})
		}
	})
}

// startNames lists the names that have an edge; nil if all have.
func (a *Automaton) startNames() []uint32 {
	if a.opt.Mode == Names {
		return nil
	}
	return a.x.connected
}

// nameSlot is the context inside "[": the names of a list (nil: all), and the
// numbers of mentions among them that pass ok (nil: all).
func (a *Automaton) nameSlot(key string, list []uint32, ok func(string) bool, to func(name, shown string) *ctx) *ctx {
	return a.ctx(key, 0, false, func(c *ctx) {
		in := func(name string) bool {
			i, found := a.x.name(name)
			if !found {
				return false
			}
			if list != nil {
				if _, found = slices.BinarySearch(list, i); !found {
					return false
				}
			}
			return ok == nil || ok(name)
		}
		for i, r := range a.opt.Refs {
			if a.refs[r] == i+1 && in(r) {
				shown := strconv.Itoa(i+1) + "]"
				c.arcs = append(c.arcs, arc{shown, func() *ctx { return to(r, "["+shown) }})
			}
		}
		for i := range 110 {
			name := strconv.Itoa(i)
			if i >= 100 {
				name = "0" + strconv.Itoa(i-100)
			}
			if _, ref := a.refs[name]; !ref && in(name) {
				shown := "#" + name + "]"
				c.arcs = append(c.arcs, arc{shown, func() *ctx { return to(name, "["+shown) }})
			}
		}
		n := len(list)
		if list == nil {
			n = a.g.NameCount()
		}
		c.names = &names{list: list, n: n, skip: a.refs, to: func(name string) *ctx { return to(name, "["+name+"]") }}
	})
}

// boundary is the context after a start or an operation.
func (a *Automaton) boundary(p point) *ctx {
	final := !p.empty && !p.onlyEdges && (p.ops > 0 || !p.named)
	return a.ctx(p.text, ' ', final, func(c *ctx) {
		if a.opt.Mode == Names {
			a.schemaOps(c, p)
			return
		}
		a.graphOps(c, p)
	})
}

// add appends an operation whose text is known.
func (a *Automaton) add(c *ctx, p point, text string, next func(*point)) {
	c.arcs = append(c.arcs, arc{text, func() *ctx {
		n := p
		n.text += text
		n.ops++
		n.noEdges, n.onlyEdges, n.counting = false, false, nil
		next(&n)
		return a.boundary(n)
	}})
}

// closing adds " count", and the other ends.
func (a *Automaton) closing(c *ctx, p point, text string) {
	c.arcs = append(c.arcs, arc{text, func() *ctx {
		return a.ctx(p.text+text, ' ', true, func(*ctx) {})
	}})
}

// graphOps offers what keeps the set non-empty.
func (a *Automaton) graphOps(c *ctx, p point) {
	g := a.g
	if p.empty {
		a.closing(c, p, " count")
		return
	}
	rds := g.Offered(p.walk)
	more := p.ops < a.opt.MaxOps
	if p.counting != nil {
		a.countedClass(c, p)
	}
	if !p.noEdges && p.edges < constrain.MaxSteps && more {
		for _, rd := range rds {
			if !a.x.canFollow(p.walk, rd) {
				continue
			}
			a.add(c, p, " "+g.StepOf(rd).String(), func(n *point) {
				n.walk = g.Follow(p.walk, rd)
				n.edges++
			})
		}
	}
	if p.onlyEdges {
		return
	}
	if p.named && p.ops == 0 {
		// A name alone is no question, but "Jordan Avery of Brightwater" says
		// which of several things of that name is meant.
		for _, rd := range rds {
			if len(p.walk.Set) > 1 && more {
				a.branchStep(c, p, " |", nil, p.walk.Set, rd)
			}
		}
		a.further(c, p, rds)
		return
	}
	if more {
		present := a.x.classesIn(p.walk.Set)
		for i, cl := range g.Classes() {
			a.add(c, p, " : "+cl.Name, func(n *point) {
				if n.empty = !present[i]; !n.empty {
					n.walk.Set = g.OfClass(p.walk.Set, i)
				}
			})
		}
		for _, rd := range rds {
			a.branchStep(c, p, " |", nil, p.walk.Set, rd)
			a.branchStep(c, p, " !", nil, p.walk.Set, rd)
		}
	}
	for _, rd := range rds {
		r := int(rd / 2)
		rel := &g.Relations()[r]
		if rd&1 == 1 || rel.Kind == constrain.NoValue || len(g.Extreme(p.walk.Set, r, true)) == 0 {
			continue
		}
		if more && p.extreme < constrain.MaxExtremes {
			for _, largest := range []bool{true, false} {
				word := " min "
				if largest {
					word = " max "
				}
				a.add(c, p, word+rel.Name, func(n *point) {
					n.walk.Set = g.Extreme(p.walk.Set, r, largest)
					n.extreme++
				})
			}
		}
		if rel.Kind == constrain.NumberValue {
			a.closing(c, p, " sum "+rel.Name)
			a.closing(c, p, " avg "+rel.Name)
		}
		if !more {
			continue
		}
		for _, num := range a.opt.Numbers {
			if !filters(rel, num) {
				continue
			}
			for _, cmp := range comparisonSigns {
				a.add(c, p, " "+constrain.Op{Kind: constrain.Where, Rel: rel.Name, Cmp: cmp, Number: num}.String(), func(n *point) {
					s := g.Filter(p.walk.Set, r, cmp, num)
					if n.empty = len(s) == 0; !n.empty {
						n.walk.Set = s
					}
				})
			}
		}
	}
	a.closing(c, p, " count")
	a.ask(c, p)
	a.further(c, p, rds)
}

var comparisonSigns = []byte{'<', '=', '>', constrain.AtLeast, constrain.AtMost}

// filters reports whether a number of the question can stand in a filter by a
// relation: dates compare with years and dates only.
func filters(rel *constrain.Relation, num string) bool {
	if rel.Kind == constrain.DateValue {
		return len(num) == 4 || constrain.IsDate(num)
	}
	return constrain.IsNumber(num)
}

func (a *Automaton) ask(c *ctx, p point) {
	c.arcs = append(c.arcs, arc{" = [", func() *ctx {
		return a.nameSlot(p.text+" = [", nil, nil, func(_, shown string) *ctx {
			return a.ctx(p.text+" = "+shown, ' ', true, func(*ctx) {})
		})
	}})
}

// maxBranch is the number of steps of an intersection or negation.
const maxBranch = 2

// pathText writes the steps of a branch.
func (a *Automaton) pathText(path []constrain.RD) string {
	s := ""
	for _, rd := range path {
		s += " " + a.g.StepOf(rd).String()
	}
	return s
}

// leftBy returns what a branch leaves of the current set: the members with a
// path to the nodes of a name or, for " !", those without. A negated path with
// no name counts every path.
func (a *Automaton) leftBy(p point, sign string, path []constrain.RD, name string) constrain.Set {
	if name == "" {
		var out constrain.Set
		for _, n := range p.walk.Set {
			if a.x.hasPath(n, path) != (sign == " !") {
				out = append(out, n)
			}
		}
		return out
	}
	reach := a.g.ReachingNodes(path, a.g.FromNodes(a.g.Lookup(name)).Set)
	if sign == " !" {
		return constrain.Minus(p.walk.Set, reach)
	}
	return constrain.Intersect(p.walk.Set, reach)
}

// useful reports whether a branch can be finished: by a name, by ending (" !"
// that leaves something), or by a further step.
func (a *Automaton) useful(p point, sign string, path []constrain.RD, from constrain.Set) bool {
	rd := path[len(path)-1]
	if len(from) > a.opt.Cap {
		return true
	}
	if sign == " !" && len(a.leftBy(p, sign, path, "")) > 0 {
		return true
	}
	if sign == " |" && a.x.leads(from, rd, a.x.nameable) {
		return true
	}
	target := a.g.Image(from, rd)
	if sign == " !" && a.named(p, sign, path, target) {
		return true
	}
	if len(path) == maxBranch {
		return false
	}
	for _, next := range a.g.Offered(constrain.Walk{Set: target, Edges: 1}) {
		if a.useful(p, sign, append(slices.Clip(path), next), target) {
			return true
		}
	}
	return false
}

// named reports whether some name of target may end a branch. For a negation
// that is a node which not every member reaches.
func (a *Automaton) named(p point, sign string, path []constrain.RD, target constrain.Set) bool {
	if sign == " |" {
		return len(a.opt.Refs) > 0 || slices.ContainsFunc(target, a.x.nameable)
	}
	if len(p.walk.Set) == 1 {
		return false // it reaches all of target
	}
	tries := 0
	for _, x := range p.walk.Set {
		reached := constrain.Set{x}
		for _, rd := range path {
			reached = a.g.Image(reached, rd)
		}
		if tries++; tries > maxTries {
			list, exact := a.notReachedByAll(p, path, target)
			return !exact || len(list) > 0
		}
		if len(reached) == len(target) {
			continue
		}
		for _, n := range constrain.Minus(target, reached) {
			for _, k := range a.x.of(n) {
				name, _ := a.g.NameAt(int(k))
				if tries++; tries > maxTries || len(a.leftBy(p, sign, path, name)) > 0 {
					return true
				}
			}
		}
	}
	return false
}

// maxTries and maxWork bound the search for what a slot may hold; beyond them
// it offers too much rather than too little.
const (
	maxTries = 64
	maxWork  = 2_000_000 // edges
)

// notReachedByAll lists the names in target of which some member of the set
// reaches no bearer; ok is false if that takes too long.
func (a *Automaton) notReachedByAll(p point, path []constrain.RD, target constrain.Set) (list []uint32, ok bool) {
	// Each member reaches at most the whole target.
	if len(p.walk.Set)*len(target) > maxWork && len(path) > 1 || len(p.walk.Set) > maxWork {
		return nil, false
	}
	reachedBy := make(map[constrain.Node]int, len(target))
	for _, x := range p.walk.Set {
		reached := constrain.Set{x}
		for _, rd := range path {
			reached = a.g.Image(reached, rd)
		}
		for _, n := range reached {
			reachedBy[n]++
		}
	}
	list = []uint32{}
	for _, k := range a.x.namesOf(target) {
		name, nodes := a.g.NameAt(int(k))
		sum := 0
		for _, n := range nodes {
			sum += reachedBy[n]
		}
		if sum < len(p.walk.Set) || len(nodes) > 1 && len(a.leftBy(p, " !", path, name)) > 0 {
			list = append(list, k)
		}
	}
	return list, true
}

// branchStep offers one step of a branch from the set that the path so far
// leads to. sign is " |" or " !".
func (a *Automaton) branchStep(c *ctx, p point, sign string, path []constrain.RD, from constrain.Set, rd constrain.RD) {
	g := a.g
	path = append(slices.Clip(path), rd)
	if !a.useful(p, sign, path, from) {
		return
	}
	piece := " " + g.StepOf(rd).String()
	if len(path) == 1 {
		piece = sign + piece
	}
	text := p.text + sign + a.pathText(path)
	var rest constrain.Set
	if sign == " !" {
		rest = a.leftBy(p, sign, path, "")
	}
	c.arcs = append(c.arcs, arc{piece, func() *ctx {
		return a.ctx(text, ' ', len(rest) > 0, func(c *ctx) {
			if len(rest) > 0 {
				// The path may end here: what follows is a boundary at which an
				// edge would read as one more step.
				n := p
				n.text, n.ops, n.noEdges, n.onlyEdges, n.counting = text, p.ops+1, true, false, nil
				n.walk.Set = rest
				a.graphOps(c, n)
				n.text, n.noEdges, n.onlyEdges = text+" []", false, true
				if n.edges < constrain.MaxSteps && n.ops < a.opt.MaxOps && slices.ContainsFunc(g.Offered(n.walk), func(rd constrain.RD) bool { return a.x.canFollow(n.walk, rd) }) {
					c.arcs = append(c.arcs, arc{" []", func() *ctx { return a.boundary(n) }})
				}
			}
			target := g.Image(from, rd)
			if a.named(p, sign, path, target) {
				c.arcs = append(c.arcs, arc{" [", func() *ctx { return a.branchName(p, sign, path, target) }})
			}
			if len(path) == maxBranch {
				return
			}
			for _, next := range g.Offered(constrain.Walk{Set: target, Edges: 1}) {
				a.branchStep(c, p, sign, path, target, next)
			}
		})
	}})
}

// branchName is the name slot at the end of a branch.
func (a *Automaton) branchName(p point, sign string, path []constrain.RD, target constrain.Set) *ctx {
	text := p.text + sign + a.pathText(path) + " ["
	var list []uint32
	exact := len(target) <= a.opt.Cap
	if exact && sign == " !" {
		list, exact = a.notReachedByAll(p, path, target)
	} else if exact {
		list = a.x.namesOf(target)
		// The number of what does not exist is 0: mentions are always offered.
		for _, r := range a.opt.Refs {
			if i, found := a.x.name(r); found {
				if at, dup := slices.BinarySearch(list, i); !dup {
					list = slices.Insert(list, at, i)
				}
			}
		}
	}
	counts := func(name string) bool { // only its number can be asked for
		_, ref := a.refs[name]
		return ref && sign == " |"
	}
	var ok func(string) bool
	if !exact {
		list = nil
		ok = func(name string) bool { return counts(name) || len(a.leftBy(p, sign, path, name)) > 0 }
	}
	return a.nameSlot(text, list, ok, func(name, shown string) *ctx {
		n := p
		n.text = text + shown[1:]
		n.ops++
		n.noEdges, n.onlyEdges, n.counting = false, false, nil
		if s := a.leftBy(p, sign, path, name); len(s) > 0 {
			n.walk.Set = s
		} else if counts(name) {
			n.empty = true
		} else {
			return nil
		}
		return a.boundary(n)
	})
}

// schemaOps offers everything that the grammar and the names allow.
func (a *Automaton) schemaOps(c *ctx, p point) {
	g := a.g
	more := p.ops < a.opt.MaxOps
	if !p.noEdges && p.edges < constrain.MaxSteps && more {
		for rd := range constrain.RD(2 * len(g.Relations())) {
			a.add(c, p, " "+g.StepOf(rd).String(), func(n *point) { n.edges++ })
		}
	}
	if p.counting != nil {
		a.countedClass(c, p)
	}
	if p.onlyEdges {
		return
	}
	if p.named && p.ops == 0 {
		a.further(c, p, a.all())
		return
	}
	if more {
		for _, cl := range g.Classes() {
			a.add(c, p, " : "+cl.Name, func(*point) {})
		}
		for rd := range constrain.RD(2 * len(g.Relations())) {
			a.schemaBranch(c, p, " |", "", rd, 1)
			a.schemaBranch(c, p, " !", "", rd, 1)
		}
	}
	for _, rel := range g.Relations() {
		if rel.Kind == constrain.NoValue {
			continue
		}
		if more && p.extreme < constrain.MaxExtremes {
			a.add(c, p, " max "+rel.Name, func(n *point) { n.extreme++ })
			a.add(c, p, " min "+rel.Name, func(n *point) { n.extreme++ })
		}
		if rel.Kind == constrain.NumberValue {
			a.closing(c, p, " sum "+rel.Name)
			a.closing(c, p, " avg "+rel.Name)
		}
		for _, num := range a.opt.Numbers {
			if !more || !filters(&rel, num) {
				continue
			}
			for _, cmp := range comparisonSigns {
				a.add(c, p, " "+constrain.Op{Kind: constrain.Where, Rel: rel.Name, Cmp: cmp, Number: num}.String(), func(*point) {})
			}
		}
	}
	a.closing(c, p, " count")
	a.ask(c, p)
	a.further(c, p, a.all())
}

func (a *Automaton) schemaBranch(c *ctx, p point, sign, path string, rd constrain.RD, steps int) {
	text := " " + a.g.StepOf(rd).String()
	not := sign == " !"
	piece := text
	if path == "" {
		piece = sign + text
	}
	all := p.text + sign + path + text
	c.arcs = append(c.arcs, arc{piece, func() *ctx {
		return a.ctx(all, ' ', not, func(c *ctx) {
			if not {
				n := p
				n.text, n.ops, n.noEdges, n.onlyEdges, n.counting = all, p.ops+1, true, false, nil
				a.schemaOps(c, n)
				e := n
				e.text, e.noEdges, e.onlyEdges = all+" []", false, true
				if n.edges < constrain.MaxSteps && n.ops < a.opt.MaxOps {
					c.arcs = append(c.arcs, arc{" []", func() *ctx { return a.boundary(e) }})
				}
			}
			c.arcs = append(c.arcs, arc{" [", func() *ctx {
				return a.nameSlot(all+" [", nil, nil, func(_, shown string) *ctx {
					n := p
					n.text, n.ops, n.noEdges, n.onlyEdges, n.counting = all+" "+shown, p.ops+1, false, false, nil
					return a.boundary(n)
				})
			}})
			if steps < maxBranch {
				for rd := range constrain.RD(2 * len(a.g.Relations())) {
					a.schemaBranch(c, p, sign, path+text, rd, steps+1)
				}
			}
		})
	}})
}
