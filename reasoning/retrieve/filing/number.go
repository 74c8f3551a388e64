package filing

import (
	"strings"

	"github.com/quaestor-kg/quaestor/kg/fact"
	"github.com/quaestor-kg/quaestor/kg/xsd"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/lexicon"
)

var scales = map[int]string{3: " thousand", 6: " million", 9: " billion", 12: " trillion"}

var signs = map[string]string{"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "CN¥", "CAD": "CA$", "AUD": "A$"}

// Shown is a fact's value as its page shows it: in the same scale, with its
// unit.
func Shown(f *fact.Fact) string {
	d, err := f.Decimal()
	if err != nil {
		return f.Value
	}
	if f.Unit == "xbrli:pure" && f.Scale == -2 {
		if p, err := d.Mul(xsd.NewDecimal(100, 0)); err == nil {
			return group(p.String()) + " %"
		}
	}
	word, ok := scales[f.Scale]
	if ok {
		if s, err := d.Div(power(f.Scale)); err == nil {
			return money(group(s.String()), word, f.Unit)
		}
	}
	return money(group(d.String()), "", f.Unit)
}

func power(n int) xsd.Decimal {
	d, err := xsd.ParseDecimal("1" + strings.Repeat("0", n))
	if err != nil {
		return xsd.NewDecimal(1, 0)
	}
	return d
}

// money writes a number with its unit.
func money(number, scale, unit string) string {
	top, per, divided := strings.Cut(unit, "/")
	suffix := ""
	if divided {
		suffix = " per " + strings.TrimSuffix(unitLabel(per), "s")
	}
	if cur, ok := strings.CutPrefix(top, "iso4217:"); ok {
		if sign, ok := signs[cur]; ok {
			if rest, neg := strings.CutPrefix(number, "-"); neg {
				return "-" + sign + rest + scale + suffix
			}
			return sign + number + scale + suffix
		}
		return number + scale + " " + cur + suffix
	}
	if u := unitLabel(top); u != "" {
		return number + scale + " " + u + suffix
	}
	return number + scale + suffix
}

// unitLabel is a unit for people; empty for pure numbers.
func unitLabel(unit string) string {
	if top, per, ok := strings.Cut(unit, "/"); ok {
		return unitLabel(top) + " per " + strings.TrimSuffix(unitLabel(per), "s")
	}
	_, local, ok := strings.Cut(unit, ":")
	if !ok {
		local = unit
	}
	if local == "pure" {
		return ""
	}
	return strings.ReplaceAll(local, "_", " ")
}

// group sets commas between thousands.
func group(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if frac = strings.TrimRight(frac, "0"); frac != "" {
		b.WriteString("." + frac)
	}
	return sign + b.String()
}

// round writes a decimal with so many places, half away from zero, and at
// least two significant digits of small values.
func round(d xsd.Decimal, places int) string {
	s := d.String()
	if f := d.Abs().Float(); f > 0 {
		for f < 1 && places < 8 && f*pow10(places) < 10 {
			places++
		}
	}
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) <= places {
		frac += strings.Repeat("0", places-len(frac))
	} else {
		up := frac[places] >= '5'
		digits := []byte(whole + frac[:places])
		for i := len(digits) - 1; up && i >= 0; i-- {
			if digits[i] == '9' {
				digits[i] = '0'
			} else {
				digits[i]++
				up = false
			}
		}
		all := string(digits)
		if up {
			all = "1" + all
		}
		whole, frac = all[:len(all)-places], all[len(all)-places:]
	}
	out := whole
	if places > 0 {
		out += "." + frac
	}
	if neg && strings.Trim(out, "0.") != "" {
		out = "-" + out
	}
	return out
}

func pow10(n int) float64 {
	f := 1.0
	for range n {
		f *= 10
	}
	return f
}

// write writes a computed value.
func write(d xsd.Decimal, kind lexicon.Kind, unit string, points bool) string {
	switch kind {
	case lexicon.Percent:
		if points {
			return round(d, 2) + " percentage points"
		}
		return round(d, 2) + " %"
	case lexicon.Times:
		return round(d, 2) + "x"
	case lexicon.Days:
		return round(d, 1) + " days"
	}
	abs := d.Abs()
	if !strings.Contains(unit, "/") {
		for _, n := range []int{9, 6} {
			p := power(n)
			if abs.Cmp(p) >= 0 {
				if s, err := d.Div(p); err == nil {
					return money(group(round(s, 3)), scales[n], unit)
				}
			}
		}
	}
	places := 0
	if strings.Contains(d.String(), ".") {
		places = 2
	}
	return money(group(round(d, places)), "", unit)
}

// digits is how many decimal places a written value has.
func digits(s string) int {
	_, frac, ok := strings.Cut(s, ".")
	if !ok {
		return 0
	}
	n := 0
	for n < len(frac) && frac[n] >= '0' && frac[n] <= '9' {
		n++
	}
	return n
}
