package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/quaestor-kg/quaestor/reasoning/infer"
)

// linkFlagHelp describes --link.
const linkFlagHelp = "link predictor for inferred answers, a file of train link (default link.ckpt in the store)"

// linkFile is the link predictor of the store: the --link setting, or
// link.ckpt in the store's folder.
func (a *app) linkFile() string {
	if f := a.cfg.str("link"); f != "" {
		return f
	}
	return filepath.Join(a.cfg.str("store"), "link.ckpt")
}

// inference opens the link predictor. A store that has none infers nothing,
// which is an error only if one was named.
func (a *app) inference() (*infer.Model, error) {
	m, err := infer.Open(a.linkFile())
	switch {
	case err == nil:
		i := m.Info()
		if !i.Calibrated {
			a.log.Warn("inferred answers carry no probability", "link", i.Name, "remedy", "quaestor train queries")
		}
		return m, nil
	case errors.Is(err, infer.ErrNoModel) && a.cfg.str("link") == "":
		return nil, nil
	}
	return nil, inputError{fmt.Errorf("link predictor: %w", err)}
}
