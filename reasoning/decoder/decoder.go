// Package decoder holds the decoder that is shipped with the program: a small
// transformer that this project trained on its own rows, so that questions are
// answered without downloading anything. docs/decoder.md says what it was
// trained on, how, and how well it does.
package decoder

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/quaestor-kg/quaestor/reasoning/rank"
	"github.com/quaestor-kg/quaestor/reasoning/verify"
)

//go:embed decoder.gguf.zst
var packed []byte

// Name is what the decoder is called where models are listed.
const Name = "quaestor-decoder"

// maxBytes bounds what unpacking may take: a shipped decoder is far smaller.
const maxBytes = 64 << 20

var unpack = sync.OnceValues(func() ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxBytes))
	if err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	defer d.Close()
	b, err := d.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("decoder: the embedded model cannot be unpacked: %w", err)
	}
	return b, nil
})

// Bytes returns the GGUF file: Llama architecture, F16, with its tokenizer. It
// is unpacked once, shared, and must not be changed.
func Bytes() ([]byte, error) { return unpack() }

//go:embed fitted.json
var fitted []byte

// Fitted returns the numbers that were fitted for this decoder (see
// reasoning/train/calibrate): how its scores are mixed with the cheap ones, and
// how often answers that looked alike were right.
func Fitted() (rank.Weights, *verify.Calibrator, error) { return ReadFitted(fitted) }

// ReadFitted reads what train calibrator wrote.
func ReadFitted(b []byte) (rank.Weights, *verify.Calibrator, error) {
	var f struct {
		Decoder    string          `json:"decoder"`
		Mix        rank.Weights    `json:"mix"`
		Calibrator json.RawMessage `json:"calibrator"`
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return rank.Weights{}, nil, fmt.Errorf("fitted numbers: %w", err)
	}
	c, err := verify.ReadCalibrator(f.Calibrator)
	if err != nil {
		return rank.Weights{}, nil, fmt.Errorf("fitted numbers: %w", err)
	}
	return f.Mix, c, nil
}
