package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/decoder"
	"github.com/quaestor-kg/quaestor/reasoning/encode/minilm"
	"github.com/quaestor-kg/quaestor/reasoning/infer"
	"github.com/quaestor-kg/quaestor/reasoning/kvcache/method"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve"
	"github.com/quaestor-kg/quaestor/reasoning/retrieve/filing"
)

// engine is the answerer with what the service wants to know about it.
type engine struct {
	*reasoning.Engine
	filings   *filing.Answerer
	inference *infer.Model // nil: the store has none
	name      string
}

// Answer sends questions about filings to their own answerer.
func (e *engine) Answer(ctx context.Context, s kg.Snapshot, q reasoning.Question, emit func(reasoning.Event)) (*reasoning.Answer, error) {
	r := filing.Router{Filings: e.filings, Graph: e.Engine}
	return r.Answer(ctx, s, q, emit)
}

// ModelName names the decoder.
func (e *engine) ModelName() string { return e.name }

// Warm builds the view of a snapshot before the first question needs it.
func (e *engine) Warm(ctx context.Context, s kg.Snapshot) error {
	if _, err := e.filings.Retriever(ctx, s); err != nil {
		return err
	}
	_, err := e.View(ctx, s)
	return err
}

// wrongCost is the default price of a wrong answer in right ones: as much is
// lost by a wrong answer as is won by a right one. The confidence from which an
// answer pays follows from it and from the calibrated probability that the
// question can be answered at all (verify.Threshold); nothing is set by hand.
const wrongCost = 1

// answerer opens the decoder of the --model setting: the embedded one, none,
// or a file.
func (a *app) answerer(ctx context.Context) (*engine, error) {
	return a.answererUnder(ctx, reasoning.Enumerated, wrongCost, "")
}

// answererUnder is answerer with a decoder that writes queries under a
// constraint, with the price of a wrong answer, and with the numbers that were
// fitted for the embedded decoder from a file, if one is named.
func (a *app) answererUnder(ctx context.Context, c reasoning.Constraint, cost float64, fitted string) (*engine, error) {
	enc, err := minilm.Open()
	if err != nil {
		return nil, fmt.Errorf("embedded sentence encoder: %w", err)
	}
	inference, err := a.inference()
	if err != nil {
		return nil, err
	}
	o := reasoning.Options{Encoder: enc, Inference: inference, Limits: a.limits(), Cost: cost, Constraint: c, Beams: a.cfg.num("beams"), Written: a.cfg.num("beams")}
	e := &engine{inference: inference, filings: filing.New(retrieve.Options{Encoder: enc}), name: "none: questions are answered by linking and ranking"}
	switch name := a.cfg.str("model"); name {
	case "none":
	case "embedded":
		b, err := decoder.Bytes()
		if err != nil {
			return nil, fmt.Errorf("embedded decoder: %w", err)
		}
		m, err := decode.FromBytes(decoder.Name, b, decode.Options{Threads: a.cfg.num("threads")})
		if err != nil {
			return nil, fmt.Errorf("embedded decoder: %w", err)
		}
		if m, err = a.withCache(ctx, m); err != nil {
			return nil, err
		}
		e.name = decoder.Name
		o.Decoder = reasoning.NewModel(e.name, m)
		if fitted == "" {
			if o.Weights, o.Calibrator, err = decoder.Fitted(); err != nil {
				return nil, fmt.Errorf("embedded decoder: %w", err)
			}
			break
		}
		numbers, err := os.ReadFile(fitted)
		if err != nil {
			return nil, err
		}
		if o.Weights, o.Calibrator, err = decoder.ReadFitted(numbers); err != nil {
			return nil, inputError{fmt.Errorf("%s: %w", fitted, err)}
		}
	default:
		device, err := a.device()
		if err != nil {
			return nil, err
		}
		m, err := decode.Load(name, decode.Options{Threads: a.cfg.num("threads"), Backend: device})
		if err != nil {
			return nil, inputError{fmt.Errorf("model %s: %w", name, err)}
		}
		if m, err = a.withCache(ctx, m); err != nil {
			return nil, err
		}
		e.name = filepath.Base(name)
		o.Decoder = reasoning.NewModel(e.name, m)
	}
	e.Engine = reasoning.New(o)
	return e, nil
}

// prefixMemory is what a decoder's cache may keep of the beginnings of texts.
const prefixMemory = 64 << 20

// withCache gives a model the cache of the --kv setting, which remembers the
// beginnings of prompts from one question to the next.
func (a *app) withCache(ctx context.Context, m *decode.Model) (*decode.Model, error) {
	if spec := a.cfg.str("kv"); spec != "f16" {
		n, err := method.Open(ctx, m, spec, cacheFolder())
		if err != nil {
			m.Close()
			return nil, usageError{fmt.Errorf("kv %q (%s): %w", spec, a.cfg.values["kv"].Source, err)}
		}
		m = n
	}
	m.KeepPrefixes(prefixMemory)
	return m, nil
}

// checkGraph looks at the graph as a question would.
func (a *app) checkGraph(ctx context.Context, e *engine, snapshot func() (kg.Snapshot, error), add func(check, status, format string, args ...any)) {
	snap, err := snapshot()
	if err != nil {
		add("graph", "fail", "%v", err)
		return
	}
	defer snap.Close()
	v, err := e.View(ctx, snap)
	switch {
	case err != nil:
		add("graph", "fail", "%v", err)
	case v.Graph.NameCount() == 0:
		add("graph", "warn", "nothing has a label (rdfs:label and the like): questions cannot name anything")
	default:
		add("graph", "ok", "%d names, %d relations, %d classes", v.Graph.NameCount(), len(v.Graph.Relations()), len(v.Graph.Classes()))
	}
}
