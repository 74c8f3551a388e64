// Package infer answers queries with what a graph does not state but a link
// predictor finds likely. A tree-shaped basic graph pattern with filters is
// taken apart into links; the predictor scores them, package cqd combines them,
// and every answer comes with a probability and the links it rests on. What is
// stated counts as certain while it is stated and not a moment longer.
package infer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/quaestor-kg/quaestor/embed"
	"github.com/quaestor-kg/quaestor/embed/cqd/companion"
	"github.com/quaestor-kg/quaestor/embed/dataset"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql"
)

// Model is a link predictor made ready for the snapshots of one store. It is
// safe for concurrent use.
type Model struct {
	table     *embed.Table
	companion *companion.Companion // nil: no probabilities
	then      *dataset.Index       // what the graph stated when it was trained; nil: unknown
	name      string
	engine    *sparql.Engine

	mu   sync.Mutex
	view *view
}

// ErrNoModel says that a store has no link predictor.
var ErrNoModel = errors.New("no link predictor")

// Open reads a checkpoint of train link and, where train queries has put one
// beside it, its companion. A checkpoint that does not exist is ErrNoModel.
func Open(path string) (*Model, error) {
	t, err := embed.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist; train one with: quaestor train link --store STORE", ErrNoModel, path)
	}
	if err != nil {
		return nil, err
	}
	c, err := companion.Open(companion.Path(path), t)
	if err != nil {
		return nil, err
	}
	return New(t, c, filepath.Base(path)), nil
}

// New makes a model of a table and its companion, which may be nil.
func New(t *embed.Table, c *companion.Companion, name string) *Model {
	m := &Model{table: t, companion: c, name: name, engine: sparql.New(sparql.Options{DefaultGraphUnion: true})}
	if c != nil {
		m.then = c.Then(t)
	}
	return m
}

// Info describes a model for people.
type Info struct {
	Name      string  `json:"name"`
	Model     string  `json:"model"`
	Dim       int     `json:"dim"`
	Entities  int     `json:"entities"`
	Relations int     `json:"relations"`
	MRR       float64 `json:"mrr,omitempty"` // on held-out statements, filtered
	// Calibrated: probabilities may be shown; N examples against what, and the
	// error on examples that it was not fitted on.
	Calibrated bool    `json:"calibrated"`
	N          int     `json:"n,omitempty"`
	Against    string  `json:"against,omitempty"`
	ECE        float64 `json:"ece,omitempty"`
}

// Info describes the model.
func (m *Model) Info() Info {
	i := Info{Name: m.name, Model: m.table.Spec.Model, Dim: m.table.Spec.Dim, Entities: m.table.Entities(), Relations: m.table.Relations() / 2, MRR: m.table.Info.MRR}
	if c := m.calibration(); c != nil {
		i.Calibrated, i.N, i.Against, i.ECE = true, c.N, c.Against, c.ECE
		if m.companion.HeldN > 0 {
			i.N, i.ECE = m.companion.HeldN, m.companion.Held
		}
	}
	return i
}

func (m *Model) calibration() *embed.Calibration {
	if m.companion == nil {
		return nil
	}
	return m.companion.Calibration
}

// Meaning says in a sentence what a probability of about p has meant, or "" if
// that is not known.
func (m *Model) Meaning(p float64) string {
	if m.companion == nil {
		return ""
	}
	for i, b := range m.companion.Reliability {
		n := float64(len(m.companion.Reliability))
		if p >= float64(i)/n && (p < float64(i+1)/n || i == len(m.companion.Reliability)-1) && b.N >= 20 {
			return fmt.Sprintf("links scored like this: %d of 100 proved true (%d held-out links)", int(100*b.True), b.N)
		}
	}
	return ""
}

// view is what a model and one version of the graph have in common.
type view struct {
	version uint64
	size    int64
	ids     []kg.ID // by entity number; kg.Any: not in this graph
	numbers map[kg.ID]int32
	rels    []kg.ID // by stated relation
	relOf   map[kg.ID]int32
	fresh   []kg.ID // entities that are new since the training, the first of them

	mu      sync.Mutex
	vectors map[kg.ID][]float32 // of entities that were folded in
}

// maxFresh bounds the new entities that are folded in to be found as answers;
// any new entity that a query names is folded in.
const maxFresh = 256

// viewOf returns the view of a snapshot, making it if the graph has changed.
func (m *Model) viewOf(ctx context.Context, s kg.Snapshot) (*view, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.view; v != nil && v.version == s.Version() && v.size == s.Size() {
		return v, nil
	}
	v := &view{version: s.Version(), size: s.Size(), numbers: map[kg.ID]int32{}, relOf: map[kg.ID]int32{}, vectors: map[kg.ID][]float32{}}
	names := m.table.Vocabulary
	if names.Entities == nil {
		// Without names of its own the checkpoint must fit the graph exactly.
		l, err := dataset.FromSnapshot(ctx, s, dataset.SnapshotOptions{})
		if err != nil {
			return nil, err
		}
		if err := m.table.Bind(l.Vocabulary()); err != nil {
			return nil, m.foreign(err)
		}
		names = l.Vocabulary()
	}
	found := 0
	lookup := func(name string) (kg.ID, error) {
		t, err := parseName(name)
		if err != nil {
			return kg.Any, m.foreign(&embed.GraphError{Checkpoint: m.name, Reason: err.Error()})
		}
		id, ok, err := s.Lookup(t)
		if err != nil || !ok {
			return kg.Any, err
		}
		found++
		return id, nil
	}
	for i, name := range names.Entities {
		id, err := lookup(name)
		if err != nil {
			return nil, err
		}
		v.ids = append(v.ids, id)
		if id != kg.Any {
			v.numbers[id] = int32(i)
		}
	}
	if found*2 < len(names.Entities) {
		return nil, m.foreign(&embed.GraphError{Checkpoint: m.name, Reason: fmt.Sprintf("of its %d entities this graph has %d", len(names.Entities), found)})
	}
	for i, name := range names.Relations {
		id, err := lookup(name)
		if err != nil {
			return nil, err
		}
		v.rels = append(v.rels, id)
		if id != kg.Any {
			v.relOf[id] = int32(i)
		}
	}
	if err := v.findFresh(ctx, s); err != nil {
		return nil, err
	}
	m.view = v
	return v, nil
}

func (m *Model) foreign(err error) error {
	var g *embed.GraphError
	if errors.As(err, &g) && g.Checkpoint == "" {
		g.Checkpoint = m.name
	}
	return err
}

// findFresh lists entities that the model does not know, by the statements of
// its relations, until it has enough.
func (v *view) findFresh(ctx context.Context, s kg.Snapshot) error {
	seen := map[kg.ID]bool{}
	buf := make([]kg.Quad, 1024)
	for _, p := range v.rels {
		if p == kg.Any {
			continue
		}
		c := s.Scan(ctx, kg.Pattern{P: p}, kg.PSO)
		for n := kg.NextBatch(c, buf); n > 0 && len(v.fresh) < maxFresh; n = kg.NextBatch(c, buf) {
			for _, q := range buf[:n] {
				for _, id := range []kg.ID{q.S, q.O} {
					if _, known := v.numbers[id]; known || seen[id] || !isEntity(id) || len(v.fresh) == maxFresh {
						continue
					}
					seen[id] = true
					v.fresh = append(v.fresh, id)
				}
			}
		}
		err := c.Err()
		if e := c.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isEntity(id kg.ID) bool { return id.Tag() == kg.TagIRI || id.Tag() == kg.TagBlank }

// parseName reads a name of a vocabulary: an IRI or a blank node in N-Triples
// syntax.
func parseName(name string) (kg.Term, error) {
	if label, ok := strings.CutPrefix(name, "_:"); ok {
		return kg.NewBlank(label), nil
	}
	iri, ok := strings.CutPrefix(name, "<")
	if ok {
		iri, ok = strings.CutSuffix(iri, ">")
	}
	if !ok {
		return kg.Term{}, fmt.Errorf("it was trained on files, not on a store: its name %q is no IRI", name)
	}
	if strings.Contains(iri, `\`) {
		plain, err := strconv.Unquote(`"` + iri + `"`)
		if err != nil {
			return kg.Term{}, fmt.Errorf("its name %q is no IRI", name)
		}
		iri = plain
	}
	return kg.NewIRI(iri), nil
}
