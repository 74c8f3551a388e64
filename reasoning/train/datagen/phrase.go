package datagen

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// speaker turns steps into English.
type speaker struct {
	r *rand.Rand
	w *world
}

func (s *speaker) one(list ...string) string { return list[s.r.IntN(len(list))] }

// put fills a phrase: @ is the other end, # the plural of the subjects, L the
// name of the relation.
func put(phrase, at, many, rel string) string {
	phrase = strings.ReplaceAll(phrase, "@", at)
	phrase = strings.ReplaceAll(phrase, "#", many)
	return strings.ReplaceAll(phrase, "~", rel)
}

// words for a relation without a lexicon entry; ~ is its name.
var (
	plainFwd    = []string{"~ of @", "@ 's ~", "~ of @", "~ that @ has"}
	plainFwdQ   = []string{"what is the ~ of @", "what is @ 's ~", "which ~ does @ have", "@ 's ~", "the ~ of @", "tell me the ~ of @", "give the ~ of @", "what ~ does @ have", "name the ~ of @", "what is listed as ~ of @", "whose name is listed as ~ of @", "find the ~ of @", "what are the ~ of @", "which is the ~ of @"}
	plainWho    = []string{"who is the ~ of @", "who is @ 's ~", "who was the ~ of @", "name the ~ of @", "who is listed as ~ of @", "who are the ~ of @"}
	plainPhrase = []string{"whose ~ is @", "with @ as ~", "that have @ as ~", "with ~ @", "having ~ @", "that list @ as ~", "for which @ is the ~", "whose ~ was @"}
	plainInv    = []string{"whose ~ is @", "who has @ as ~", "what has @ as ~", "of what is @ the ~", "which # have @ as ~", "which # have the ~ @", "for what is @ the ~", "list everything whose ~ is @", "what is @ the ~ of", "which things have ~ @", "who is @ the ~ of", "for which # is @ the ~"}
)

// name is how a relation is called in a question.
func plainName(rel string) string { return constrain.PlainName(rel) }

// nounOf names the subjects of an edge: the plural of the class that most of
// the set has, and whether all have it. Without a class it is "things".
func (s *speaker) nounOf(set constrain.Set, edge int) (many string, cls int, all bool) {
	if edge < 0 || edge >= len(s.w.edges) {
		return "things", -1, true
	}
	cls = -1
	best := 0
	for _, d := range s.w.edges[edge].dom {
		k := s.w.clsIdx[d]
		if k < 0 {
			continue
		}
		if n := len(s.w.g.OfClass(set, k)); n > best || n == best && n > 0 && s.r.IntN(2) == 0 {
			best, cls, many = n, k, s.w.classes[d].many
		}
	}
	if cls < 0 {
		return "things", -1, true
	}
	return many, cls, best == len(set)
}

// forward is a noun phrase for the objects of inner.
func (s *speaker) forward(rel, inner string) string {
	if i, ok := s.w.edgeOf[rel]; ok && s.r.IntN(10) < 6 {
		return "the " + put(s.one(s.w.edges[i].fwd...), inner, "", "")
	}
	p := s.one(plainFwd...)
	if !strings.HasPrefix(p, "@") {
		p = "the " + p
	}
	return put(p, inner, "", plainName(rel))
}

// forwardQ asks for the objects of inner.
func (s *speaker) forwardQ(rel, inner string) string {
	i, known := s.w.edgeOf[rel]
	if known && s.r.IntN(10) < 6 {
		return put(s.one(s.w.edges[i].fwdQ...), inner, "", "")
	}
	if v, ok := s.w.valueOf[rel]; ok && s.r.IntN(10) < 6 && len(s.w.values[v].how) > 0 {
		return put(s.one(s.w.values[v].how...), inner, "", "")
	}
	switch {
	case s.r.IntN(5) == 0: // a statement with the question word at its end
		if known && s.r.IntN(2) == 0 {
			if p := s.verbal(i); p != "" {
				return inner + " " + s.one("is", "was", "are", "were") + " " + put(p, s.one("who", "what", "which", "whom"), "", "")
			}
		}
		return s.one("tell me", "give me", "show", "list", "find", "name", "i want to know", "can you tell me") + " " + s.forward(rel, inner)
	case known && s.w.edges[i].persons && s.r.IntN(2) == 0:
		return put(s.one(plainWho...), inner, "", plainName(rel))
	}
	return put(s.one(plainFwdQ...), inner, "", plainName(rel))
}

// verbal picks a phrase that can follow "is": "directed by @".
func (s *speaker) verbal(edge int) string {
	var ok []string
	for _, p := range s.w.edges[edge].phrase {
		switch first, _, _ := strings.Cut(p, " "); first {
		case "that", "who", "whose", "where", "which", "using":
		default:
			ok = append(ok, p)
		}
	}
	if len(ok) == 0 {
		return ""
	}
	return s.one(ok...)
}

// inverse is a phrase that follows a noun and says it belongs to inner.
func (s *speaker) inverse(rel, inner string) string {
	if i, ok := s.w.edgeOf[rel]; ok && s.r.IntN(10) < 7 {
		return put(s.one(s.w.edges[i].phrase...), inner, "", "")
	}
	return put(s.one(plainPhrase...), inner, "", plainName(rel))
}

// inverseQ asks for the subjects of inner.
func (s *speaker) inverseQ(rel, inner, many string) string {
	i, known := s.w.edgeOf[rel]
	switch {
	case known && s.r.IntN(10) < 5:
		return put(s.one(s.w.edges[i].inv...), inner, many, "")
	case s.r.IntN(10) < 4:
		return put(s.one(plainInv...), inner, many, plainName(rel))
	}
	return s.which(many, s.inverse(rel, inner))
}

// which asks for the things of a noun that a phrase describes.
func (s *speaker) which(many, phrase string) string {
	clause := strings.HasPrefix(phrase, "that ") || strings.HasPrefix(phrase, "who ")
	switch {
	case clause && s.r.IntN(2) == 0 && !strings.HasPrefix(phrase, "that @"):
		return s.one("which ", "what ") + many + " " + phrase[strings.IndexByte(phrase, ' ')+1:]
	case !clause && s.r.IntN(2) == 0:
		return s.one("which ", "what ") + many + s.one(" are ", " were ", " ") + phrase
	}
	return s.one("list all ", "list the ", "name the ", "name all ", "what are the ", "which are the ", "show me ", "give me the ", "find ", "", "the ", "which ", "what ", "tell me the ") + many + " " + phrase
}

// class picks a class of the schema that the graph has.
func (s *speaker) class() (class, int, bool) {
	for range min(10, len(s.w.classes)) {
		i := s.r.IntN(len(s.w.classes))
		if k := s.w.clsIdx[i]; k >= 0 {
			return s.w.classes[i], k, true
		}
	}
	return class{}, 0, false
}

// noise is what people do to sentences: polite openings, articles left out,
// slips of the finger. Slots and numbers stay whole.
func (s *speaker) noise(q string) string {
	if s.r.IntN(12) == 0 {
		q = s.one("please ", "can you tell me ", "do you know ", "i would like to know ", "hey ", "tell me ", "quick question ", "so ") + q
	}
	words := strings.Fields(q)
	if s.r.IntN(7) == 0 {
		words = slices.DeleteFunc(words, func(w string) bool { return w == "the" || w == "a" || w == "an" })
	}
	if s.r.IntN(25) == 0 && len(words) > 3 {
		i := s.r.IntN(len(words))
		if w := words[i]; len(w) > 4 && !strings.ContainsAny(w, "\x010123456789") {
			k := 1 + s.r.IntN(len(w)-2)
			if s.r.IntN(2) == 0 {
				words[i] = w[:k] + w[k+1:]
			} else {
				words[i] = w[:k] + string(w[k+1]) + string(w[k]) + w[min(len(w), k+2):]
			}
		}
	}
	return strings.Join(words, " ")
}
