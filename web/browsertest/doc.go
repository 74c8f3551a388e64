// Package browsertest drives the console in a headless Chromium against the
// real program: `go test -tags browser ./web/browsertest`. Without the tag it
// is empty, so that the usual tests need only Go.
package browsertest
