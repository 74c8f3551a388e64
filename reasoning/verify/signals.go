package verify

// Signals are what the confidence of an answer rests on.
type Signals struct {
	Weight    float64 `json:"weight"`     // of the chosen group
	Margin    float64 `json:"margin"`     // over the second group
	Gain      float64 `json:"gain"`       // expected F1 of the chosen group
	Entropy   float64 `json:"entropy"`    // of the groups' weights
	PerToken  float64 `json:"per_token"`  // log p per token of the best draft; 0 without a decoder
	Lowest    float64 `json:"lowest"`     // mean of its three lowest log p; 0 without a decoder
	SumQ      float64 `json:"sum_q"`      // of the best draft; 0 without a decoder
	Mass      float64 `json:"mass"`       // log of what all drafts together have under the whole vocabulary
	None      float64 `json:"none"`       // log-probability that nothing fits, less that of the best draft
	Free      float64 `json:"free"`       // share of words that the draft has in common with what the decoder writes without any constraint
	D         float64 `json:"d"`          // of the best draft
	Cos       float64 `json:"cos"`        // of the best draft
	Fit       float64 `json:"fit"`        // mean fit of its relations to the question
	Missing   float64 `json:"missing"`    // how much better some relation of the graph, not offered here, would fit
	Unused    float64 `json:"unused"`     // share of content words that no part of the draft explains
	Strange   float64 `json:"strange"`    // content words that nothing in the graph holds
	Unknown   float64 `json:"unknown"`    // parts that look like names and name nothing
	Idle      float64 `json:"idle"`       // share of the question's sure names that the draft leaves out
	Ambiguous float64 `json:"ambiguous"`  // log of the number of things of the anchor's name that answer
	Link      float64 `json:"link"`       // score of the anchor
	Partial   float64 `json:"partial"`    // 1 if only a part of the anchor's name stands in the question
	TypeClash float64 `json:"type_clash"` // 1 if "when" gets no date, "how many" no number
	Size      float64 `json:"size"`       // log of the number of answers
	Steps     float64 `json:"steps"`      // operations of the draft
	Relations float64 `json:"relations"`  // log of the number of relations of the graph
}

// vector is the signals as numbers of a bounded range, with a constant.
func (s Signals) vector() []float64 {
	bound := func(x, most float64) float64 { return min(max(x, -most), most) }
	return []float64{
		s.Weight, s.Margin, s.Gain, s.Entropy, bound(s.PerToken, 6), bound(s.Lowest, 12), bound(s.SumQ, 12), bound(s.Mass, 20), bound(s.None, 20), s.Free,
		s.D, s.Cos, s.Fit, s.Missing, s.Unused, bound(s.Strange, 4), bound(s.Unknown, 2), s.Idle, s.Ambiguous, bound(s.Link, 8), s.Partial,
		s.TypeClash, bound(s.Size, 5), bound(s.Steps, 6), s.Relations,
		s.Weight * s.Free, s.Fit * s.Unused, bound(s.Strange, 4) * s.Unused,
		1,
	}
}
