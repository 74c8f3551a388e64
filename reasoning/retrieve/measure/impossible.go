package measure

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/library"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/plan"
)

// Impossible counts refusals of questions that cannot be answered.
type Impossible struct {
	N       int            `json:"n"`
	Refused int            `json:"refused"`
	Rate    float64        `json:"rate"`
	ByKind  map[string]int `json:"answered_by_kind"` // wrongly
	Wrong   []string       `json:"wrong,omitempty"`  // questions that were answered
}

func refusals(ctx context.Context, r *retrieve.Retriever, qs []Question) (*Impossible, error) {
	out := &Impossible{ByKind: map[string]int{}}
	for i := range qs {
		x, err := r.Answer(ctx, qs[i].Text)
		if err != nil {
			return nil, err
		}
		out.N++
		if x.Refusal != nil {
			out.Refused++
			continue
		}
		out.ByKind[qs[i].Type]++
		out.Wrong = append(out.Wrong, qs[i].Text)
	}
	out.Rate = float64(out.Refused) / float64(max(1, out.N))
	return out, nil
}

// strangers are companies to ask about that may not be loaded; those that are
// are left out.
var strangers = []string{
	"Siemens", "Toyota", "Nestle", "Samsung Electronics", "Airbus", "Unilever", "Novartis", "Sony", "Shell", "Vodafone", "Heineken", "Danone",
	"Harley-Davidson", "Hasbro", "Kellogg", "Whirlpool", "Ralph Lauren", "Tyson Foods", "Xerox", "Campbell Soup", "Garmin", "Twilio", "Zillow", "Etsy",
}

// nonsense are figures of industries that few companies are in.
var nonsense = []string{
	"proved oil and gas reserves", "passenger load factor", "policyholder dividend liability", "aircraft fuel hedge losses", "uranium enrichment revenue",
	"timberland depletion reserve", "box office participations", "hotel occupancy revenue per available room", "tobacco settlement accrual", "satellite launch backlog",
	"slot machine hold percentage", "vineyard bottling inventory", "railcar leasing residuals", "catastrophe bond premiums", "cemetery perpetual care assets",
}

// Unanswerable makes questions that cannot be answered of ones that can: with
// a company that is not loaded, a year that is not, or a figure that nobody
// reports.
func Unanswerable(l *library.Library, qs []Question, n int, seed uint64) []Question {
	rnd := rand.New(rand.NewPCG(seed, 404))
	var absent []string
	for _, s := range strangers {
		if len(l.Find(s)) == 0 {
			absent = append(absent, s)
		}
	}
	order := rnd.Perm(len(qs))
	var list []Question
	for turn := 0; len(list) < n && turn < 6; turn++ {
		for k, i := range order {
			if len(list) == n {
				break
			}
			q := plan.Read(qs[i].Text, l)
			if len(q.Companies) == 0 || q.Described || len(q.Measures) == 0 {
				continue
			}
			text, kind := "", ""
			switch (turn + k) % 3 {
			case 0:
				kind = "company"
				c := q.Companies[rnd.IntN(len(q.Companies))]
				text = qs[i].Text[:c.From] + absent[rnd.IntN(len(absent))] + possessive(qs[i].Text[c.From:c.To]) + qs[i].Text[c.To:]
			case 1:
				kind = "year"
				text = reYear.ReplaceAllStringFunc(qs[i].Text, func(y string) string {
					v, err := strconv.Atoi(y)
					if err != nil {
						return y
					}
					return strconv.Itoa(v - 14)
				})
			default:
				kind = "figure"
				if strings.ContainsAny(qs[i].Text, "()") {
					continue // brackets would explain the figure after all
				}
				asked := q.Measures[0].Leaves[0].Runs[0].Text
				at := strings.Index(strings.ToLower(qs[i].Text), asked)
				if at < 0 {
					continue
				}
				text = qs[i].Text[:at] + nonsense[rnd.IntN(len(nonsense))] + qs[i].Text[at+len(asked):]
			}
			if text == qs[i].Text || text == "" || slices.ContainsFunc(list, func(o Question) bool { return o.Text == text }) {
				continue
			}
			list = append(list, Question{ID: "impossible-" + strconv.Itoa(len(list)), Type: kind, Text: text, Impossible: true})
		}
	}
	return list
}

// possessive is the ending that a mention brings along.
func possessive(s string) string {
	for _, end := range []string{"'s", "’s", "'", "’"} {
		if strings.HasSuffix(s, end) {
			return end
		}
	}
	return ""
}
