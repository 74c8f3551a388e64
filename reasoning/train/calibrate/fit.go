package calibrate

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
	"github.com/quaestor-kg/quaestor/reasoning/qa"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
)

// Set is a graph with questions about it.
type Set struct {
	Name      string
	Snapshot  kg.Snapshot
	Questions []qa.Question
}

// Fitted are the numbers that belong to one decoder: the mix of its scores with
// the cheap ones, and its calibration.
type Fitted struct {
	Decoder    string             `json:"decoder"`
	Mix        rank.Weights       `json:"mix"`
	Calibrator *verify.Calibrator `json:"calibrator"`
	Sets       map[string]int     `json:"sets"` // questions by set
	F1         float64            `json:"f1"`   // of the mix on these questions
	Floor      float64            `json:"floor"`
	// Samples are what the calibrator was fitted on.
	Samples []verify.Sample `json:"-"`
}

// searchWidth is that of questions asked without another: confidences hold for
// the drafts that are considered then.
const searchWidth = 8

// Fit fits the mix on all sets, keeps it only if it beats the default one, and
// calibrates with what was kept.
func Fit(ctx context.Context, d reasoning.Decoder, enc draft.Encoder, sets []Set) (*Fitted, error) {
	f := &Fitted{Decoder: d.Name(), Sets: map[string]int{}}
	var fit, held []rank.Group
	for _, s := range sets {
		e := reasoning.New(reasoning.Options{Decoder: d, Encoder: enc, Written: searchWidth})
		gs, err := Groups(ctx, e, s.Snapshot, s.Questions)
		if err != nil {
			return nil, fmt.Errorf("calibrate: %s: %w", s.Name, err)
		}
		f.Sets[s.Name] = len(gs)
		for i, g := range gs {
			if i%2 == 0 {
				fit = append(fit, g)
			} else {
				held = append(held, g)
			}
		}
	}
	f.Mix = rank.Fit(fit, 1)
	if rank.Expected(f.Mix, held) < rank.Expected(rank.Default, held) {
		f.Mix = rank.Default
	}
	f.Mix = rank.NeverBelow(f.Mix, held)
	f.F1, f.Floor = rank.Expected(f.Mix, held), rank.Expected(rank.Floor, held)
	var samples []verify.Sample
	for _, s := range sets {
		e := reasoning.New(reasoning.Options{Decoder: d, Encoder: enc, Weights: f.Mix, Written: searchWidth})
		more, err := Collect(ctx, e, s.Snapshot, s.Questions)
		if err != nil {
			return nil, fmt.Errorf("calibrate: %s: %w", s.Name, err)
		}
		for i := range more {
			more[i].Set = s.Name
		}
		samples = append(samples, more...)
	}
	f.Samples = samples
	// Folds are cut across the sets.
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	var err error
	f.Calibrator, err = verify.Calibrate(samples, d.Name())
	return f, err
}
