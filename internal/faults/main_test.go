//go:build cgo

package faults

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/backend"
)

// TestMain is also a decoder process: a worker starts its own program as one.
func TestMain(m *testing.M) {
	if backend.IsDecoderProcess(os.Args) {
		os.Exit(backend.DecoderProcess())
	}
	goleak.VerifyTestMain(m)
}
