package syntax

// Kind is the kind of a token.
type Kind uint8

// Token kinds. Punctuation tokens are told apart by their text.
const (
	EOF    Kind = iota
	Word        // keyword, function name, or "a"
	IRIRef      // <...>; Text is the unescaped reference
	PName       // prefix:local; Text is as written
	BlankLabel
	VarName
	Integer
	Decimal
	Double
	String  // Text is the value
	LangTag // Text is without "@"
	Punct
)

// scanNumber returns the longest number at the start of s, with its sign, and
// its kind; 0 bytes if there is none. A dot that no digit or exponent follows
// is left: "1." is an integer and the end of a triple.
func scanNumber(s string) (Kind, int) {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	digits := func() int {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i - from
	}
	kind := Integer
	whole := digits()
	end := i
	if i < len(s) && s[i] == '.' {
		i++
		if frac := digits(); frac > 0 {
			kind, end = Decimal, i
		} else if whole == 0 {
			return EOF, 0
		}
	} else if whole == 0 {
		return EOF, 0
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if digits() > 0 {
			return Double, i
		}
	}
	return kind, end
}
