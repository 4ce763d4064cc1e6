package main

import (
	"fmt"
	"runtime"
)

type versionCmd struct{}

// Run prints the version of the program and of what it was built with.
func (versionCmd) Run(io streams) error {
	_, err := fmt.Fprintf(io.out, "frameport %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
