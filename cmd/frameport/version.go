package main

import (
	"fmt"
	"runtime"

	"github.com/frameport/frameport/internal/failpoint"
)

type versionCmd struct{}

// Run prints the version of the program and of what it was built with.
func (versionCmd) Run(io streams) error {
	_, err := fmt.Fprintf(io.out, "frameport %s (%s, %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if n := failpoint.Notice(); n != "" && err == nil {
		_, err = fmt.Fprintln(io.out, "failpoints:", n)
	}
	return err
}

// versionText is the version, and what makes a build unfit for use.
func versionText() string {
	if failpoint.Enabled {
		return version + " with failpoints, for tests only"
	}
	return version
}
