package lexicon

import "slices"

// stopwords tell nothing about what a text is about.
var stopwords = map[string]bool{
	"of": true, "in": true, "to": true, "for": true, "on": true, "by": true, "with": true, "at": true, "from": true, "as": true, "or": true, "is": true, "are": true, "was": true,
	"were": true, "be": true, "that": true, "this": true, "it": true, "its": true, "we": true, "our": true, "which": true, "what": true, "how": true, "did": true, "do": true, "does": true,
	"has": true, "have": true, "had": true, "any": true, "not": true, "if": true, "there": true, "their": true, "than": true, "been": true, "will": true, "may": true, "such": true, "other": true,
	"fiscal": true, "fy": true, "year": true, "company": true, "much": true, "many": true, "who": true, "s": true, "us": true, "answer": true, "question": true, "please": true, "give": true, "would": true,
}

// Keywords are the folded words of a text without those that tell nothing.
func Keywords(s string) []string {
	return slices.DeleteFunc(Stems(s), func(w string) bool { return stopwords[w] || len(w) == 1 })
}

// Limits reports whether a folded word in the name of a concept makes it a
// part or another side of what the rest of its name says.
func Limits(stem string) bool { return limiting[stem] }

// limiting words in the name of a concept make it a part or another side of
// what the rest of its name says.
var limiting = map[string]bool{
	"other": true, "discontinu": true, "allocat": true, "defer": true, "accumulat": true, "estimat": true, "increase": true, "decrease": true, "noncash": true, "segment": true,
	"forma": true, "reconciliation": true, "expect": true, "maximum": true, "minimum": true, "adjustment": true, "undistribut": true, "unpaid": true, "impairment": true,
	"reclassification": true, "acquisition": true, "elimination": true, "antidilutive": true, "unconsolidat": true, "affiliate": true, "average": true, "portion": true, "tainted": true,
	"remeasurement": true, "translation": true, "restrict": true, "unvest": true, "minority": true, "noncontrolling": true, "preferred": true, "nonoperating": true, "foreign": true, "state": true,
}
