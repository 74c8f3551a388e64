package filing

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

// understood says in a sentence how the question was read, and in parts what
// of it can be changed.
func understood(x *retrieve.Result) (label string, parts []string) {
	words := map[plan.Op]string{
		plan.Value: "the value of", plan.Change: "the change in percent of", plan.Diff: "the difference of", plan.Points: "the change in percentage points of",
		plan.CAGR: "the compound annual growth of", plan.Compare: "which has the higher", plan.Highest: "which has the highest", plan.Lowest: "which has the lowest",
		plan.Rank: "the order by", plan.Sum: "the sum of", plan.Average: "the average of", plan.Pair: "as first reported and as reported later:",
	}
	op := words[x.Op]
	if x.Op == plan.Compare && x.Question.Lowest {
		op = "which has the lower"
	}
	figure := strings.Join(figureNames(x), " / ")
	if x.Measure.Named != "" {
		figure = x.Measure.Named + " = " + expression(x.Measure)
	} else if x.Measure.Expr.Op != 0 {
		figure = expression(x.Measure)
	}
	var who, when []string
	seen := map[string]bool{}
	for _, c := range x.Cells {
		if n := c.Company.Short(); !seen[n] {
			seen[n] = true
			who = append(who, n)
		}
		if !seen[c.Period] {
			seen[c.Period] = true
			when = append(when, c.Period)
		}
	}
	label = strings.TrimSpace(op + " " + figure)
	if len(who) > 0 {
		label += " of " + strings.Join(who, ", ")
	}
	if len(when) > 0 {
		label += " for " + strings.Join(when, ", ")
	}
	if x.Question.Sentences {
		return "passages about the question", nil
	}
	parts = append(parts, op, figure)
	return label, append(append(parts, who...), when...)
}

// figureNames are the concepts that were matched, or what was asked for if
// nothing was.
func figureNames(x *retrieve.Result) []string {
	var list []string
	if len(x.Cells) > 0 {
		for _, f := range x.Cells[0].Facts {
			list = append(list, f.Concept.Title())
		}
		return list
	}
	if ms := x.Question.Measures; len(ms) > 0 {
		for _, l := range ms[0].Leaves {
			list = append(list, l.Text())
		}
	}
	return list
}

// expression writes a measure with the words of the question.
func expression(m plan.Measure) string {
	s := m.Expr.String()
	for i := len(m.Leaves) - 1; i >= 0; i-- {
		s = strings.ReplaceAll(s, "["+strconv.Itoa(i)+"]", m.Leaves[i].Text())
	}
	return s
}

var operand = regexp.MustCompile(`\b([cf])(\d+)\b`)

// formula writes a formula over cells as one over rows, with operands named a,
// b, c ... in the order of the list.
func (t *run) formula(f string) (string, []string) {
	var rows []int
	letter := func(row int) string {
		for i, r := range rows {
			if r == row {
				return string(rune('a' + i))
			}
		}
		rows = append(rows, row)
		return string(rune('a' + len(rows) - 1))
	}
	var expand func(s string, facts []retrieve.Cited) string
	expand = func(s string, facts []retrieve.Cited) string {
		return operand.ReplaceAllStringFunc(s, func(m string) string {
			n, err := strconv.Atoi(m[1:])
			switch {
			case err != nil:
			case m[0] == 'f' && n < len(facts):
				return letter(t.row[facts[n].Fact.ID])
			case m[0] == 'c' && n < len(t.res.Cells):
				c := t.res.Cells[n]
				if c.Formula == "" {
					return letter(t.row[c.Facts[0].Fact.ID])
				}
				return "(" + expand(c.Formula, c.Facts) + ")"
			}
			return m
		})
	}
	out := expand(f, nil)
	var ops []string
	for _, r := range rows {
		ops = append(ops, "r"+strconv.Itoa(r)+".value")
	}
	return out, ops
}

// value is the answer's value as written.
func (t *run) value() string {
	x := t.res
	if x.Formula == "" && len(x.Cells) > 0 {
		i := max(0, x.Winner)
		return t.cell(x.Cells[i])
	}
	return write(x.Value, x.Kind, x.Unit, x.Op == plan.Points || x.Op == plan.Diff && x.Kind == lexicon.Percent || x.Op == plan.Compare && x.Kind == lexicon.Percent)
}

// cell is a cell's value as written: as its page shows it if it is reported.
func (t *run) cell(c retrieve.Cell) string {
	if c.Formula == "" && len(c.Facts) > 0 {
		return Shown(c.Facts[0].Fact)
	}
	return write(c.Value, c.Kind, c.Unit, false)
}

// verdict decides, and composes the sentence.
func (t *run) verdict() {
	x := t.res
	for _, f := range x.Searched {
		t.out.Searched = append(t.out.Searched, title(f))
	}
	if x.Refusal != nil && len(x.Passages) == 0 || x.Refusal != nil && !x.Question.Sentences {
		t.refuse()
		return
	}
	t.out.Status = "answered"
	if x.Question.Sentences {
		t.emit(reasoning.Event{Name: "verdict", Data: reasoning.Verdict{Outcome: "answered", Rests: []string{"passages are quoted, not interpreted"}}})
		t.quote()
		return
	}
	rests := []string{fmt.Sprintf("weakest match of words and figures: %.2f", min(1, x.Score))}
	changed := 0
	for _, s := range t.spans {
		if s.State == "changed" {
			changed++
		}
	}
	if changed > 0 {
		rests = append(rests, fmt.Sprintf("%d cited spans do not read as they did", changed))
	}
	t.emit(reasoning.Event{Name: "verdict", Data: reasoning.Verdict{Outcome: "answered", Rests: rests}})
	t.say()
}

// refuse says why there is no answer and what was searched.
func (t *run) refuse() {
	x := t.res
	r := reasoning.Refusal{Code: x.Refusal.Code, Message: x.Refusal.Message, Tried: t.out.Searched}
	if len(r.Tried) == 0 {
		for _, f := range t.r.Library().Filings {
			r.Tried = append(r.Tried, title(f))
		}
	}
	if n := len(r.Tried); n > 0 {
		names := r.Tried[:min(n, 3)]
		more := ""
		if n > 3 {
			more = ", …"
		}
		r.Message += fmt.Sprintf(" Not in %d filings: %s%s.", n, strings.Join(names, "; "), more)
		if n == 1 {
			r.Message = strings.Replace(r.Message, "Not in 1 filings:", "Not in 1 filing:", 1)
		}
	}
	for _, n := range x.Refusal.Needs {
		r.Needs = append(r.Needs, reasoning.Need{Label: n})
	}
	t.out.Status, t.out.Reason, t.out.Refusal, t.out.Text = "refused", r.Message, &r, r.Message
	t.out.Answers, t.out.Figures = []reasoning.Value{}, nil
	t.emit(reasoning.Event{Name: "verdict", Data: reasoning.Verdict{Outcome: "refused", Refusal: &r}})
}

// sentence builds the answer of segments and plain text side by side.
type sentence struct {
	reasoning.Sentence
	plain strings.Builder
}

func (s *sentence) text(x string) {
	s.Segments = append(s.Segments, reasoning.Segment{Text: x})
	s.plain.WriteString(x)
}

func (s *sentence) seg(g reasoning.Segment) {
	s.Segments = append(s.Segments, g)
	s.plain.WriteString(g.As)
}

// say composes the sentence from the cells.
func (t *run) say() {
	x := t.res
	s := &sentence{}
	if x.Formula != "" {
		f, ops := t.formula(x.Formula)
		s.Derived = append(s.Derived, reasoning.Derived{ID: "d", Formula: f, Operands: ops, Value: x.Value.String(), Digits: digits(t.value()), Label: t.value()})
	}
	for i, c := range x.Cells {
		if c.Formula == "" {
			continue
		}
		f, ops := t.formula(fmt.Sprintf("c%d", i))
		if strings.HasPrefix(f, "(") && strings.HasSuffix(f, ")") {
			f = f[1 : len(f)-1]
		}
		s.Derived = append(s.Derived, reasoning.Derived{ID: "d" + strconv.Itoa(i), Formula: f, Operands: ops, Value: c.Value.String(), Digits: digits(t.cell(c)), Label: c.Company.Short() + ", " + c.Period})
	}
	cell := func(i int) reasoning.Segment {
		c := x.Cells[i]
		if c.Formula != "" {
			return reasoning.Segment{Val: &reasoning.Val{Derived: "d" + strconv.Itoa(i)}, As: t.cell(c)}
		}
		row := t.row[c.Facts[0].Fact.ID]
		return reasoning.Segment{Val: &reasoning.Val{Row: row, Var: "value", Span: SpanID(c.Facts[0].Fact.Span)}, As: t.cell(c)}
	}
	who := func(i int) reasoning.Segment {
		return reasoning.Segment{Val: &reasoning.Val{Row: t.row[x.Cells[i].Facts[0].Fact.ID], Var: "company"}, As: x.Cells[i].Company.Short()}
	}
	when := func(i int) reasoning.Segment {
		return reasoning.Segment{Val: &reasoning.Val{Row: t.row[x.Cells[i].Facts[0].Fact.ID], Var: "period"}, As: x.Cells[i].Period}
	}
	ref := func(i int) {
		for _, f := range x.Cells[i].Facts {
			n := 0
			for _, c := range s.Citations {
				if c.Statement == "f"+strconv.Itoa(t.row[f.Fact.ID]) {
					n = c.N
				}
			}
			if n == 0 {
				n = len(s.Citations) + 1
				s.Citations = append(s.Citations, reasoning.Citation{N: n, Statement: "f" + strconv.Itoa(t.row[f.Fact.ID]), Span: SpanID(f.Fact.Span), Label: fmt.Sprintf("%s, p. %d: %s %s", title(f.Filing), f.Fact.Span.Page+1, t.figure(f), Shown(f.Fact))})
			}
			s.Segments = append(s.Segments, reasoning.Segment{Ref: n})
		}
	}
	total := reasoning.Segment{Val: &reasoning.Val{Derived: "d"}, As: t.value()}
	what := strings.Join(figureNames(x), " / ")
	if x.Measure.Named != "" {
		what = x.Measure.Named
	} else if x.Measure.Expr.Op != 0 {
		what = expression(x.Measure)
	}
	what = t.safe(what)
	list := func() {
		for i := range x.Cells {
			if i > 0 {
				s.text("; ")
			}
			s.seg(who(i))
			s.text(" ")
			s.seg(when(i))
			s.text(" ")
			s.seg(cell(i))
			ref(i)
		}
		s.text(".")
	}
	answers := func(v, label, typ string) {
		t.out.Answers = append(t.out.Answers, reasoning.Value{Value: v, Type: "literal", Label: label, Datatype: typ})
	}
	last := len(x.Cells) - 1
	switch x.Op {
	case plan.Change, plan.CAGR, plan.Diff, plan.Points:
		if x.Formula == "" {
			h := cell(0)
			s.Headline = &h
			s.text(what + ": ")
			list()
			break
		}
		s.Headline = &total
		s.text(what + ": ")
		s.seg(total)
		if share, ok := t.inPercent(); ok {
			f, ops := t.formula("(" + x.Formula + ") / c0 * 100")
			s.Derived = append(s.Derived, reasoning.Derived{ID: "p", Formula: f, Operands: ops, Value: share.String(), Digits: 2, Label: write(share, lexicon.Percent, "", false)})
			s.text(" (")
			s.seg(reasoning.Segment{Val: &reasoning.Val{Derived: "p"}, As: write(share, lexicon.Percent, "", false)})
			s.text(")")
		}
		s.text(", from ")
		s.seg(cell(0))
		ref(0)
		s.text(" (")
		s.seg(who(0))
		s.text(", ")
		s.seg(when(0))
		s.text(") to ")
		s.seg(cell(last))
		ref(last)
		s.text(" (")
		s.seg(who(last))
		s.text(", ")
		s.seg(when(last))
		s.text(").")
		answers(x.Value.String(), t.value(), kg.XSD+"decimal")
	case plan.Compare, plan.Highest, plan.Lowest, plan.Rank:
		w := who(x.Winner)
		if distinctCompanies(x) == 1 {
			w = when(x.Winner)
		}
		s.Headline = &w
		s.seg(w)
		s.text(": ")
		s.seg(cell(x.Winner))
		if x.Formula != "" {
			s.text(", by ")
			s.seg(total)
		}
		s.text(". ")
		s.text(what + ": ")
		list()
		c := x.Cells[x.Winner]
		t.out.Answers = append(t.out.Answers, reasoning.Value{Value: c.Company.IRI, Type: "uri", Label: c.Company.Short()})
		answers(x.Value.String(), t.value(), kg.XSD+"decimal")
	case plan.Pair:
		h := cell(0)
		s.Headline = &h
		s.text(what + ": ")
		for i, word := range []string{" as first reported in ", " as reported later in "} {
			if i > 0 {
				s.text("; ")
			}
			s.seg(cell(i))
			s.text(word)
			f := x.Cells[i].Facts[0]
			s.seg(reasoning.Segment{Val: &reasoning.Val{Row: t.row[f.Fact.ID], Var: "filing"}, As: title(f.Filing)})
			ref(i)
			answers(x.Cells[i].Value.String(), t.cell(x.Cells[i]), kg.XSD+"decimal")
		}
		s.text(".")
	case plan.Sum, plan.Average:
		s.Headline = &total
		s.text(what + ": ")
		s.seg(total)
		s.text(" of ")
		list()
		answers(x.Value.String(), t.value(), kg.XSD+"decimal")
	default:
		h := cell(0)
		s.Headline = &h
		s.text(what + ": ")
		list()
		for _, c := range x.Cells {
			answers(c.Value.String(), t.cell(c), kg.XSD+"decimal")
		}
	}
	for _, c := range x.Cells {
		for _, f := range c.Facts {
			n := len(f.Differs)
			if n == 0 || x.Op == plan.Pair {
				continue
			}
			d := f.Differs[n-1]
			row := t.row[d.Fact.ID]
			s.text(" ")
			s.seg(reasoning.Segment{Val: &reasoning.Val{Row: row, Var: "filing"}, As: title(d.Filing)})
			s.text(" states another value for " + t.safe(t.figure(f)) + ": ")
			s.seg(reasoning.Segment{Val: &reasoning.Val{Row: row, Var: "value", Span: SpanID(d.Fact.Span)}, As: Shown(d.Fact)})
			s.text(".")
		}
	}
	if len(x.Cover) > 0 {
		s.text(" ")
		for i, c := range x.Cover {
			if i > 0 {
				s.text(", ")
			}
			s.text(t.safe(c.Concept.Title()) + ": ")
			s.seg(reasoning.Segment{Val: &reasoning.Val{Row: t.row[c.Fact.ID], Var: "value"}, As: c.Fact.Value})
		}
		s.text(".")
	}
	t.out.Text = s.plain.String()
	t.out.Derived = s.Derived
	t.emit(reasoning.Event{Name: "answer", Data: s.Sentence})
}

// inPercent is a difference between two times as a share of the first, if that
// says anything.
func (t *run) inPercent() (d xsd.Decimal, ok bool) {
	x := t.res
	first := x.Cells[0].Value
	if x.Op != plan.Diff || distinctCompanies(x) != 1 || x.Kind == lexicon.Percent || first.Sign() <= 0 {
		return d, false
	}
	d, err := x.Value.Mul(xsd.NewDecimal(100, 0))
	if err == nil {
		d, err = d.Div(first)
	}
	return d, err == nil
}

func distinctCompanies(x *retrieve.Result) int {
	seen := map[string]bool{}
	for _, c := range x.Cells {
		seen[c.Company.IRI] = true
	}
	return len(seen)
}

var anyDigit = regexp.MustCompile(`[0-9]+`)

// safe drops digits that the question does not hold: numbers in a sentence
// come from rows.
func (t *run) safe(s string) string {
	return anyDigit.ReplaceAllStringFunc(s, func(d string) string {
		if strings.Contains(t.q.Text, d) {
			return d
		}
		return "…"
	})
}

// quote answers with passages.
func (t *run) quote() {
	s := &sentence{}
	for i, p := range t.res.Passages {
		if i == 3 {
			break
		}
		if i > 0 {
			s.text(" ")
		}
		n := i + 1
		sp := ""
		if i < len(t.spans) {
			sp = t.spans[i].ID
		}
		s.Citations = append(s.Citations, reasoning.Citation{N: n, Statement: "p" + strconv.Itoa(i), Span: sp, Label: fmt.Sprintf("%s, p. %d", title(p.Filing), p.Page+1)})
		s.text("“" + t.safe(p.Text) + "”")
		s.Segments = append(s.Segments, reasoning.Segment{Ref: n})
		t.out.Answers = append(t.out.Answers, reasoning.Value{Value: p.Text, Type: "literal"})
	}
	t.out.Text = s.plain.String()
	t.emit(reasoning.Event{Name: "answer", Data: s.Sentence})
}
