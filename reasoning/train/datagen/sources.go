package datagen

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
)

// perWorld is how many rows one invented graph gives before the next is drawn.
const perWorld = 40

// invented asks about graphs of random schemas.
func (g *generator) invented(rows int, r *rand.Rand) error {
	lx, err := theLexicon()
	if err != nil {
		return err
	}
	for made := 0; made < rows; {
		if err := g.ctx.Err(); err != nil {
			return err
		}
		w := lx.schema(r)
		if len(w.edges) < 3 {
			continue
		}
		if err := w.fill(g.ctx, r); err != nil {
			return err
		}
		n, err := g.askWorld(w, min(perWorld, rows-made), r, nil)
		if err != nil {
			return err
		}
		made += n
	}
	return nil
}

// askWorld makes rows about one graph, shapes by weight. skip names shapes that
// a graph without classes or numbers cannot have.
func (g *generator) askWorld(w *world, rows int, r *rand.Rand, skip map[string]bool) (int, error) {
	total := 0
	for _, s := range shapes {
		if !skip[s.name] {
			total += s.weight
		}
	}
	made := 0
	for tries := 0; made < rows && tries < 20*rows; tries++ {
		// Draw a shape, and stay with it for some tries: the rare ones fail more.
		x, shape := r.IntN(total), 0
		for i, s := range shapes {
			if skip[s.name] {
				continue
			}
			if x < s.weight {
				shape = i
				break
			}
			x -= s.weight
		}
		for range 12 {
			t, ok := w.ask(r, shape)
			if !ok {
				continue
			}
			ok, err := g.emit(t, r)
			if err != nil {
				return made, err
			}
			if ok {
				made++
				break
			}
		}
	}
	return made, nil
}

// yagoWords says which entry of the lexicon speaks for a relation of YAGO.
var yagoWords = map[string]string{
	"acted in": "", "created": "", "dealt with": "", "died in": "place of death", "directed": "", "edited": "",
	"graduated from": "education", "happened in": "venue", "has academic advisor": "doctoral advisor", "has capital": "capital",
	"has child": "child", "has currency": "currency", "has neighbor": "borders", "has official language": "official language",
	"has won prize": "award", "influences": "", "is affiliated to": "plays for", "is citizen of": "country of citizenship",
	"is connected to": "serves", "is interested in": "", "is known for": "", "is leader of": "", "is located in": "located in",
	"is married to": "spouse", "is politician of": "", "lives in": "residence", "owns": "", "participated in": "", "plays for": "plays for",
	"was born in": "place of birth", "works at": "employer", "wrote music for": "",
}

// yagoRelations are the relations of YAGO that point the other way from
// anything in the lexicon: the subject does something to the object.
var yagoRelations = `
R acted in|person|film|film with @;film @ acted in|what did @ act in;which films did @ appear in;what movies has @ played in|that acted in @;starring in @;in the cast of @|who acted in @;who starred in @;which actors are in @
R created|person|work|work of @;creation of @|what did @ create;what has @ made|that created @;behind @|who created @;who made @;who is the creator of @
R directed|person|film|film of @;film @ directed;film directed by @|what did @ direct;which films were directed by @;what movies did @ make|that directed @;who directed @|who directed @;who is the director of @;who made @
R edited|person|film|film edited by @|what did @ edit;which films were edited by @|that edited @|who edited @;who cut @
R influences|person|person|follower of @;person inspired by @|who did @ influence;who was inspired by @|that influenced @;who inspired @|who influenced @;who inspired @
R is known for|person|work|famous work of @|what is @ known for;what made @ famous|known for @;famous for @|who is known for @;who became famous with @
R is leader of|person|place|place led by @|what does @ lead;what is @ the leader of;what does @ govern|leading @;in charge of @|who leads @;who is the leader of @;who governs @
R is politician of|person|place|country of the politician @|which country is @ a politician of;where is @ a politician|who are politicians of @;governing @|who is a politician of @;which politicians come from @
R owns|org|site|property of @;thing that @ owns|what does @ own;what belongs to @|that owns @;owning @|who owns @;who does @ belong to
R participated in|place|event|battle of @;event @ took part in|what did @ take part in;which battles did @ fight in|that took part in @;who fought in @|who took part in @;who fought in @;which sides fought in @
R wrote music for|person|film|film with music by @|what did @ write music for;which films did @ score|who wrote music for @;that scored @|who wrote the music of @;who composed the score of @
R is interested in|person|abstract|interest of @|what is @ interested in|interested in @|who is interested in @
R dealt with|place|place|trade partner of @|who did @ deal with;who trades with @|dealing with @|who dealt with @
`

// yago asks about the YAGO sample (CC BY): real names of relations, no classes
// and no numbers.
func (g *generator) yago(rows int, r *rand.Rand) error {
	graph, err := g.openGraph(filepath.Join(g.Data, "demo-yago3", "yago3-10-part.nt.gz"))
	if err != nil {
		return err
	}
	lx, err := theLexicon()
	if err != nil {
		return err
	}
	own, err := parseLexicon(classLines() + yagoRelations)
	if err != nil {
		return err
	}
	byName := map[string]*relation{}
	for i := range lx.relations {
		byName[lx.relations[i].names[0]] = &lx.relations[i]
	}
	w := &world{g: graph, source: "yago", edgeOf: map[string]int{}, valueOf: map[string]int{}}
	for name, entry := range yagoWords {
		rel := byName[entry]
		for i := range own.relations {
			if own.relations[i].names[0] == name {
				rel = &own.relations[i]
			}
		}
		if _, ok := graph.Relation(name); !ok || rel == nil {
			continue
		}
		w.edgeOf[name] = -1
	}
	for _, name := range sortedKeys(w.edgeOf) {
		rel := byName[yagoWords[name]]
		for i := range own.relations {
			if own.relations[i].names[0] == name {
				rel = &own.relations[i]
			}
		}
		w.edgeOf[name] = len(w.edges)
		w.edges = append(w.edges, edge{relation: rel, name: name, persons: rel.objects[0] == "person"})
	}
	_, err = g.askWorld(w, rows, r, plainShapes)
	return err
}

// plainShapes are the shapes a graph without classes and numbers lacks.
var plainShapes = map[string]bool{
	"attribute": true, "class": true, "superlative": true, "superlative-step": true,
	"number-filter": true, "date-filter": true, "not-exists": true, "sum-avg": true,
	"between": true, "ranked": true, "compare": true, "whether": true, "better": true, "difference": true,
	"itself": true, "columns": true, "groups": true, "calculation": true,
}

// classLines are the lines of the lexicon that say what classes there are.
func classLines() string {
	var b strings.Builder
	for line := range strings.Lines(lexiconText) {
		if strings.HasPrefix(line, "C ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// wordNet asks about WordNet (WordNet licence) in general phrases: its
// relations have names that no lexicon of things covers.
func (g *generator) wordNet(rows int, r *rand.Rand) error {
	graph, err := g.openGraph(filepath.Join(g.Data, "demo-wordnet", "wordnet30.nt.gz"))
	if err != nil {
		return err
	}
	w := &world{g: graph, source: "wordnet", edgeOf: map[string]int{}, valueOf: map[string]int{}}
	_, err = g.askWorld(w, rows, r, plainShapes)
	return err
}
