package main

import (
	"fmt"
	"slices"

	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// device returns the backend for the --device setting: "auto" is the first
// registered one that opens, else the processor, with the reason in the log.
func (a *app) device() (string, error) {
	switch want := a.cfg.str("device"); want {
	case "auto":
		for _, name := range tensor.Backends() {
			b, err := tensor.OpenBackend(name)
			if err != nil {
				a.log.Info("device is not used", "device", name, "reason", err)
				continue
			}
			return name, b.Close()
		}
		return "cpu", nil
	case "cpu":
		return want, nil
	default:
		if !slices.Contains(tensor.Backends(), want) {
			return "", usageError{fmt.Errorf("device %q (%s): this program has cpu and %v; `make gpu` builds one for NVIDIA GPUs", want, a.cfg.values["device"].Source, tensor.Backends())}
		}
		return want, nil
	}
}

// describer is a backend that can say more of its hardware than its name.
type describer interface{ Describe() (string, error) }

// checkDevices tries every backend that was built in.
func checkDevices(add func(check, status, format string, args ...any)) {
	names := tensor.Backends()
	if len(names) == 0 {
		add("device", "ok", "processor only: this program was built without GPU support")
		return
	}
	for _, name := range names {
		b, err := tensor.OpenBackend(name)
		if err != nil {
			add("device", "warn", "%s is not used: %v", name, err)
			continue
		}
		text := b.Name()
		if d, ok := b.(describer); ok {
			more, err := d.Describe()
			if err != nil {
				add("device", "warn", "%s: %v", text, err)
			} else {
				text += ": " + more
			}
		}
		if err := b.Close(); err != nil {
			add("device", "warn", "%s: %v", text, err)
			continue
		}
		add("device", "ok", "%s", text)
	}
}
