package main

import (
	"regexp"
	"strings"
	"unsafe"
)

// userInfo finds a password inside a URL argument.
var userInfo = regexp.MustCompile(`://[^/@\s]*:([^/\s]*)@`)

// maskArguments copies the command line and then overwrites passwords in the
// original, so that they don't stay readable in the process listing: on Linux
// the strings of os.Args lie in the very memory that /proc/PID/cmdline shows.
// args itself then holds the copies.
func maskArguments(args []string) {
	for i, arg := range args {
		at := userInfo.FindStringSubmatchIndex(arg)
		if at == nil {
			continue
		}
		args[i] = strings.Clone(arg)
		shown := unsafe.Slice(unsafe.StringData(arg), len(arg))
		for j := at[2]; j < at[3]; j++ {
			shown[j] = '*'
		}
	}
}
