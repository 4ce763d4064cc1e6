package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/backend"
)

func TestMain(m *testing.M) {
	if backend.IsDecoderProcess(os.Args) { // a test has the worker start its program again: this one
		os.Exit(backend.DecoderProcess())
	}
	goleak.VerifyTestMain(m)
}
