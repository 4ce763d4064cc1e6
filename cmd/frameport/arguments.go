package main

import (
	"regexp"
	"strings"
	"unsafe"
)

// What may be a password inside a URL: everything up to the last @, since people
// write passwords with slashes and at signs as they are. In a text that quotes an
// argument it ends at a space, so that the rest of the text stays.
// Some cameras want it as a parameter; masking too much of a URL does no harm.
var (
	parameter      = regexp.MustCompile(`(?i)://.*?(?:pass\w*|pwd|loginpas)=([^&\s]*)`)
	userInfo       = regexp.MustCompile(`(?s)://[^/@:]*:(.*)@`)
	quotedUserInfo = regexp.MustCompile(`(://[^/@:\s]*:)\S*@`)
	// Tokens have no place on a command line; somebody will put one there.
	token = regexp.MustCompile(`fpt_([A-Za-z0-9_-]+)`)
)

// maskArguments copies the command line and then overwrites passwords in the
// original, so that they don't stay readable in the process listing: on Linux
// the strings of os.Args lie in the very memory that /proc/PID/cmdline shows.
// args itself then holds the copies.
func maskArguments(args []string) {
	for i, arg := range args {
		for _, secret := range []*regexp.Regexp{userInfo, parameter, token} {
			at := secret.FindStringSubmatchIndex(arg)
			if at == nil {
				continue
			}
			if unsafe.StringData(args[i]) == unsafe.StringData(arg) {
				args[i] = strings.Clone(arg)
			}
			shown := unsafe.Slice(unsafe.StringData(arg), len(arg))
			for j := at[2]; j < at[3]; j++ {
				shown[j] = '*'
			}
		}
	}
}

// maskText is text, which may quote arguments, without their passwords and tokens.
func maskText(text string) string {
	return token.ReplaceAllString(quotedUserInfo.ReplaceAllString(text, "$1***@"), "fpt_***")
}
