// Package gputest opens a driver for tests: the simulated one of gpu/gpusim, which
// it also controls, or a real one. Only tests import it.
//
// A test gets a Sim with Open. At the test's end the driver is closed, and the
// simulator must have no live object and must not have seen a rule of the driver
// broken. The simulator is one per process: tests that use it do not run in
// parallel. The package starts no goroutines.
package gputest
