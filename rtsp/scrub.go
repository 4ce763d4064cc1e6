package rtsp

import (
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/frameport/frameport/internal/secret"
)

// Note: [Passwords in URLs]
//
// Some cameras take the login in the path or the query only:
// "/user=admin_password=xyz_channel=1" (XM and its many brands), "?loginpas=xyz",
// "&authbasic=YWRtaW4...". Such a URL is part of the specification and comes back
// with it. But cameras and the library repeat URLs in what becomes an error, a log
// line or a fault's message, and from these the passwords are taken out: by value
// where it is known, and after every name that sounds like one.

const maxErrorText = 300

// scrubber removes a camera's credentials from texts that were written by others:
// the library, the resolver, the camera. Case is ignored: what a camera echoes may
// have been lowered on the way into an error.
type scrubber struct{ forms *regexp.Regexp } // nil = there is no password

func newScrubber(username string, password secret.String, u URL) scrubber {
	var forms []string
	hide := func(texts ...string) {
		for _, s := range texts {
			// replacing every "a" of a one-letter password would print it, by its absence
			if len(s) >= 3 {
				forms = append(forms, regexp.QuoteMeta(s))
			}
		}
	}
	if plain := password.Reveal(); plain != "" {
		pair := url.UserPassword(username, plain).String()
		_, escaped, _ := strings.Cut(pair, ":")
		hide(base64.StdEncoding.EncodeToString([]byte(username+":"+plain)),
			escaped, url.QueryEscape(plain), url.PathEscape(plain), plain)
	}
	maskParams(u.path, func(value string) {
		hide(value)
		if plain, err := url.QueryUnescape(value); err == nil && plain != value {
			hide(plain)
		}
	})
	if forms == nil {
		return scrubber{}
	}
	return scrubber{regexp.MustCompile("(?i:" + strings.Join(forms, "|") + ")")}
}

func (s scrubber) text(t string) string {
	if s.forms != nil {
		t = s.forms.ReplaceAllLiteralString(t, "***")
	}
	return clean(maskParams(maskUserinfo(t), func(string) {}), maxErrorText)
}

// maskParams masks the values of parameters that sound like passwords, and tells
// found about each. A value ends where the next parameter begins: at "&", ";",
// a blank, a quotation mark, or "_name=".
func maskParams(s string, found func(value string)) string {
	var b strings.Builder
	for {
		eq := strings.IndexByte(s, '=')
		if eq < 0 {
			break
		}
		name := s[nameStart(s[:eq]):eq]
		b.WriteString(s[:eq+1])
		s = s[eq+1:]
		if !soundsSecret(name) {
			continue
		}
		if value := s[:valueEnd(s)]; value != "" {
			found(value)
			b.WriteString("***")
			s = s[len(value):]
		}
	}
	b.WriteString(s)
	return b.String()
}

func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	for _, end := range [...]string{"password", "passwd", "pass", "pas", "pwd", "psw", "pw", "auth", "authbasic", "token", "secret", "key"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// nameStart returns where the letters and digits at the end of s begin.
func nameStart(s string) int {
	return len(strings.TrimRightFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }))
}

func valueEnd(s string) int {
	end := strings.IndexAny(s, "&; \t\r\n\"'")
	if end < 0 {
		end = len(s)
	}
	for i := 0; i < end; i++ {
		if s[i] != '_' {
			continue
		}
		if next := strings.IndexByte(s[i:end], '='); next > 1 && nameStart(s[i+1:i+next]) == 0 {
			return i
		}
	}
	return end
}

// maskUserinfo replaces what stands between "://" and the last "@" before the next
// slash or space.
func maskUserinfo(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			break
		}
		i += len("://")
		b.WriteString(s[:i])
		s = s[i:]
		end := strings.IndexAny(s, "/ \t\r\n")
		if end < 0 {
			end = len(s)
		}
		if at := strings.LastIndexByte(s[:end], '@'); at >= 0 {
			b.WriteString("***")
			s = s[at:]
		}
	}
	b.WriteString(s)
	return b.String()
}

// error returns err as it is when its text is harmless, so that errors.Is goes on
// working, and otherwise the scrubbed text without the cause.
func (s scrubber) error(err error) error {
	before := err.Error()
	if after := s.text(before); after != before {
		return errors.New(after)
	}
	return err
}

// clean makes text that came from a camera fit for a log line.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "..."
}
