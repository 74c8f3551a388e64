package datagen

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
)

// lines calls f for each JSON line of a compressed file.
func lines[T any](path string, f func(T) error) error {
	in, _, err := rdf.Open(path)
	if in == nil {
		return err
	}
	defer in.Close()
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 1<<24)
	for n := 1; sc.Scan(); n++ {
		var row T
		if err := json.Unmarshal(sc.Bytes(), &row); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return sc.Err()
}

// metaQA uses the dev questions of MetaQA (Zhang et al. 2018, CC BY 3.0). Once
// the entity is a number only some 520 texts are left, so each is used with
// several entities, whose graphs differ in what else could be asked.
func (g *generator) metaQA(rows int, r *rand.Rand) error {
	dir := filepath.Join(g.Data, "metaqa")
	graph, err := g.openGraph(filepath.Join(dir, "kg.nt.gz"))
	if err != nil {
		return err
	}
	type question struct {
		Question string   `json:"question"`
		Topic    string   `json:"topic"`
		Path     []string `json:"path"`
	}
	const ns = "http://kgqa.local/metaqa/r/"
	relName := map[string]string{}
	for _, rel := range graph.Relations() {
		for _, p := range rel.Preds {
			t, err := graph.Snapshot().Term(p)
			if err != nil {
				return err
			}
			relName[strings.TrimPrefix(t.Value, ns)] = rel.Name
		}
	}
	for hop := 1; hop <= 3; hop++ {
		byText := map[string][]question{}
		if err := lines(filepath.Join(dir, fmt.Sprintf("%dhop.dev.jsonl.gz", hop)), func(q question) error {
			node, ok := nodeOf(graph, q.Topic)
			if !ok {
				return nil
			}
			text, ok := replaceMention(q.Question, graph.Label(node), 0)
			if !ok {
				return nil
			}
			q.Question = text
			byText[text] = append(byText[text], q)
			return nil
		}); err != nil {
			return err
		}
		texts := sortedKeys(byText)
		each := max(1, rows/3/len(texts))
		for _, text := range texts {
			qs := byText[text]
			r.Shuffle(len(qs), func(i, j int) { qs[i], qs[j] = qs[j], qs[i] })
			made := 0
			for _, q := range qs {
				if made == each {
					break
				}
				node, _ := nodeOf(graph, q.Topic)
				name, ok := graph.Name(node)
				if !ok {
					continue
				}
				t := task{g: graph, question: q.Question, names: []string{name}, source: "metaqa", shape: fmt.Sprintf("%d-hop", hop)}
				t.query.Start = constrain.Anchor{Name: name}
				for _, p := range q.Path {
					inv := strings.HasPrefix(p, "~")
					t.query = t.query.With(constrain.Op{Kind: constrain.Edge, Step: constrain.Step{Inverse: inv, Rel: relName[strings.TrimPrefix(p, "~")]}})
				}
				ok, err := g.emit(&t, r)
				if err != nil {
					return err
				}
				if ok {
					made++
				}
			}
		}
	}
	return nil
}

func nodeOf(g *constrain.Graph, iri string) (constrain.Node, bool) {
	id, ok, err := g.Snapshot().Lookup(kg.NewIRI(iri))
	if err != nil || !ok {
		return 0, false
	}
	return g.Number(id)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
