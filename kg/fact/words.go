package fact

import (
	"strings"
	"unicode"
)

// Words splits a camel-case name into words: NetIncomeLossPerShare,
// IncomeTaxesPaid1, EBITDAMargin.
func Words(local string) []string {
	var words []string
	rs := []rune(local)
	from := 0
	for i := 1; i <= len(rs); i++ {
		if i < len(rs) {
			a, b := rs[i-1], rs[i]
			lowerUpper := !unicode.IsUpper(a) && unicode.IsUpper(b)
			acronym := unicode.IsUpper(a) && unicode.IsUpper(b) && i+1 < len(rs) && unicode.IsLower(rs[i+1])
			digit := unicode.IsLetter(a) && unicode.IsDigit(b)
			sep := b == '_' || b == '-'
			if !lowerUpper && !acronym && !digit && !sep {
				continue
			}
		}
		if w := strings.Trim(string(rs[from:i]), "_-"); w != "" {
			words = append(words, w)
		}
		from = i
	}
	return words
}

// tails are ends of names that say what kind of concept it is.
var tails = []string{"Member", "Axis", "Domain", "TextBlock", "PolicyTextBlock", "LineItems", "Table", "Abstract"}

// LabelOf makes a label of a concept's local name, for concepts that no
// linkbase labels.
func LabelOf(local string) string {
	for _, t := range tails {
		if len(local) > len(t) && strings.HasSuffix(local, t) {
			local = local[:len(local)-len(t)]
			break
		}
	}
	words := Words(local)
	for i, w := range words {
		if i > 0 && len(w) > 1 && strings.ToUpper(w) != w || i > 0 && (w == "A" || w == "I") {
			words[i] = strings.ToLower(w)
		}
	}
	return strings.Join(words, " ")
}
