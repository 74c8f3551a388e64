package decode

import (
	"errors"
	"log/slog"

	"github.com/quaestor-kg/quaestor/reasoning/kvcache"
	"github.com/quaestor-kg/quaestor/reasoning/tensor/host"
)

// Failover moves the model to the processor, after a *tensor.DeviceError. What
// the device's cache held is lost: branches that were started before must not be
// used any more. No other call may run at the same time. A model that is on the
// processor already returns an error.
func (m *Model) Failover() error {
	if _, ok := m.backend.(*host.Backend); ok {
		return errors.New("the model runs on the processor already")
	}
	b := host.New(m.pool)
	d, err := b.Decoder(m.spec)
	if err != nil {
		return err
	}
	lost := errors.Join(m.decoder.Close(), m.backend.Close())
	m.backend, m.decoder = b, d
	m.store = kvcache.NewPaged(m.Shape(), false, m.pool)
	if lost != nil { // a broken device may fail to give its memory back
		slog.Warn("decode: the device was not closed in order", "error", lost)
	}
	return nil
}
