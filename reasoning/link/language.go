package link

import (
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// functionWords are the question words and other function words of languages
// beside English, each with the English one that stands for it in a prompt: what
// hints at a form of query is then the same in every language, and names,
// relations and classes are compared in the words of the graph. Phrases are
// tied by underscores; "-" drops a word.
var functionWords = map[string]string{
	"de": `wer=who wen=whom wem=whom wessen=whose was=what wie=how wo=where wann=when warum=why welche=which welcher=which welches=which welchen=which welchem=which
		wie_viele=how_many wieviele=how_many wie_viel=how_much wieviel=how_much wie_heisst=what_is wie_heissen=what_are wie_lautet=what_is anzahl=number
		der=the die=the das=the den=the dem=the des=of_the ein=a eine=a einer=a eines=of_a einem=a einen=a von=of vom=of_the aus=from in=in im=in_the an=on am=on_the auf=on mit=with zu=to zum=to_the zur=to_the bei=at fur=for durch=by
		ist=is sind=are war=was waren=were wird=is wurde=was wurden=were werden=are hat=has haben=have hatte=had hatten=had gibt_es=are_there gibt=gives kann=can konnen=can
		und=and oder=or nicht=not kein=no keine=no keinen=no ohne=without ausser=except als=than mehr_als=more_than weniger_als=less_than mindestens=at_least hochstens=at_most uber=over unter=under nach=after vor=before seit=since zwischen=between
		meisten=most meiste=most wenigsten=least grosste=largest grossten=largest grosster=largest grosstes=largest kleinste=smallest kleinsten=smallest hochste=highest hochsten=highest hochster=highest niedrigste=lowest langste=longest langsten=longest kurzeste=shortest alteste=oldest altesten=oldest jungste=youngest neueste=newest erste=first ersten=first letzte=last letzten=last
		durchschnitt=average durchschnittliche=average summe=sum insgesamt=total alle=all jede=each jeder=each nenne=name nenn=name liste=list zeige=show sag=tell mir=me ich=i er=he sie=she es=it sein=his seine=his ihr=her ihre=her ihnen=them davon=of_them sich=- auch=also noch=-`,
	"es": `quien=who quienes=who que=which cual=which cuales=which como=how donde=where cuando=when cuanto=how_much cuanta=how_much cuantos=how_many cuantas=how_many a_quien=whom de_quien=whose por_que=why numero=number
		el=the la=the los=the las=the un=a una=a unos=some unas=some de=of del=of_the desde=from en=in con=with para=for por=by al=to_the a=to sobre=about
		es=is son=are era=was eran=were fue=was fueron=were esta=is estan=are ha=has han=have tiene=has tienen=have tenia=had hay=are_there se_llama=is_called
		y=and e=and o=or no=not ni=nor sin=without excepto=except mas_de=more_than menos_de=less_than mas_que=more_than al_menos=at_least como_maximo=at_most despues_de=after antes_de=before entre=between
		mas_grande=largest mayor=largest menor=smallest mas_pequeno=smallest mas_alto=highest mas_alta=highest mas_bajo=lowest mas_largo=longest mas_larga=longest mas_corto=shortest mas_antiguo=oldest mas_joven=youngest primer=first primero=first primera=first ultimo=last ultima=last mas=more menos=less
		promedio=average media=average suma=sum total=total todos=all todas=all cada=each dime=tell_me nombra=name lista=list muestra=show su=its sus=their el_mismo=the_same ellos=them ellas=them se=- lo=it`,
	"fr": `qui=who que=what quoi=what quel=which quelle=which quels=which quelles=which comment=how ou=where quand=when pourquoi=why combien=how_many combien_de=how_many combien_d=how_many nombre=number a_qui=whom de_qui=whose
		est_ce_que=is est_ce_qu=is qu_est_ce_que=what_is qu_est_ce_qui=what_is
		le=the la=the les=the l=the un=a une=a des=of_the du=of_the de=of d=of au=to_the aux=to_the a=in dans=in en=in avec=with pour=for par=by sur=on chez=at depuis=since
		est=is sont=are etait=was etaient=were fut=was furent=were a_t_il=has ont=have avait=had avaient=had y_a_t_il=are_there il_y_a=there_are s_appelle=is_called
		et=and ni=nor ne=- pas=not non=not sans=without sauf=except plus_de=more_than moins_de=less_than plus_que=more_than au_moins=at_least au_plus=at_most apres=after avant=before entre=between
		plus_grand=largest plus_grande=largest plus_petit=smallest plus_petite=smallest plus_haut=highest plus_haute=highest plus_bas=lowest plus_long=longest plus_longue=longest plus_court=shortest plus_ancien=oldest plus_vieux=oldest plus_jeune=youngest premier=first premiere=first dernier=last derniere=last plus=most moins=least
		moyenne=average somme=sum total=total tous=all toutes=all chaque=each nomme=name liste=list montre=show dis=tell moi=me il=he elle=she ils=they elles=they son=his sa=her ses=its leur=their leurs=their eux=them`,
}

// question words by which a language shows itself: they open questions and mean
// nothing in English.
var shows = map[string]string{
	"de": "wer wen wem wessen wie wo wann warum welche welcher welches welchen welchem wieviele wieviel ist sind hat haben nenne wurde wurden gibt der die das von und",
	"es": "quien quienes que cual cuales donde cuando cuanto cuanta cuantos cuantas es son fue fueron tiene tienen dime hay el la los las de del y",
	"fr": "qui que quel quelle quels quelles quand combien est sont ou le la les du des de et dans ont",
}

// phrase is a function word or phrase and what it stands for.
type phrase struct{ from, to []string }

type language struct {
	phrases map[string][]phrase // by the first word, longest first
	shows   map[string]bool
}

var languages = map[string]language{}

func init() {
	for code, text := range functionWords {
		l := language{map[string][]phrase{}, map[string]bool{}}
		for pair := range strings.FieldsSeq(text) {
			from, to, _ := strings.Cut(pair, "=")
			p := phrase{from: strings.Split(from, "_")}
			if to != "-" {
				p.to = strings.Split(to, "_")
			}
			l.phrases[p.from[0]] = append(l.phrases[p.from[0]], p)
		}
		for _, ps := range l.phrases {
			slices.SortStableFunc(ps, func(a, b phrase) int { return len(b.from) - len(a.from) })
		}
		for w := range strings.FieldsSeq(shows[code]) {
			l.shows[w] = true
		}
		languages[code] = l
	}
}

// Language guesses the language of a question by its function words: "de", "es",
// "fr", or "" for English and all others.
func Language(words []constrain.Word) string {
	english := 0
	for _, w := range words {
		if stop[w.Text] {
			english++
		}
	}
	best, most := "", 0
	for _, code := range []string{"de", "es", "fr"} {
		n := 0
		for _, w := range words {
			if languages[code].shows[w.Text] {
				n++
			}
		}
		if n > most && n > english {
			best, most = code, n
		}
	}
	return best
}

// inEnglish replaces the function words of another language outside of the
// mentions that are names for certain. Words keep the bytes that they came from.
func (q *Linked) inEnglish() {
	lang := Language(q.Words)
	if lang == "" {
		return
	}
	q.Lang = lang
	named := make([]bool, len(q.Words))
	for _, m := range q.Mentions {
		if m.Pinned || m.Score >= SecureScore {
			for i := m.From; i < m.To; i++ {
				named[i] = true
			}
		}
	}
	var words []constrain.Word
	at := make([]int, len(q.Words)+1) // where old words went
	for i := 0; i < len(q.Words); {
		at[i] = len(words)
		p, ok := q.phraseAt(languages[lang], named, i)
		if !ok {
			words = append(words, q.Words[i])
			i++
			continue
		}
		for k := range p.from {
			at[i+k] = len(words)
		}
		from, to := q.Words[i].From, q.Words[i+len(p.from)-1].To
		for _, w := range p.to {
			words = append(words, constrain.Word{Text: w, From: from, To: to})
		}
		i += len(p.from)
	}
	if len(words) == 0 {
		return
	}
	at[len(q.Words)] = len(words)
	kept := q.Mentions[:0]
	for _, m := range q.Mentions {
		if m.From, m.To = at[m.From], at[m.To]; m.From < m.To {
			kept = append(kept, m)
		}
	}
	q.Words, q.Mentions = words, kept
}

func (q *Linked) phraseAt(l language, named []bool, i int) (phrase, bool) {
	if named[i] {
		return phrase{}, false
	}
next:
	for _, p := range l.phrases[q.Words[i].Text] {
		if i+len(p.from) > len(q.Words) {
			continue
		}
		for k, w := range p.from {
			if q.Words[i+k].Text != w || named[i+k] {
				continue next
			}
		}
		return p, true
	}
	return phrase{}, false
}

// umlauts writes the names of German letters as they are folded in labels:
// Mueller is Müller.
var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")
