// Package dict maps terms to ids: the values that live inside an id (Inline,
// Value), and the byte keys under which a dictionary sorts all other terms
// (AppendKey, ParseKey).
//
// A term is inlined only if its lexical form is the canonical one, so the
// mapping is a bijection: "01"^^xsd:integer and "1"^^xsd:integer stay two
// terms, the first in the dictionary, the second in its id.
//
// # Payloads (60 bits)
//
// On disk: never change one.
//
//	TagShort     bytes, zero-padded to 7, big-endian (56 bits) | length (4 bits)
//	TagBool      0 false, 1 true
//	TagInteger   value + 2^59                    -2^59 .. 2^59-1
//	TagDecimal   2^59 ± (1 + (e+32)*9e15 + m-1e15)
//	             value = ±m * 10^(e-15), 1e15 <= m < 1e16, -32 <= e <= 31
//	             so up to 16 significant digits; 2^59 is 0.0
//	TagDouble    2^59 ± (1 + (e+300)*9e14 + m-1e14)
//	             value = ±m * 10^(e-14), 1e14 <= m < 1e15, -300 <= e <= 300
//	             so up to 15 significant digits; 2^59 is 0.0E0,
//	             2^59 ± (1 + 601*9e14) is ±INF; NaN and -0.0E0 are not inlined
//	TagDate      day + 2^59, day 0 is 1970-01-01, proleptic Gregorian,
//	             years -999999 .. 999999, no time zone
//	TagDateTime  (millisecond of the instant + 2^48) * 2^11 + zone
//	             zone 0: none (the instant is then that of UTC)
//	             zone 841 + minutes, -840 .. 840; 841 is Z
//
// Numbers are kept in decimal because decimal is what data holds: 1.1E0 has no
// short binary form. Fifteen digits always identify one double (C's DBL_DIG),
// so the inlined doubles are in bijection with their lexical forms and order
// as their values do. All payloads of one numeric or temporal tag order as the
// values; dateTimes with equal instants order by zone.
package dict
