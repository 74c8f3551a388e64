package grammar

import (
	"fmt"
	"unicode/utf8"
)

// node is an expression over characters.
type node any

type (
	text    string      // these bytes
	class   []runeRange // one character of these
	rule    string      // what the rule of this name says
	all     []node      // one after the other
	oneOf   []node      // one of them
	several struct {    // x, min to max times; max -1 = without end
		x        node
		min, max int
	}
)

type runeRange struct{ lo, hi rune }

// not returns the characters that are in none of the ranges.
func (c class) not() class {
	var out class
	next := rune(0)
	for next <= utf8.MaxRune {
		// The end of the gap that begins at next.
		hi, inside := rune(utf8.MaxRune), false
		for _, r := range c {
			switch {
			case r.lo <= next && next <= r.hi:
				next, inside = r.hi+1, true
			case r.lo > next:
				hi = min(hi, r.lo-1)
			}
		}
		if !inside {
			out = append(out, runeRange{next, hi})
			next = hi + 1
		}
	}
	return out
}

// A program is a list of steps; those of a rule begin at its entry.
type step struct {
	op     op
	lo, hi byte  // of opByte
	to, or int32 // where to go on; the other way of opSplit; of opCall: the rule's entry in to, the place after in or
}

type op uint8

const (
	opByte   op = iota // take a byte of lo..hi
	opSplit            // go both ways
	opCall             // go through a rule
	opReturn           // the rule ends
)

type program struct {
	steps []step
	entry map[string]int32
}

// maxSteps bounds programs: grammars may come from strangers, and repetitions
// are written out.
const maxSteps = 1 << 18

type compiler struct {
	program
	rules map[string]node
	calls []call // to be patched
	err   error
}

type call struct {
	at   int32
	rule string
}

// compile makes a program of rules, of which root is where a text begins.
func compile(rules map[string]node, order []string) (*program, error) {
	c := &compiler{rules: rules, program: program{entry: map[string]int32{}}}
	for _, name := range order {
		end := c.emit(step{op: opReturn})
		c.entry[name] = c.expression(rules[name], end)
	}
	for _, k := range c.calls {
		to, ok := c.entry[k.rule]
		if !ok {
			return nil, fmt.Errorf("rule %q is used but not defined", k.rule)
		}
		c.steps[k.at].to = to
	}
	if c.err != nil {
		return nil, c.err
	}
	if _, ok := c.entry["root"]; !ok {
		return nil, fmt.Errorf("there is no rule \"root\": a text begins with it")
	}
	if name := c.leftRecursive(order); name != "" {
		return nil, fmt.Errorf("rule %q begins with itself: write the repetition with * or +, or put the recursion last", name)
	}
	return &c.program, nil
}

func (c *compiler) emit(s step) int32 {
	if len(c.steps) >= maxSteps {
		if c.err == nil {
			c.err = fmt.Errorf("the grammar needs more than %d steps: use smaller repetitions", maxSteps)
		}
		return 0
	}
	c.steps = append(c.steps, s)
	return int32(len(c.steps) - 1)
}

// expression emits steps for x that go on at next, and returns where they begin:
// everything is built from its end.
func (c *compiler) expression(x node, next int32) int32 {
	if c.err != nil {
		return 0
	}
	switch x := x.(type) {
	case text:
		for i := len(x) - 1; i >= 0; i-- {
			next = c.emit(step{opByte, x[i], x[i], next, 0})
		}
		return next
	case class:
		var ways []int32
		for _, r := range x {
			for _, seq := range byteRanges(r.lo, r.hi) {
				at := next
				for i := len(seq) - 1; i >= 0; i-- {
					at = c.emit(step{opByte, seq[i].lo, seq[i].hi, at, 0})
				}
				ways = append(ways, at)
			}
		}
		return c.either(ways)
	case rule:
		at := c.emit(step{opCall, 0, 0, 0, next})
		c.calls = append(c.calls, call{at, string(x)})
		return at
	case all:
		for i := len(x) - 1; i >= 0; i-- {
			next = c.expression(x[i], next)
		}
		return next
	case oneOf:
		var ways []int32
		for _, y := range x {
			ways = append(ways, c.expression(y, next))
		}
		return c.either(ways)
	case several:
		at := next
		if x.max < 0 {
			at = c.emit(step{op: opSplit, or: next})
			c.steps[at].to = c.expression(x.x, at)
		}
		for range x.max - x.min {
			at = c.emit(step{opSplit, 0, 0, c.expression(x.x, at), next})
		}
		for range x.min {
			at = c.expression(x.x, at)
		}
		return at
	}
	panic(fmt.Sprintf("grammar: unknown expression %T", x))
}

// either emits a choice. No way at all is a step that takes no byte.
func (c *compiler) either(ways []int32) int32 {
	if len(ways) == 0 {
		return c.emit(step{op: opByte, lo: 1, hi: 0})
	}
	at := ways[len(ways)-1]
	for i := len(ways) - 2; i >= 0; i-- {
		at = c.emit(step{opSplit, 0, 0, ways[i], at})
	}
	return at
}

// leftRecursive names a rule that can come back to itself before a byte is
// taken; the machine would never come to an end in it.
func (c *compiler) leftRecursive(order []string) string {
	// What each rule can call first, and whether it can end without a byte:
	// calls are followed, and passed where the rule can be empty. This repeats
	// until nothing changes.
	empty := map[int32]bool{}
	first := map[int32]map[int32]bool{}
	for changed := true; changed; {
		changed = false
		for _, name := range order {
			entry := c.entry[name]
			if first[entry] == nil {
				first[entry] = map[int32]bool{}
			}
			seen := map[int32]bool{}
			stack := []int32{entry}
			for len(stack) > 0 {
				at := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if seen[at] {
					continue
				}
				seen[at] = true
				switch s := c.steps[at]; s.op {
				case opSplit:
					stack = append(stack, s.to, s.or)
				case opReturn:
					if !empty[entry] {
						empty[entry], changed = true, true
					}
				case opCall:
					if !first[entry][s.to] {
						first[entry][s.to], changed = true, true
					}
					if empty[s.to] {
						stack = append(stack, s.or)
					}
				}
			}
		}
	}
	for _, name := range order {
		entry := c.entry[name]
		seen := map[int32]bool{}
		stack := []int32{entry}
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for to := range first[at] {
				if to == entry {
					return name
				}
				if !seen[to] {
					seen[to] = true
					stack = append(stack, to)
				}
			}
		}
	}
	return ""
}

type byteRange struct{ lo, hi byte }

// byteRanges returns the sequences of byte ranges that are the UTF-8 forms of
// the characters lo..hi. Surrogates have none.
func byteRanges(lo, hi rune) (out [][]byteRange) {
	var split func(lo, hi rune)
	split = func(lo, hi rune) {
		switch {
		case lo > hi:
			return
		case lo < 0xd800 && hi > 0xdfff, lo >= 0xd800 && lo <= 0xdfff, hi >= 0xd800 && hi <= 0xdfff:
			split(lo, min(hi, 0xd7ff))
			split(max(lo, 0xe000), hi)
			return
		}
		for _, top := range []rune{0x7f, 0x7ff, 0xffff} { // one length at a time
			if lo <= top && hi > top {
				split(lo, top)
				split(top+1, hi)
				return
			}
		}
		if hi > 0x7f {
			// Whole blocks of the last byte, then of the last two, ...
			for shift := 6; shift < 6*utf8.RuneLen(lo); shift += 6 {
				mask := rune(1)<<shift - 1
				if lo&^mask != hi&^mask {
					if lo&mask != 0 {
						split(lo, lo|mask)
						split((lo|mask)+1, hi)
						return
					}
					if hi&mask != mask {
						split(lo, (hi&^mask)-1)
						split(hi&^mask, hi)
						return
					}
				}
			}
		}
		a, b := []byte(string(lo)), []byte(string(hi))
		seq := make([]byteRange, len(a))
		for i := range a {
			seq[i] = byteRange{a[i], b[i]}
		}
		out = append(out, seq)
	}
	split(max(0, lo), min(utf8.MaxRune, hi))
	return out
}
