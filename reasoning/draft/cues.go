package draft

import (
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// cues are words of the question that hint at a form of query. They open the
// variations that would otherwise crowd the pool, and decide nothing: the score
// of a draft does.
type cues struct {
	yesNo    bool
	count    bool
	sum, avg bool
	not      bool
	most     bool // a superlative in the upper direction, or one of unknown direction
	least    bool
	more     bool // comparisons
	less     bool
	atLeast  bool
	atMost   bool

	mostOf, fewOf bool // "most rivers": by number
	than, or, and bool
	difference    bool // between two things
	calculation   bool // of two values
	same          bool // two relations of lead to one thing
	far           bool // over any number of steps
	each          bool // a row for each
	together      bool // "and their ..."
	small         []small
	utmost        []string // superlatives of the question
}

// small is a small number of the question that can be a rank or a count.
type small struct {
	n       int
	ordinal bool
	rank    bool // not after "more than"
}

// howMany reports whether numbers may be compared with counts.
func (c *cues) howMany() bool {
	return c.more || c.less || c.atLeast || c.atMost || c.count || len(c.small) > 0
}

var (
	cardinals = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve")
	ordinals  = strings.Fields("zeroth first second third fourth fifth sixth seventh eighth ninth tenth")
)

// countWords stand before numbers that are compared with.
var countWords = words("than over under exactly least above below only just precisely most")

// maxRank is the largest number that "the 20 largest" is likely to hold.
const maxRank = 20

// smallNumber reads "three", "3", "third" or "3rd".
func smallNumber(w string) (small, bool) {
	if i := slices.Index(cardinals, w); i >= 0 && w != "one" { // mostly a pronoun
		return small{n: i}, true
	}
	if i := slices.Index(ordinals, w); i >= 2 {
		return small{n: i, ordinal: true}, true
	}
	digits := strings.TrimRight(w, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(digits)
	switch rest := w[len(digits):]; {
	case err != nil || n < 0 || n > constrain.MaxN:
		return small{}, false
	case rest == "":
		return small{n: n}, true
	case n >= 2 && (rest == "st" || rest == "nd" || rest == "rd" || rest == "th"):
		return small{n: n, ordinal: true}, true
	}
	return small{}, false
}

// SmallNumbers returns, in digits, the numbers of a question that can be ranks or
// counts: "three", "3" and "third" are 3.
func SmallNumbers(q *link.Linked) []string {
	var out []string
	for _, n := range findCues(q).small {
		if s := strconv.Itoa(n.n); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// phrases that span several words.
var (
	atLeastPhrases = []string{"at least", "or more", "no less than", "no fewer than", "not less than", "a minimum of", "or later", "since", "from"}
	atMostPhrases  = []string{"at most", "or less", "or fewer", "no more than", "not more than", "up to", "a maximum of", "or earlier", "until", "to", "by"}
	mostOfPhrases  = []string{"most", "largest number", "highest number", "greatest number", "maximum number", "biggest number", "more"}
	fewOfPhrases   = []string{"fewest", "least", "smallest number", "lowest number", "least number", "minimum number", "fewer", "less"}
	differPhrases  = []string{"difference", "how much", "how many", "exceed", "exceeds", "minus", "gap", "differ"}
	calcPhrases    = []string{"difference", "ratio", "divided", "minus", "times", "product", "per", "multiplied", "subtract", "share", "percentage", "proportion", "exceed", "margin", "than the", "than its", "than their"}
	samePhrases    = []string{"same", "also", "own", "themselves", "itself", "himself", "herself"}
	farPhrases     = []string{"indirectly", "indirect", "transitively", "recursively", "ancestor", "ancestors", "descendant", "descendants", "any level", "all levels", "eventually", "ultimately", "number of steps", "hierarchy", "chain", "upstream", "downstream"}
	eachPhrases    = []string{"each", "per", "every", "grouped", "respective", "broken down"}
	withPhrases    = []string{"and their", "with their", "and its", "with its", "together with", "along with", "as well as", "and what", "respective", "table"}
)

var (
	yesNoWords = words("is are was were do does did has have had can could will would")
	notWords   = words("not no without except excluding never neither nor lacking lack lacks don't doesn't didn't isn't aren't wasn't weren't hasn't haven't nothing none other")
	moreWords  = words("over more above after since greater exceeding exceeds larger higher later least longer bigger older beyond")
	lessWords  = words("under less below before fewer smaller lower earlier shorter younger until cheaper lighter slower weaker poorer thinner narrower nearer colder closer")
	mostWords  = words("most max maximum highest largest biggest longest tallest greatest latest newest last top best heaviest fastest deepest richest widest strongest hottest recent oldest")
	leastWords = words("least min minimum lowest smallest shortest fewest earliest first slowest lightest youngest cheapest worst oldest coldest narrowest poorest weakest bottom")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

func findCues(q *link.Linked) cues {
	var c cues
	ws := q.Words
	c.yesNo = yesNoWords[ws[0].Text]
	inMention := make([]bool, len(ws))
	for _, m := range q.Mentions {
		if m.Ref > 0 {
			for i := m.From; i < m.To; i++ {
				inMention[i] = true
			}
		}
	}
	for i, w := range ws {
		if inMention[i] {
			continue
		}
		t := w.Text
		prev := ""
		if i > 0 {
			prev = ws[i-1].Text
		}
		switch {
		case t == "many" && prev == "how", t == "count", t == "number", t == "amount", t == "total", t == "much" && prev == "how", t == "counts":
			c.count = true
		}
		switch t {
		case "total", "sum", "combined", "altogether", "overall", "much", "many":
			c.sum = true
		case "average", "mean", "avg", "typical":
			c.avg = true
		}
		if notWords[t] {
			c.not = true
		}
		c.more = c.more || moreWords[t]
		c.less = c.less || lessWords[t]
		if i+1 < len(ws) && ws[i+1].Text == "than" {
			switch {
			case t == "older" || t == "younger": // by age or by date
				c.more, c.less = true, true
			case strings.HasSuffix(t, "er") && !lessWords[t]: // heavier, faster
				c.more = true
			}
		}
		switch {
		case mostWords[t] || leastWords[t]:
			c.most = c.most || mostWords[t]
			c.least = c.least || leastWords[t]
		case len(t) > 4 && strings.HasSuffix(t, "est") && !slices.Contains(notSuperlative, t):
			c.most, c.least = true, true
		}
		if t == "most" || t == "least" || len(t) > 4 && strings.HasSuffix(t, "est") && !slices.Contains(notSuperlative, t) {
			c.utmost = append(c.utmost, t)
		}
		n, ok := smallNumber(t)
		if t == "one" && countWords[prev] {
			n, ok = small{n: 1}, true // elsewhere it is mostly a pronoun
		}
		n.rank = n.ordinal || n.n >= 2 && n.n <= maxRank && !countWords[prev]
		if ok && !slices.Contains(c.small, n) {
			c.small = append(c.small, n)
		}
	}
	outside := make([]string, len(ws))
	for i, w := range ws {
		if outside[i] = w.Text; inMention[i] {
			outside[i] = "[]"
		}
	}
	text := " " + strings.Join(outside, " ") + " "
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(p string) bool { return strings.Contains(text, " "+p+" ") })
	}
	numbers := len(q.Numbers) > 0 || len(c.small) > 0
	c.atLeast, c.atMost = numbers && has(atLeastPhrases), numbers && has(atMostPhrases)
	if numbers && has([]string{"between"}) {
		c.atLeast, c.atMost = true, true
	}
	c.mostOf, c.fewOf = has(mostOfPhrases), has(fewOfPhrases)
	c.than, c.or, c.and = has([]string{"than", "exceed", "exceeds"}), has([]string{"or", "between"}), has([]string{"and"})
	c.or = c.or || c.and && (c.more || c.most) && strings.Contains(text, " of ")
	c.difference, c.calculation = has(differPhrases), has(calcPhrases)
	for _, m := range q.Classes { // "employees by department"
		c.each = c.each || m.From > 1 && ws[m.From-1].Text == "by"
	}
	c.same, c.far, c.together = has(samePhrases), has(farPhrases), has(withPhrases)
	c.each = c.each || has(eachPhrases)
	return c
}

var notSuperlative = []string{"forest", "interest", "request", "contest", "harvest", "guest", "quest", "conquest", "protest", "suggest", "honest", "modest", "priest", "arrest", "invest"}
