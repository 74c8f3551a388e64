// Package links holds a link predictor for the films of the demo, with its
// calibration, so that the demo can show what is likely but not stated. It is
// made by make.sh beside it.
package links

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/quaestor-kg/quaestor/embed/cqd/companion"
)

//go:embed link.ckpt
var checkpoint []byte

//go:embed queries.json.gz
var queries []byte

// Install writes the predictor and its companion into the folder of a store,
// where the commands look for them, and leaves one alone that is there.
func Install(dir string) error {
	path := filepath.Join(dir, "link.ckpt")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(queries))
	if err != nil {
		return fmt.Errorf("embedded companion: %w", err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		return fmt.Errorf("embedded companion: %w", err)
	}
	// The companion first: a predictor is never there without it.
	if err := os.WriteFile(companion.Path(path), body, 0o644); err != nil {
		return err
	}
	return os.WriteFile(path, checkpoint, 0o644)
}
