//go:build !gpu

// Package cudashim is part of builds with the tag gpu only.
package cudashim
