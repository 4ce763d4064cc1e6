package labels

import (
	"errors"
	"strings"
	"testing"
)

func TestSelectorMatches(t *testing.T) {
	set := map[string]string{"site": "berlin", "floor": "2", "ptz": ""}
	for _, tc := range []struct {
		selector string
		want     bool
	}{
		{"", true},
		{"  ", true},
		{"site=berlin", true},
		{"site==berlin", true},
		{" site = berlin ", true},
		{"site=paris", false},
		{"site!=paris", true},
		{"site!=berlin", false},
		{"missing!=x", true},
		{"missing=x", false},
		{"missing=", false},
		{"ptz", true},
		{"ptz=", true},
		{"missing", false},
		{"!missing", true},
		{"!ptz", false},
		{"site=berlin,floor=2,!hidden", true},
		{"site=berlin,floor=3", false},
		{"a/b.c-d_e!=x", true},
	} {
		s, err := Parse(tc.selector)
		if err != nil {
			t.Errorf("Parse(%q): %v", tc.selector, err)
			continue
		}
		if got := s.Matches(set); got != tc.want {
			t.Errorf("%q matches %v: got %v, want %v", tc.selector, set, got, tc.want)
		}
	}
}

func TestSelectorErrors(t *testing.T) {
	for _, tc := range []struct{ selector, text string }{
		{"a,,b", "empty requirement"},
		{"a=b,", "empty requirement"},
		{"=b", `"" is no label key`},
		{"!", `"" is no label key`},
		{"-a", `"-a" is no label key`},
		{"a-=b", `"a-" is no label key`},
		{"a b=c", `"a b" is no label key`},
		{"a=b/c", `"b/c" is no label value`},
		{"a=b=c", `"b=c" is no label value`},
		{"a in (b)", "is no label key"},
		{strings.Repeat("k", 64), "is no label key"},
		{"k=" + strings.Repeat("v", 64), "is no label value"},
		{strings.Repeat("a,", 600) + "a", "1201 bytes long, at most 1024"},
	} {
		_, err := Parse(tc.selector)
		if !errors.Is(err, ErrSelector) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("Parse(%q): %v, want ErrSelector with %q", tc.selector, err, tc.text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a=b", "a==b", "a!=b", "!a", "a", " a = b , c ", "a=b=c", "é=1", "a,,b", "!a=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrSelector) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again, err := Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q is not stable: %q, %v", text, s, err)
		}
		s.Matches(map[string]string{"a": "b"})
	})
}
