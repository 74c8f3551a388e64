package dict

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/quaestor-kg/quaestor/kg"
)

// TagOf returns the tag of the dictionary that a term belongs to.
func TagOf(t kg.Term) (kg.Tag, error) {
	switch t.Kind {
	case kg.Blank:
		return kg.TagBlank, nil
	case kg.IRI:
		return kg.TagIRI, nil
	case kg.Triple:
		return kg.TagTriple, nil
	case kg.Literal:
		switch {
		case t.Lang != "" || t.Dir != "":
			if t.Datatype != kg.RDFLangString && t.Datatype != kg.RDFDirLangStr || (t.Dir != "") != (t.Datatype == kg.RDFDirLangStr) || t.Lang == "" {
				return 0, fmt.Errorf("dict: literal %.80q: language %q and direction %q do not fit datatype %q", t.Value, t.Lang, t.Dir, t.Datatype)
			}
			return kg.TagLang, nil
		case t.Datatype == kg.XSDString:
			return kg.TagString, nil
		case t.Datatype == "":
			return 0, fmt.Errorf("dict: literal %.80q has no datatype; use kg.NewString or kg.NewTyped", t.Value)
		}
		return kg.TagTyped, nil
	}
	return 0, fmt.Errorf("dict: the empty term has no id")
}

// AppendKey appends the dictionary key of a term that is no triple term. Keys
// of one tag are unique and sort by lexical form; those of other typed
// literals by datatype first, so that a range of keys is one type. On disk:
// never change one.
//
//	TagBlank   label
//	TagIRI     IRI
//	TagString  lexical form
//	TagLang    lexical form, 00, language [--direction], length of the latter (1 byte)
//	TagTyped   datatype, 00, lexical form
//
// The key of a triple term is that of its three ids: see AppendTripleKey.
func AppendKey(b []byte, tag kg.Tag, t kg.Term) ([]byte, error) {
	switch tag {
	case kg.TagBlank, kg.TagIRI, kg.TagString:
		return append(b, t.Value...), nil
	case kg.TagLang:
		b = append(b, t.Value...)
		b = append(b, 0)
		n := len(b)
		b = append(b, t.Lang...)
		if t.Dir != "" {
			b = append(b, '-', '-')
			b = append(b, t.Dir...)
		}
		if len(b)-n > 255 {
			return nil, fmt.Errorf("dict: language tag %.40q… of %d bytes is too long (limit 255)", t.Lang, len(b)-n)
		}
		return append(b, byte(len(b)-n)), nil
	case kg.TagTyped:
		for i := range len(t.Datatype) {
			if t.Datatype[i] == 0 {
				return nil, fmt.Errorf("dict: datatype %q contains U+0000", t.Datatype)
			}
		}
		b = append(b, t.Datatype...)
		b = append(b, 0)
		return append(b, t.Value...), nil
	}
	return nil, fmt.Errorf("dict: no key for tag %d", tag)
}

// AppendTripleKey appends the key of a triple term: three ids, big-endian.
func AppendTripleKey(b []byte, s, p, o kg.ID) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s))
	b = binary.BigEndian.AppendUint64(b, uint64(p))
	return binary.BigEndian.AppendUint64(b, uint64(o))
}

// ParseTripleKey is the inverse of AppendTripleKey.
func ParseTripleKey(key []byte) (spo [3]kg.ID, ok bool) {
	if len(key) != 24 {
		return spo, false
	}
	for i := range spo {
		spo[i] = kg.ID(binary.BigEndian.Uint64(key[8*i:]))
	}
	return spo, true
}

// ParseKey is the inverse of AppendKey. The term's strings are copies. It
// returns false for bytes that no term has as key, and for triple terms.
func ParseKey(tag kg.Tag, key []byte) (kg.Term, bool) {
	switch tag {
	case kg.TagBlank:
		return kg.NewBlank(string(key)), true
	case kg.TagIRI:
		return kg.NewIRI(string(key)), true
	case kg.TagString:
		return kg.NewString(string(key)), true
	case kg.TagLang:
		if len(key) < 2 {
			return kg.Term{}, false
		}
		n := len(key) - 1
		l := n - int(key[n])
		if l < 1 || key[l-1] != 0 || l == n {
			return kg.Term{}, false
		}
		s := string(key[:n]) // one allocation for value and language
		t := kg.Term{Kind: kg.Literal, Value: s[:l-1], Datatype: kg.RDFLangString, Lang: s[l:]}
		if i := bytes.LastIndex(key[l:n], []byte("--")); i >= 0 {
			t.Lang, t.Dir, t.Datatype = s[l:l+i], s[l+i+2:], kg.RDFDirLangStr
		}
		return t, true
	case kg.TagTyped:
		i := bytes.IndexByte(key, 0)
		if i < 1 {
			return kg.Term{}, false
		}
		s := string(key)
		return kg.Term{Kind: kg.Literal, Value: s[i+1:], Datatype: datatype(s[:i])}, true
	}
	return kg.Term{}, false
}

// datatype returns a shared copy of well-known datatype IRIs, so that terms
// do not each pin one.
func datatype(s string) string {
	switch s {
	case xsdInteger:
		return xsdInteger
	case xsdDecimal:
		return xsdDecimal
	case xsdDouble:
		return xsdDouble
	case xsdDate:
		return xsdDate
	case xsdDateTime:
		return xsdDateTime
	case xsdBoolean:
		return xsdBoolean
	}
	return s
}
