package datagen

import (
	"math/rand/v2"
	"path/filepath"
	"strings"

	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/train/corpus"
)

// simpleQuestions uses the train questions of SimpleQuestions (Bordes et al.
// 2015, CC BY 3.0) mapped to Wikidata: one step, asked by people. The graph
// that comes with them holds one relation for most topics, so the wrong
// relations are drawn from the whole vocabulary.
func (g *generator) simpleQuestions(rows int, r *rand.Rand) error {
	type question struct {
		Question string   `json:"question"`
		Label    string   `json:"topic_label"`
		Path     []string `json:"path"`
		Relation string   `json:"relation_label"`
	}
	type pair struct {
		text string
		step constrain.Step
	}
	var all []pair
	seen := map[pair]int{}
	perStep := map[constrain.Step]int{}
	if err := lines(filepath.Join(g.Data, "simplequestions-wikidata", "train.jsonl.gz"), func(q question) error {
		text, ok := replaceMention(q.Question, q.Label, 0)
		name := constrain.SchemaName(q.Relation)
		if !ok || name == "" || len(q.Path) != 1 {
			return nil
		}
		p := pair{text, constrain.Step{Inverse: strings.HasPrefix(q.Path[0], "~"), Rel: name}}
		seen[p]++
		if seen[p] > 3 { // people ask the same about many topics
			return nil
		}
		perStep[p.step]++
		all = append(all, p)
		return nil
	}); err != nil {
		return err
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	made := 0
	used := map[constrain.Step]int{}
	for _, p := range all {
		if made == rows {
			break
		}
		// Three relations make up a third of the set; the rare ones teach more.
		if used[p.step]++; used[p.step] > 1500 {
			continue
		}
		anchor := constrain.Pipeline{Start: constrain.Anchor{Ref: 1}}
		right := anchor.With(constrain.Op{Kind: constrain.Edge, Step: p.step})
		text, _ := prompt(p.text, 1)
		row := corpus.Row{Prompt: text, Gold: right.String(), Source: "simplequestions", Shape: "1-hop"}
		if p.step.Inverse {
			row.Shape = "inverse"
		}
		add := func(q constrain.Pipeline) { row.Wrong = append(row.Wrong, q.String()) }
		flip := p.step
		flip.Inverse = !flip.Inverse
		add(anchor.With(constrain.Op{Kind: constrain.Edge, Step: flip}))
		add(right.Ending(constrain.End{Kind: constrain.Count}))
		for range 9 {
			s := all[r.IntN(len(all))].step
			if s.Rel == p.step.Rel {
				continue
			}
			add(anchor.With(constrain.Op{Kind: constrain.Edge, Step: s}))
			if r.IntN(2) == 0 {
				add(right.With(constrain.Op{Kind: constrain.Edge, Step: s}))
			}
		}
		if r.Float64() < g.Rename/2 {
			g.rename(&row, []string{p.step.Rel}, nil, r)
		}
		if err := g.write(row, 1); err != nil {
			return err
		}
		if r.Float64() < g.None {
			if err := g.write(noneTwin(row), 0); err != nil {
				return err
			}
		}
		made++
	}
	return nil
}
