//go:build !gpu || !linux || !cgo

package cuda

import "fmt"

// Device is a GPU; this build has none.
type Device struct{}

// Open says that this program was built without GPU support.
func Open(int) (*Device, error) {
	return nil, fmt.Errorf("%w: this program was built without the tag gpu (make gpu)", ErrNoDevice)
}
