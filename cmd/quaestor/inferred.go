package main

import "path/filepath"

// linkFile is the link predictor of the store: the --link setting, or
// link.ckpt in the store's folder.
func (a *app) linkFile() string {
	if f := a.cfg.str("link"); f != "" {
		return f
	}
	return filepath.Join(a.cfg.str("store"), "link.ckpt")
}
