package cpu

import (
	"fmt"
	"syscall"
)

// mapMemory asks the system for zeroed memory, in huge pages if it will.
func mapMemory(n int) ([]byte, func() error, error) {
	const huge = 2 << 20
	b, err := syscall.Mmap(-1, 0, n+huge, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		return nil, nil, fmt.Errorf("%d bytes for packed weights: %w", n, err)
	}
	skip := int(-address(b) & (huge - 1))
	syscall.Madvise(b[skip:], syscall.MADV_HUGEPAGE) // a hint: it may fail
	return b[skip : skip+n], func() error { return syscall.Munmap(b) }, nil
}
