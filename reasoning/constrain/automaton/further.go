package automaton

import (
	"slices"
	"strconv"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// counting is an operation that counts the ends of a step and may still name
// their class.
type counting struct {
	op   constrain.Op
	from constrain.Walk // before the operation
}

// maxLoopWork bounds, in edges, the search for steps that lead back. Loops that
// are not found within it are not offered: they are rare, and every other
// operation is exact.
const maxLoopWork = 5000

// further offers the operations that count, rank, compare, join and walk on,
// and the ends that are tables.
func (a *Automaton) further(c *ctx, p point, rds []constrain.RD) {
	full := a.opt.Mode == Full
	more := p.ops < a.opt.MaxOps
	if full && len(p.walk.Set) > a.opt.Cap {
		return // too much to look through at every step
	}
	if more {
		a.union(c, p)
		a.comparisons(c, p, rds)
	}
	a.difference(c, p, rds)
	if p.named && p.ops == 0 {
		return
	}
	if more && !p.noEdges && p.edges < constrain.MaxSteps {
		for _, rd := range rds {
			if !full || a.goesOn(p.walk, rd) {
				step := a.g.StepOf(rd).String()
				a.add(c, p, " "+step[:1]+step, func(n *point) {
					n.edges++
					if full {
						n.walk = a.g.FollowAll(p.walk, rd)
					}
				})
			}
		}
	}
	if more && p.extreme < constrain.MaxExtremes {
		a.ranks(c, p, rds)
		a.counts(c, p, rds)
	}
	if more {
		a.loops(c, p, rds)
	}
	a.tables(c, p, rds)
}

// goesOn reports whether a second edge of the same kind leads to anything that
// the first does not.
func (a *Automaton) goesOn(w constrain.Walk, rd constrain.RD) bool {
	if !a.x.canFollow(w, rd) {
		return false
	}
	first := a.g.Image(w.Set, rd)
	return a.x.leads(first, rd, func(n constrain.Node) bool { return !first.Contains(n) && !w.Set.Contains(n) })
}

// all lists what the slot for relations offers: those of the current set, or
// all where only names bind.
func (a *Automaton) all() []constrain.RD {
	out := make([]constrain.RD, 2*len(a.g.Relations()))
	for i := range out {
		out[i] = constrain.RD(i)
	}
	return out
}

// piece opens a context that belongs to no boundary.
func (a *Automaton) piece(c *ctx, p point, text string, first byte, final bool, fill func(*ctx)) {
	c.arcs = append(c.arcs, arc{text, func() *ctx { return a.ctx(p.text+text, first, final, fill) }})
}

// union offers "~ [name]", and "~ step [name]" after something.
func (a *Automaton) union(c *ctx, p point) {
	to := func(prefix string, list func() []uint32, with func(name string) constrain.Set) func(*ctx) {
		return func(inner *ctx) {
			var names []uint32
			if list != nil {
				names = list()
			}
			slot := a.nameSlot(p.text+prefix+"[", names, nil, func(name, shown string) *ctx {
				n := p
				n.text = p.text + prefix + shown
				n.ops++
				n.noEdges, n.onlyEdges, n.counting = false, false, nil
				if a.opt.Mode == Full {
					n.walk.Set = join(p.walk.Set, with(name))
				}
				return a.boundary(n)
			})
			inner.arcs = append(inner.arcs, arc{"[", func() *ctx { return slot }})
		}
	}
	a.piece(c, p, " ~ ", '[', false, to(" ~ ", nil, func(name string) constrain.Set {
		return a.g.FromNodes(a.g.Lookup(name)).Set
	}))
	if p.named && p.ops == 0 {
		return
	}
	for _, rd := range a.all() {
		prefix := " ~ " + a.g.StepOf(rd).String() + " "
		if !a.x.anyName(rd ^ 1) {
			continue
		}
		a.piece(c, p, prefix, '[', false, to(prefix, func() []uint32 { return a.x.namesHaving(rd ^ 1) }, func(name string) constrain.Set {
			return a.g.Image(a.g.FromNodes(a.g.Lookup(name)).Set, rd^1)
		}))
	}
}

func join(x, y constrain.Set) constrain.Set {
	out := append(slices.Clone(x), y...)
	slices.Sort(out)
	return slices.Compact(out)
}

// values yields the relations among rds whose values compare.
func (a *Automaton) values(rds []constrain.RD, f func(r int, rel *constrain.Relation)) {
	for _, rd := range rds {
		rel := &a.g.Relations()[rd/2]
		if rd&1 == 0 && rel.Kind != constrain.NoValue {
			f(int(rd/2), rel)
		}
	}
}

// comparisons offers "where rel > [name]": the values of another thing.
func (a *Automaton) comparisons(c *ctx, p point, rds []constrain.RD) {
	g := a.g
	a.values(rds, func(r int, rel *constrain.Relation) {
		for _, cmp := range []byte{'>', '<', constrain.AtLeast, constrain.AtMost} {
			sign := map[byte]string{'>': ">", '<': "<", constrain.AtLeast: ">=", constrain.AtMost: "<="}[cmp]
			prefix := " where " + rel.Name + " " + sign + " ["
			list := a.x.valued(r)
			if a.opt.Mode == Full {
				list = a.x.comparable(p.walk.Set, r, cmp)
			}
			if len(list) == 0 {
				continue
			}
			c.arcs = append(c.arcs, arc{prefix, func() *ctx {
				return a.nameSlot(p.text+prefix, list, nil, func(name, shown string) *ctx {
					n := p
					n.text = p.text + prefix[:len(prefix)-1] + shown
					n.ops++
					n.noEdges, n.onlyEdges, n.counting = false, false, nil
					if a.opt.Mode == Full {
						n.walk.Set = g.Compare(p.walk.Set, r, cmp, g.FromNodes(g.Lookup(name)).Set)
					}
					return a.boundary(n)
				})
			}})
		}
	})
}

// difference offers "- rel [name]".
func (a *Automaton) difference(c *ctx, p point, rds []constrain.RD) {
	a.values(rds, func(r int, rel *constrain.Relation) {
		if rel.Kind != constrain.NumberValue || a.opt.Mode == Full && len(a.g.Extreme(p.walk.Set, r, true)) == 0 {
			return
		}
		list := a.x.valued(r)
		if len(list) == 0 {
			return
		}
		prefix := " - " + rel.Name + " ["
		c.arcs = append(c.arcs, arc{prefix, func() *ctx {
			return a.nameSlot(p.text+prefix, list, nil, func(_, shown string) *ctx {
				return a.ctx(p.text+prefix[:len(prefix)-1]+shown, ' ', true, func(*ctx) {})
			})
		}})
	})
}

// small lists the numbers of the question that can be ranks or counts.
func (a *Automaton) small(from int) []string {
	var out []string
	for _, s := range a.opt.Numbers {
		if n, err := strconv.Atoi(s); err == nil && n >= from && n <= constrain.MaxN && strconv.Itoa(n) == s && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// ranks offers "max #3 rel" and "max @3 rel" for the numbers of the question.
func (a *Automaton) ranks(c *ctx, p point, rds []constrain.RD) {
	a.values(rds, func(r int, rel *constrain.Relation) {
		if !a.g.Rankable(r) {
			return
		}
		for _, num := range a.small(2) {
			k, _ := strconv.Atoi(num)
			for _, form := range []string{" max #", " max @", " min #", " min @"} {
				nth := form[5] == '@'
				var s constrain.Set
				if a.opt.Mode == Full {
					if s = a.g.Ranked(p.walk.Set, r, form[2] == 'a', k, nth); len(s) == 0 {
						continue
					}
				}
				a.add(c, p, form+num+" "+rel.Name, func(n *point) {
					n.extreme++
					n.walk.Set = s
				})
			}
		}
	})
}

// counts offers the operations that count the ends of a step.
func (a *Automaton) counts(c *ctx, p point, rds []constrain.RD) {
	var ops []constrain.Op
	for _, k := range []constrain.OpKind{constrain.Most, constrain.Fewest} {
		ops = append(ops, constrain.Op{Kind: k})
		for _, num := range a.small(2) {
			n, _ := strconv.Atoi(num)
			ops = append(ops, constrain.Op{Kind: k, N: n}, constrain.Op{Kind: k, N: n, Nth: true})
		}
	}
	for _, num := range a.small(0) {
		for _, cmp := range []byte{'>', '<', '=', constrain.AtLeast, constrain.AtMost} {
			ops = append(ops, constrain.Op{Kind: constrain.Having, Cmp: cmp, Number: num})
		}
	}
	for _, op := range ops {
		var steps []constrain.RD
		for _, rd := range rds {
			op.Step = a.g.StepOf(rd)
			if a.opt.Mode != Full || a.leaves(p.walk, op) {
				steps = append(steps, rd)
			}
		}
		if len(steps) == 0 {
			continue
		}
		op.Step = constrain.Step{Rel: "x"}
		text := op.String()
		prefix := " " + text[:len(text)-len(" > x")]
		a.piece(c, p, prefix, ' ', false, func(inner *ctx) {
			for _, rd := range steps {
				counted := op
				counted.Step = a.g.StepOf(rd)
				step := " " + counted.Step.String()
				inner.arcs = append(inner.arcs, arc{step, func() *ctx {
					n := p
					n.text = p.text + prefix + step
					n.ops++
					n.extreme++
					n.noEdges, n.onlyEdges = false, false
					n.counting = &counting{counted, p.walk}
					if a.opt.Mode == Full {
						w, err := a.g.Then(p.walk, counted)
						if err != nil {
							return nil
						}
						n.walk = w
					}
					return a.boundary(n)
				}})
			}
		})
	}
}

// leaves reports whether an operation leaves anything.
func (a *Automaton) leaves(w constrain.Walk, op constrain.Op) bool {
	if (op.Kind == constrain.Most || op.Kind == constrain.Fewest) && !op.Nth && op.Class == "" {
		return true // the step is one of the set
	}
	after, err := a.g.Then(w, op)
	return err == nil && len(after.Set) > 0
}

// countedClass offers the class of what was counted.
func (a *Automaton) countedClass(c *ctx, p point) {
	k := p.counting
	present := make([]bool, len(a.g.Classes()))
	if a.opt.Mode == Full {
		rd, err := a.g.RDOf(k.op.Step)
		if err != nil {
			return
		}
		present = a.x.classesIn(a.g.Image(k.from.Set, rd))
	}
	for i, cl := range a.g.Classes() {
		op := k.op
		op.Class = cl.Name
		if a.opt.Mode == Full && (!present[i] || !a.leaves(k.from, op)) {
			continue
		}
		text := " {" + cl.Name + "}"
		c.arcs = append(c.arcs, arc{text, func() *ctx {
			n := p
			n.text += text
			n.counting = nil
			if a.opt.Mode == Full {
				w, err := a.g.Then(k.from, op)
				if err != nil {
					return nil
				}
				n.walk = w
			}
			return a.boundary(n)
		}})
	}
}

// loops offers "@ step step": what leads back to itself.
func (a *Automaton) loops(c *ctx, p point, rds []constrain.RD) {
	g := a.g
	found := map[constrain.RD][]constrain.RD{}
	if a.opt.Mode == Full {
		work := 0
	search:
		for _, x := range p.walk.Set {
			for _, rd := range rds {
				for y := range g.Neighbours(x, rd) {
					for _, back := range g.RDsOf(y) {
						if back == rd^1 || slices.Contains(found[rd], back) {
							continue
						}
						for z := range g.Neighbours(y, back) {
							if work++; work > maxLoopWork {
								break search
							}
							if z == x {
								found[rd] = append(found[rd], back)
								break
							}
						}
					}
				}
			}
		}
	} else {
		for _, rd := range rds {
			found[rd] = rds
		}
	}
	for _, rd := range rds {
		backs := found[rd]
		if len(backs) == 0 {
			continue
		}
		prefix := " @ " + g.StepOf(rd).String()
		a.piece(c, p, prefix, ' ', false, func(inner *ctx) {
			for _, back := range backs {
				step := " " + g.StepOf(back).String()
				inner.arcs = append(inner.arcs, arc{step, func() *ctx {
					n := p
					n.text = p.text + prefix + step
					n.ops++
					n.noEdges, n.onlyEdges, n.counting = false, false, nil
					if a.opt.Mode == Full {
						n.walk.Set = g.Looping(p.walk.Set, rd, back)
					}
					return a.boundary(n)
				}})
			}
		})
	}
}

// tables offers the ends with several columns.
func (a *Automaton) tables(c *ctx, p point, rds []constrain.RD) {
	a.columns(c, p, "", rds, 1)
	var numeric []int
	a.values(rds, func(r int, rel *constrain.Relation) {
		if rel.Kind == constrain.NumberValue && (a.opt.Mode != Full || len(a.g.Extreme(p.walk.Set, r, true)) > 0) {
			numeric = append(numeric, r)
		}
	})
	for _, rd := range rds {
		prefix := " ; " + a.g.StepOf(rd).String()
		a.piece(c, p, prefix, ' ', false, func(inner *ctx) {
			end := func(text string) {
				inner.arcs = append(inner.arcs, arc{text, func() *ctx { return a.ctx(p.text+prefix+text, ' ', true, func(*ctx) {}) }})
			}
			end(" count")
			for _, r := range numeric {
				if a.opt.Mode == Full && !a.x.both(p.walk.Set, rd, r) {
					continue
				}
				for _, by := range []string{" sum ", " avg ", " min ", " max "} {
					end(by + a.g.Relations()[r].Name)
				}
			}
		})
	}
	for _, r := range numeric {
		var others []int
		for _, o := range numeric {
			if o != r && (a.opt.Mode != Full || a.x.calculable(p.walk.Set, r, o)) {
				others = append(others, o)
			}
		}
		if len(others) == 0 {
			continue
		}
		prefix := " ( " + a.g.Relations()[r].Name
		a.piece(c, p, prefix, ' ', false, func(inner *ctx) {
			for _, o := range others {
				for _, sign := range []string{" - ", " * ", " / "} {
					text := sign + a.g.Relations()[o].Name + " )"
					inner.arcs = append(inner.arcs, arc{text, func() *ctx { return a.ctx(p.text+prefix+text, ' ', true, func(*ctx) {}) }})
				}
			}
		})
	}
}

// columns offers one more column of a table.
func (a *Automaton) columns(c *ctx, p point, before string, rds []constrain.RD, n int) {
	for _, rd := range rds {
		text := " , " + a.g.StepOf(rd).String()
		c.arcs = append(c.arcs, arc{text, func() *ctx {
			return a.ctx(p.text+before+text, ' ', true, func(inner *ctx) {
				if n < constrain.MaxColumns {
					a.columns(inner, p, before+text, rds, n+1)
				}
			})
		}})
	}
}
