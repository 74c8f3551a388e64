package cqd

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// Relations has the embeddings that an adapter is conditioned on; embed.Table
// is one.
type Relations interface {
	Relations() int
	Relation(r int32) []float32
}

// Adapter maps scores to scores, per relation: ρ(s) = e^α s + β with [α, β] =
// W e_r + b (CQD^A). The slope e^α is positive, so no adapter changes the order
// of a row, and queries of one link have the same answers with and without it;
// the published slope 1+α can turn the rows of a relation that training never
// saw upside down.
type Adapter struct {
	// Hash identifies the vocabulary of the model that was adapted.
	Hash string `json:"hash"`
	// W are the weights of α and β, Bias their constants.
	W    [2][]float64 `json:"w"`
	Bias [2]float64   `json:"bias"`
	// Steps and Queries say how it was trained.
	Steps   int      `json:"steps"`
	Queries []string `json:"queries,omitempty"`

	// affine caches slope and shift of every relation.
	affine [][2]float64
}

// NewAdapter returns the adapter that changes nothing.
func NewAdapter(hash string, width int) *Adapter {
	return &Adapter{Hash: hash, W: [2][]float64{make([]float64, width), make([]float64, width)}}
}

// maxLogSlope keeps slopes finite.
const maxLogSlope = 20

// Bind computes slope and shift of every relation. It must be called before
// Affine and after every change of the weights.
func (a *Adapter) Bind(rels Relations) error {
	a.affine = make([][2]float64, rels.Relations())
	for r := range a.affine {
		e := rels.Relation(int32(r))
		if len(e) != len(a.W[0]) || len(e) != len(a.W[1]) {
			return fmt.Errorf("adapter has weights for relation vectors of %d and %d numbers, the model's have %d; train it on this model", len(a.W[0]), len(a.W[1]), len(e))
		}
		alpha, beta := a.Bias[0], a.Bias[1]
		for i, x := range e {
			alpha += a.W[0][i] * float64(x)
			beta += a.W[1][i] * float64(x)
		}
		if math.IsNaN(alpha+beta) || math.IsInf(beta, 0) {
			return fmt.Errorf("adapter gives relation %d a slope e^%v and shift %v; train it again", r, alpha, beta)
		}
		a.affine[r] = [2]float64{math.Exp(min(max(alpha, -maxLogSlope), maxLogSlope)), beta}
	}
	return nil
}

// Affine returns the slope and shift of a relation.
func (a *Adapter) Affine(r int32) (slope, shift float64) { return a.affine[r][0], a.affine[r][1] }

// Parameters is the number of weights.
func (a *Adapter) Parameters() int { return 2*len(a.W[0]) + 2 }

// Save writes the adapter as JSON, whole or not at all.
func (a *Adapter) Save(path string) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".adapter-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(body, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// LoadAdapter reads an adapter of a model: hash is that of its vocabulary.
func LoadAdapter(path, hash string, rels Relations) (*Adapter, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var a Adapter
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("%s is no adapter: %w; write it with train queries", path, err)
	}
	if a.Hash != hash {
		return nil, fmt.Errorf("%s adapts the model of another graph (vocabulary %s, not %s); train it on this model", path, a.Hash, hash)
	}
	if err := a.Bind(rels); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &a, nil
}
