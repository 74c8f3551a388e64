package draft

import (
	"slices"
	"strings"

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
}

var (
	yesNoWords = words("is are was were do does did has have had can could will would")
	notWords   = words("not no without except excluding never neither nor lacking lack lacks don't doesn't didn't isn't aren't wasn't weren't hasn't haven't nothing none other")
	moreWords  = words("over more above after since greater exceeding exceeds larger higher later least longer bigger older beyond")
	lessWords  = words("under less below before fewer smaller lower earlier shorter than most younger until cheaper lighter")
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
		switch {
		case mostWords[t] || leastWords[t]:
			c.most = c.most || mostWords[t]
			c.least = c.least || leastWords[t]
		case len(t) > 4 && strings.HasSuffix(t, "est") && !slices.Contains(notSuperlative, t):
			c.most, c.least = true, true
		}
	}
	return c
}

var notSuperlative = []string{"forest", "interest", "request", "contest", "harvest", "guest", "quest", "conquest", "protest", "suggest", "honest", "modest", "priest", "arrest", "invest"}
