package sparql

import (
	"context"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/algebra"
	"github.com/quaestor-kg/quaestor/sparql/exec/run"
	"github.com/quaestor-kg/quaestor/sparql/syntax"
	"github.com/quaestor-kg/quaestor/sparql/update"
)

// UpdateStats is what an update did. A quad that is removed and added again by
// one request counts twice.
type UpdateStats = update.Stats

// ErrLoad is what LOAD ends with if Options.LoadFile is nil.
var ErrLoad = update.ErrLoad

// Update runs all operations of an update request in one transaction: they
// all take effect, or none. At most one Dataset may be given; it stands for
// USING and USING NAMED, which the text must then not contain.
func (e *Engine) Update(ctx context.Context, st kg.Store, text, base string, l Limits, ds ...Dataset) (UpdateStats, error) {
	u, err := syntax.ParseUpdate(text, base)
	if err != nil {
		return UpdateStats{}, err
	}
	o := update.Options{
		Limits: l, Now: e.opt.Now, DefaultGraphUnion: e.opt.DefaultGraphUnion, LoadFile: e.opt.LoadFile,
		Source: func(env *run.Env, n algebra.Node, vars []string) (run.Source, error) {
			return e.source(env, n, vars)
		},
	}
	if len(ds) > 0 && !ds[0].empty() {
		o.HasUsing, o.Using, o.UsingNamed = true, ds[0].Default, ds[0].Named
	}
	if l.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.Timeout)
		defer cancel()
	}
	var stats UpdateStats
	err = st.Update(ctx, func(tx kg.Tx) (err error) {
		stats, err = update.Run(ctx, tx, u, o)
		return err
	})
	if err != nil {
		return UpdateStats{}, err
	}
	return stats, nil
}
