package reasoning

import "testing"

// Graphs in other languages: names, relations and classes as their speakers
// write them.
const (
	german = `
@prefix : <http://example.com/k/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:Land rdfs:label "Land"@de . :Film rdfs:label "Film"@de . :hauptstadt rdfs:label "Hauptstadt"@de . :einwohner rdfs:label "Einwohnerzahl"@de .
:regie rdfs:label "Regisseur"@de . :geboren rdfs:label "Geburtsort"@de . :jahr rdfs:label "Erscheinungsjahr"@de .
:fr a :Land ; rdfs:label "Frankreich"@de , "France"@en ; :hauptstadt :paris ; :einwohner 68000000 .
:oe a :Land ; rdfs:label "Österreich"@de , "Austria"@en ; :hauptstadt :wien ; :einwohner 9100000 .
:paris rdfs:label "Paris"@de . :wien rdfs:label "Wien"@de , "Vienna"@en .
:f1 a :Film ; rdfs:label "Grauer Hafen"@de ; :regie :lena ; :jahr 2021 . :f2 a :Film ; rdfs:label "Salzstraße"@de ; :regie :lena ; :jahr 2022 .
:lena rdfs:label "Lena Orth"@de ; :geboren :wien .
`
	spanish = `
@prefix : <http://example.com/k/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:Pais rdfs:label "país"@es . :Pelicula rdfs:label "película"@es . :capital rdfs:label "capital"@es . :dir rdfs:label "director"@es . :pob rdfs:label "población"@es . :nac rdfs:label "lugar de nacimiento"@es .
:es a :Pais ; rdfs:label "España"@es ; :capital :madrid ; :pob 48000000 . :pe a :Pais ; rdfs:label "Perú"@es ; :capital :lima ; :pob 34000000 .
:madrid rdfs:label "Madrid"@es . :lima rdfs:label "Lima"@es .
:f1 a :Pelicula ; rdfs:label "Marea baja"@es ; :dir :ines . :f2 a :Pelicula ; rdfs:label "Puerto gris"@es ; :dir :ines . :ines rdfs:label "Inés Roldán"@es ; :nac :lima .
`
	french = `
@prefix : <http://example.com/k/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:Pays rdfs:label "pays"@fr . :Film rdfs:label "film"@fr . :capitale rdfs:label "capitale"@fr . :real rdfs:label "réalisateur"@fr . :pop rdfs:label "population"@fr . :naiss rdfs:label "lieu de naissance"@fr .
:fr a :Pays ; rdfs:label "France"@fr ; :capitale :paris ; :pop 68000000 . :be a :Pays ; rdfs:label "Belgique"@fr ; :capitale :brux ; :pop 11700000 .
:paris rdfs:label "Paris"@fr . :brux rdfs:label "Bruxelles"@fr .
:f1 a :Film ; rdfs:label "Marée basse"@fr ; :real :zoe . :f2 a :Film ; rdfs:label "L'Été gris"@fr ; :real :zoe . :zoe rdfs:label "Zoé Lambert"@fr ; :naiss :brux .
`
	others = `
@prefix : <http://example.com/k/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:cap rdfs:label "首都"@zh , "العاصمة"@ar , "столица"@ru , "בירה"@he .
:fr rdfs:label "法国"@zh ; :首都 :paris . :paris rdfs:label "巴黎"@zh .
:eg rdfs:label "مصر"@ar ; :العاصمة :cairo . :cairo rdfs:label "القاهرة"@ar .
:ru rdfs:label "Россия"@ru ; :столица :moscow . :moscow rdfs:label "Москва"@ru .
:il rdfs:label "ישראל"@he ; :בירה :jeru . :jeru rdfs:label "ירושלים"@he .
:jp rdfs:label "日本"@ja ; :人口 124000000 .
`
)

func TestLanguages(t *testing.T) {
	for _, lang := range []struct {
		graph   string
		answers map[string]string
	}{
		{german, map[string]string{
			"Was ist die Hauptstadt von Frankreich?":         "Paris",
			"Wie heißt die Hauptstadt von Österreich?":       "Wien",
			"wie heisst die hauptstadt von oesterreich":      "Wien",
			"Wer ist der Regisseur von Grauer Hafen?":        "Lena Orth",
			"Wie viele Filme haben den Regisseur Lena Orth?": "2",
			"Welche Einwohnerzahl hat Frankreich?":           "68000000",
			"Was ist der Geburtsort von Lena Orth?":          "Wien",
			"Welcher Film mit Erscheinungsjahr 2022":         "Salzstraße",
			"Ist Paris die Hauptstadt von Frankreich?":       "true",
		}},
		{spanish, map[string]string{
			"¿Cuál es la capital de España?":                         "Madrid",
			"¿Quién es el director de Marea baja?":                   "Inés Roldán",
			"cual es la poblacion de peru":                           "34000000",
			"¿Cuántas películas tienen a Inés Roldán como director?": "2",
			"¿Cuál es el lugar de nacimiento de Inés Roldán?":        "Lima",
			"¿Es Lima la capital de Perú?":                           "true",
		}},
		{french, map[string]string{
			"Quelle est la capitale de la France ?":                "Paris",
			"Qui est le réalisateur de Marée basse ?":              "Zoé Lambert",
			"quelle est la population de la belgique":              "11700000",
			"Combien de films ont Zoé Lambert comme réalisateur ?": "2",
			"Quel est le lieu de naissance de Zoé Lambert ?":       "Bruxelles",
			"Est-ce que Paris est la capitale de la France ?":      "true",
			"Quelle est la capitale d'Belgique ?":                  "Bruxelles",
		}},
		{others, map[string]string{
			"法国的首都是什么？":             "巴黎",
			"ما هي العاصمة مصر؟":    "القاهرة",
			"Какая столица Россия?": "Москва",
			"מהי בירה ישראל?":       "ירושלים",
			"日本の人口は？":               "124000000",
		}},
	} {
		s := snapshotOf(t, lang.graph)
		e := New(Options{})
		for q, want := range lang.answers {
			a, _ := ask(t, e, s, q)
			if got := labels(a); a.Status != "answered" || got != want {
				t.Errorf("%q: %s %q, want %q\n%s\n%s", q, a.Status, got, want, a.Anchored, a.Reason)
			}
		}
	}
}
