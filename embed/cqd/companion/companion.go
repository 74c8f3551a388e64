// Package companion is what a link predictor's checkpoint needs beside it to
// answer complex queries and to say how sure it is: the adapter, the
// calibration, and what the graph stated when the predictor was trained.
package companion

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/calibrate"
	"github.com/quaestor-kg/quaestor/embed/cqd"
	"github.com/quaestor-kg/quaestor/embed/cqd/adapt"
	"github.com/quaestor-kg/quaestor/embed/cqd/sample"
	"github.com/quaestor-kg/quaestor/embed/dataset"
)

// Suffix is what the name of a checkpoint's companion has more.
const Suffix = ".queries.json"

// Path is where the companion of a checkpoint lies.
func Path(checkpoint string) string { return checkpoint + Suffix }

const version = 1

// Companion is the content of the file.
type Companion struct {
	Version int `json:"version"`
	// Hash identifies the vocabulary of the checkpoint.
	Hash    string       `json:"hash"`
	Adapter *cqd.Adapter `json:"adapter,omitempty"`
	// Calibration turns the scores of links into probabilities; nil if there
	// was nothing to calibrate with, and then no probability may be shown.
	Calibration *embed.Calibration `json:"calibration,omitempty"`
	// Reliability is the calibration on examples it was not fitted on.
	Reliability []calibrate.Bin `json:"reliability,omitempty"`
	// Held is the error of the calibration on statements it was not fitted on,
	// and HeldN their number.
	Held  float64 `json:"held_ece"`
	HeldN int     `json:"held_n"`
	Loss  float64 `json:"loss"`
	// Seen are the statements of the graph at the time of training, held out or
	// not: one that is no longer stated was withdrawn, and must not come back as
	// an inference.
	Seen Statements `json:"seen"`
}

// Statements are a graph, sorted and without
// duplicates. In JSON they are base64 of three varints each: the step from the
// last head, then relation and tail.
type Statements []dataset.Triple

// MarshalJSON writes the statements.
func (x Statements) MarshalJSON() ([]byte, error) {
	var b []byte
	last := int32(0)
	for _, t := range x {
		b = binary.AppendUvarint(b, uint64(t.H-last))
		b = binary.AppendUvarint(b, uint64(t.R))
		b = binary.AppendUvarint(b, uint64(t.T))
		last = t.H
	}
	return json.Marshal(b)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (x *Statements) UnmarshalJSON(body []byte) error {
	var b []byte
	if err := json.Unmarshal(body, &b); err != nil {
		return err
	}
	var out Statements
	head := uint64(0)
	for at := 0; at < len(b); {
		var c [3]uint64
		for i := range c {
			v, n := binary.Uvarint(b[at:])
			if n <= 0 || v > math.MaxInt32 {
				return fmt.Errorf("the statements break off at byte %d", at)
			}
			c[i], at = v, at+n
		}
		if head += c[0]; head > math.MaxInt32 {
			return fmt.Errorf("a statement has the head %d", head)
		}
		out = append(out, dataset.Triple{H: int32(head), R: int32(c[1]), T: int32(c[2])})
	}
	*x = out
	return nil
}

// statements sorts a copy.
func statements(ts []dataset.Triple) Statements {
	out := slices.Clone(ts)
	slices.SortFunc(out, func(a, b dataset.Triple) int {
		return cmp.Or(cmp.Compare(a.H, b.H), cmp.Compare(a.R, b.R), cmp.Compare(a.T, b.T))
	})
	return slices.Compact(out)
}

// Then indexes what the graph stated at the time of training.
func (c *Companion) Then(t *embed.Table) *dataset.Index {
	g := &dataset.Graph{Relations: make([]string, t.Relations()/2)}
	return g.NewIndex(c.Seen)
}

// Options of Train.
type Options struct {
	Adapt adapt.Options
	// Queries are training queries by type. Without any, PerType are drawn of
	// each of the trained types; 0 means 2000.
	Queries map[string][]cqd.Case
	PerType int
	// Workload tells the steps apart for progress: "adapter" and "calibration".
	Progress func(stage string, done, total int)
}

// TrainedTypes are the query types that the adapter learns from.
var TrainedTypes = []string{"2i", "3i", "2in", "3in"}

// Train makes the companion of a predictor that was trained on g.Train. The
// calibration is fitted on g.Valid and measured on g.Test: with verified false
// statements if the graph has them, else against unstated candidates.
func Train(ctx context.Context, t *embed.Table, g *dataset.Graph, o Options) (*Companion, error) {
	c := &Companion{Version: version, Hash: t.Hash, Seen: statements(slices.Concat(g.Train, g.Valid, g.Test))}
	train := g.NewIndex(g.Train)
	examples, types, err := trainingQueries(ctx, g, train, o)
	if err != nil {
		return nil, err
	}
	if len(examples) > 0 {
		o.Adapt.Progress = func(step int, _ float64) {
			if o.Progress != nil {
				o.Progress("adapter", step, o.Adapt.Steps)
			}
		}
		if c.Adapter, c.Loss, err = adapt.Train(ctx, t, t.Hash, examples, o.Adapt); err != nil {
			return nil, fmt.Errorf("adapter: %w", err)
		}
		c.Adapter.Queries = types
	}
	return c, c.calibrate(ctx, t, g, train)
}

// trainingQueries returns examples by type, and the types.
func trainingQueries(ctx context.Context, g *dataset.Graph, train *dataset.Index, o Options) ([][]adapt.Example, []string, error) {
	if o.PerType == 0 {
		o.PerType = 2000
	}
	n := len(g.Entities)
	var out [][]adapt.Example
	var types []string
	for _, name := range TrainedTypes {
		cases := o.Queries[name]
		if len(o.Queries) == 0 {
			typ, err := cqd.TypeByName(name)
			if err != nil {
				return nil, nil, err
			}
			s, err := sample.New(train, cqd.Nothing{}, n, g.R(), sample.Options{MaxAnswers: -1, Tries: 50, Seed: o.Adapt.Seed + uint64(len(out))})
			if err != nil {
				return nil, nil, err
			}
			// A small graph has few queries of a shape: those it has will do.
			if cases, err = s.Draw(ctx, typ.Shape, o.PerType); ctx.Err() != nil {
				return nil, nil, err
			}
		}
		var list []adapt.Example
		for _, c := range cases {
			if answers := cqd.Answers(train, c.Query, n).Entities(); len(answers) > 0 {
				list = append(list, adapt.Example{Query: c.Query, Answers: answers})
			}
		}
		if len(list) > 0 {
			out, types = append(out, list), append(types, name)
		}
	}
	return out, types, nil
}

// calibrate fits and measures the calibration, if the graph has what it needs.
func (c *Companion) calibrate(ctx context.Context, t *embed.Table, g *dataset.Graph, train *dataset.Index) error {
	all := g.NewIndex(g.Train, g.Valid, g.Test)
	against := "candidates that nothing states"
	collect := func(held, no []dataset.Triple) ([]calibrate.Example, error) {
		if len(g.ValidNegatives) > 0 {
			return calibrate.Links(ctx, t, held, no)
		}
		return calibrate.Candidates(ctx, t, train, all, held)
	}
	if len(g.ValidNegatives) > 0 {
		against = "verified false statements"
	}
	fit, err := collect(g.Valid, g.ValidNegatives)
	if err != nil {
		return err
	}
	cal, err := calibrate.Fit(fit, against)
	if err != nil {
		return nil // too few held-out statements: no number is better than a wrong one
	}
	c.Calibration = &cal
	test, err := collect(g.Test, g.TestNegatives)
	if err != nil || len(test) == 0 {
		return err
	}
	probs, truths := calibrate.Probabilities(cal, test)
	r := calibrate.Reliability(probs, truths)
	c.Reliability, c.Held, c.HeldN = r[:], calibrate.ECE(probs, truths), len(test)
	return nil
}

// Save writes a companion, whole or not at all.
func (c *Companion) Save(path string) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once renamed
	_, err = f.Write(append(body, '\n'))
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

// Open reads the companion of a model. One that belongs to another graph or is
// damaged is an error; one that does not exist is nil.
func Open(path string, t *embed.Table) (*Companion, error) {
	body, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := Parse(body, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; write it again with train queries", path, err)
	}
	return c, nil
}

// Parse reads a companion from its bytes.
func Parse(body []byte, t *embed.Table) (*Companion, error) {
	var c Companion
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	if c.Version != version {
		return nil, fmt.Errorf("it has version %d, this program reads version %d", c.Version, version)
	}
	if c.Hash != t.Hash {
		return nil, fmt.Errorf("it belongs to the model of another graph (vocabulary %.8s, not %.8s)", c.Hash, t.Hash)
	}
	for _, x := range c.Seen {
		if int(x.H) >= t.Entities() || int(x.T) >= t.Entities() || int(x.R) >= t.Relations()/2 {
			return nil, fmt.Errorf("it has the statement %d %d %d of a larger graph", x.H, x.R, x.T)
		}
	}
	if c.Adapter != nil {
		if err := c.Adapter.Bind(t); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// Renumber makes a companion that was trained under the numbers of g fit the
// checkpoint it came from, which knows the same names under its own.
func (c *Companion) Renumber(own *embed.Table, g *dataset.Graph) error {
	ents, rels := map[string]int32{}, map[string]int32{}
	for i, name := range own.Vocabulary.Entities {
		ents[name] = int32(i)
	}
	for i, name := range own.Vocabulary.Relations {
		rels[name] = int32(i)
	}
	var seen []dataset.Triple
	for _, t := range slices.Concat(g.Train, g.Valid, g.Test) {
		h, ok1 := ents[g.Entities[t.H]]
		r, ok2 := rels[g.Relations[t.R]]
		tail, ok3 := ents[g.Entities[t.T]]
		if ok1 && ok2 && ok3 {
			seen = append(seen, dataset.Triple{H: h, R: r, T: tail})
		}
	}
	c.Hash, c.Seen = own.Hash, statements(seen)
	if c.Adapter != nil {
		c.Adapter.Hash = own.Hash
		return c.Adapter.Bind(own)
	}
	return nil
}
