package scan

import (
	"encoding/hex"
	"encoding/xml"
	"strings"
)

// IsNCName reports whether s is an XML name without a colon (XML Namespaces
// 1.0, section 3), as encoding/xml reads names.
func IsNCName(s string) bool {
	ascii := s != ""
	for i := 0; i < len(s) && ascii; i++ {
		c := s[i]
		switch {
		case Classes[c]&Letter != 0 || c == '_':
		case i > 0 && (Classes[c]&Digit != 0 || c == '-' || c == '.'):
		default:
			if c < 0x80 {
				return false
			}
			ascii = false
		}
	}
	if ascii || s == "" {
		return ascii
	}
	if strings.ContainsAny(s, " \t\r\n<>/:=\"'") {
		return false
	}
	// The tables of names are the decoder's own.
	tok, err := xml.NewDecoder(strings.NewReader("<" + s + ">")).RawToken()
	start, ok := tok.(xml.StartElement)
	return err == nil && ok && start.Name.Local == s && len(start.Attr) == 0
}

// XMLLabel turns the label of a blank node into a value for rdf:nodeID, or
// the other way round: a letter goes in front, and what is not plain ASCII is
// spelt in hexadecimal, because the rules for names differ between XML, RDF
// and knakk/rdf. Different labels stay different.
func XMLLabel(label string) string {
	for i := 0; i < len(label); i++ {
		c := label[i]
		if Classes[c]&(NameBase|Digit) == 0 && c != '_' && c != '-' && (c != '.' || i == len(label)-1) {
			return "x" + hex.EncodeToString([]byte(label))
		}
	}
	return "n" + label
}
