package main

import (
	"bytes"
	"reflect"
	"testing"
)

// TestParseSuite: what was skipped because it injects faults is told from the rest,
// also where tests stand below tests.
func TestParseSuite(t *testing.T) {
	out := bytes.NewBufferString(`=== RUN   TestGood
    x_test.go:1: only the simulated driver can be made to do this
--- PASS: TestGood (0.00s)
=== RUN   TestFaults
    life_test.go:264: only the simulated driver can be made to do this
--- SKIP: TestFaults (0.00s)
=== RUN   TestSuite
=== RUN   TestSuite/JPEG
    decodertest.go:3: this decoder refuses every clip of this test
=== RUN   TestSuite/Fault
    fault_test.go:37: only the simulated driver can be made to do this
=== RUN   TestSuite/Bad
    fault_test.go:38: no
--- FAIL: TestSuite (0.00s)
    --- SKIP: TestSuite/JPEG (0.00s)
    --- SKIP: TestSuite/Fault (0.00s)
    --- FAIL: TestSuite/Bad (0.00s)
FAIL
`)
	want := &suiteResult{
		Package: "p", Passed: 1, Failed: []string{"TestSuite", "TestSuite/Bad"}, LeftOut: []string{},
		Faults:  []string{"TestFaults", "TestSuite/Fault"},
		Skipped: []string{"TestSuite/JPEG: this decoder refuses every clip of this test"},
	}
	if got := parseSuite("p", out); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
