// Package datagen makes the questions a decoder is trained on.
//
// Rows come from question sets whose licences allow it, and from templates
// over real and invented graphs. Every right query is executed: it has an
// answer (or is a deliberate "none"), and every wrong one is something the
// graph supports, so that the decoder learns to choose and not to avoid
// nonsense, which the constraint does already. Everything follows from the
// seed: the same inputs give the same file.
package datagen

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/train/corpus"
)

// Config says what to make. A count of zero leaves a source out.
type Config struct {
	// Data is the folder of question sets and graphs (kgqa).
	Data string
	// Out is the file of rows.
	Out  string
	Seed uint64

	MetaQA          int // rows, from the dev questions of 1, 2 and 3 hops alike
	SimpleQuestions int // rows, from the train questions
	Yago            int // rows of templates over the YAGO sample
	WordNet         int // rows of templates over WordNet
	Invented        int // rows of templates over invented graphs
	// Rename is the share of rows whose relation names, where they stand in the
	// question, are replaced by random words on both sides.
	Rename float64
	// None is the share of rows that get a twin whose right query was taken
	// away.
	None float64
	Log  io.Writer
}

// DefaultConfig is what the shipped decoder was trained on.
func DefaultConfig(data, out string) Config {
	return Config{
		Data: data, Out: out, Seed: 3,
		MetaQA: 8000, SimpleQuestions: 18000, Yago: 14000, WordNet: 3000, Invented: 170000,
		Rename: 0.5, None: 0.14,
	}
}

// Report counts what was made.
type Report struct {
	Rows    int            `json:"rows"`
	Source  map[string]int `json:"source"`
	Shape   map[string]int `json:"shape"`
	Steps   map[int]int    `json:"steps"` // rows by relations of the right query
	Dropped int            `json:"dropped"`
	Seconds float64        `json:"seconds"`
}

// String is a table.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows in %.0f s, %d dropped\n", r.Rows, r.Seconds, r.Dropped)
	table := func(name string, m map[string]int) {
		fmt.Fprintf(&b, "%s\n", name)
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(x, y string) int { return m[y] - m[x] })
		for _, k := range keys {
			fmt.Fprintf(&b, "  %-24s %7d  %4.1f %%\n", k, m[k], 100*float64(m[k])/float64(max(1, r.Rows)))
		}
	}
	table("by source", r.Source)
	table("by shape", r.Shape)
	steps := map[string]int{}
	for k, n := range r.Steps {
		steps[fmt.Sprintf("%d steps", k)] = n
	}
	table("by steps", steps)
	return b.String()
}

// generator carries what all sources share.
type generator struct {
	Config
	ctx   context.Context
	out   *corpus.Writer
	rep   Report
	words []string // for renaming
}

// Generate writes the file of rows.
func Generate(ctx context.Context, c Config) (Report, error) {
	start := time.Now()
	g := &generator{Config: c, ctx: ctx, rep: Report{Source: map[string]int{}, Shape: map[string]int{}, Steps: map[int]int{}}}
	if g.Log == nil {
		g.Log = io.Discard
	}
	g.words = strings.Fields(renameWords)
	var err error
	if g.out, err = corpus.Create(c.Out); err != nil {
		return g.rep, err
	}
	sources := []struct {
		name string
		rows int
		make func(rows int, r *rand.Rand) error
	}{
		{"metaqa", c.MetaQA, g.metaQA},
		{"simplequestions", c.SimpleQuestions, g.simpleQuestions},
		{"yago", c.Yago, g.yago},
		{"wordnet", c.WordNet, g.wordNet},
		{"invented", c.Invented, g.invented},
	}
	for i, s := range sources {
		if s.rows == 0 {
			continue
		}
		t := time.Now()
		before := g.rep.Rows
		if err := s.make(s.rows, rand.New(rand.NewPCG(c.Seed, uint64(i)+1))); err != nil {
			g.out.Abort()
			return g.rep, fmt.Errorf("datagen: %s: %w", s.name, err)
		}
		fmt.Fprintf(g.Log, "%s: %d rows in %.1f s\n", s.name, g.rep.Rows-before, time.Since(t).Seconds())
	}
	g.rep.Seconds = time.Since(start).Seconds()
	return g.rep, g.out.Close()
}

// openGraph reads an N-Triples file into a view.
func (g *generator) openGraph(path string) (*constrain.Graph, error) {
	f, format, err := rdf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st := mem.New()
	if _, err := st.Load(g.ctx, rdf.Read(g.ctx, f, rdf.ReadOptions{Format: format, File: path, BlankPrefix: "b"})); err != nil {
		return nil, err
	}
	snap, err := st.Snapshot()
	if err != nil {
		return nil, err
	}
	return constrain.Open(g.ctx, snap, constrain.Options{})
}

// emit writes the row of a task, and now and then its twin without an answer.
// It reports whether the task made a row.
func (g *generator) emit(t *task, r *rand.Rand) (bool, error) {
	wrong, err := t.wrong(r)
	if err != nil {
		g.rep.Dropped++
		return false, nil //nolint: a query that the graph cannot follow is dropped and counted
	}
	text, refs := prompt(t.question, len(t.names))
	gold := refer(t.query, t.names, refs).String()
	var texts []string
	for _, p := range wrong {
		s := refer(p, t.names, refs).String()
		if s != gold && !slices.Contains(texts, s) {
			texts = append(texts, s)
		}
	}
	row := corpus.Row{Prompt: text, Gold: gold, Wrong: texts, Source: t.source, Shape: t.shape}
	share := g.Rename
	if t.source == "metaqa" {
		share /= 4 // its few relations are worth knowing by name
	}
	if r.Float64() < share {
		g.rename(&row, t.query.Relations(), t.g.Relations(), r)
	}
	if err := g.write(row, len(t.query.Relations())); err != nil {
		return false, err
	}
	if r.Float64() < g.None && t.query.Edges() > 0 {
		return true, g.write(noneTwin(row), 0)
	}
	return true, nil
}

func (g *generator) write(row corpus.Row, steps int) error {
	g.rep.Rows++
	g.rep.Source[row.Source]++
	g.rep.Shape[row.Shape]++
	g.rep.Steps[steps]++
	return g.out.Write(row)
}

// noneTwin takes the right query away: what is left is wrong, and the answer
// is that there is none. Wrong queries that begin like the right one up to the
// last relation stay: the graph supports them, the question does not.
func noneTwin(row corpus.Row) corpus.Row {
	var left []string
	for _, w := range row.Wrong {
		if !strings.HasPrefix(w, row.Gold) {
			left = append(left, w)
		}
	}
	return corpus.Row{Prompt: row.Prompt, Gold: corpus.None, Wrong: left, Source: row.Source, Shape: "none"}
}

// operatorWords stand in names of relations as well as in questions for
// superlatives: "highest point" is a name, "the highest mountain" is none.
var operatorWords = strings.Fields("highest lowest largest smallest longest first last total average number main current former official primary original most least common next previous maximum minimum overall annual new old early late")

// rename replaces relation names that stand word for word in the question by
// other words, in the question and in all queries: what is left to learn is to
// find the words of the question among the relations of the graph. Half of the
// time another relation gets a name that differs in one word, so that each word
// counts, and now and then the question leaves one word out.
func (g *generator) rename(row *corpus.Row, relations []string, all []constrain.Relation, r *rand.Rand) {
	for _, rel := range relations {
		plain := constrain.PlainName(rel)
		if !strings.Contains(" "+row.Prompt+" ", " "+plain+" ") || plain != rel {
			continue
		}
		fresh := g.freshName(r)
		name := strings.Join(fresh, " ")
		replaceName(row, plain, name, true)
		if r.IntN(2) == 0 && len(fresh) > 1 && len(all) > 0 {
			// The twin is a relation of the wrong queries only.
			for range 10 {
				other := all[r.IntN(len(all))].Name
				if slices.Contains(relations, other) || strings.Contains(other, "_") || !strings.Contains(strings.Join(row.Wrong, " |")+" ", " "+other+" ") {
					continue
				}
				twin := slices.Clone(fresh)
				twin[r.IntN(len(twin))] = g.freshWord(r)
				if t := strings.Join(twin, " "); t != name {
					replaceName(row, other, t, false)
				}
				break
			}
		}
		if len(fresh) > 1 && r.IntN(8) == 0 {
			i := r.IntN(len(fresh))
			short := strings.Join(slices.Delete(slices.Clone(fresh), i, i+1), " ")
			row.Prompt = strings.TrimSpace(strings.Replace(" "+row.Prompt+" ", " "+name+" ", " "+short+" ", 1))
		}
	}
	kept := row.Wrong[:0]
	for _, w := range row.Wrong {
		if w != row.Gold {
			kept = append(kept, w)
		}
	}
	row.Wrong = kept
}

// freshName draws a name of one to four words.
func (g *generator) freshName(r *rand.Rand) []string {
	out := make([]string, 1+min(r.IntN(3), r.IntN(4)))
	for i := range out {
		out[i] = g.freshWord(r)
	}
	return out
}

func (g *generator) freshWord(r *rand.Rand) string {
	if r.IntN(5) == 0 {
		return operatorWords[r.IntN(len(operatorWords))]
	}
	return g.words[r.IntN(len(g.words))]
}

// replaceName replaces a name in all queries, and in the question if asked to.
func replaceName(row *corpus.Row, old, name string, question bool) {
	put := func(s string) string {
		s = strings.ReplaceAll(" "+s+" ", " "+old+" ", " "+name+" ")
		return strings.TrimSpace(strings.ReplaceAll(s, " "+old+" ", " "+name+" "))
	}
	if question {
		row.Prompt = put(row.Prompt)
	}
	row.Gold = put(row.Gold)
	for i, w := range row.Wrong {
		row.Wrong[i] = put(w)
	}
}
