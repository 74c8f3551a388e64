package tensor

import "fmt"

// DeviceError is the failure of a device, such as a lost GPU or one that has run
// out of memory. The operations of a Decoder have no error: they panic with a
// *DeviceError, and Guard turns it into an error again.
type DeviceError struct {
	Backend string // its name
	Err     error
}

func (e *DeviceError) Error() string { return fmt.Sprintf("%s: %v", e.Backend, e.Err) }
func (e *DeviceError) Unwrap() error { return e.Err }

// Guard runs f and returns its error, or the *DeviceError that it panicked with.
// All other panics go on.
func Guard(f func() error) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *DeviceError:
			err = r
		default:
			panic(r)
		}
	}()
	return f()
}
