package config_test

import (
	"strings"
	"testing"

	"github.com/frameport/frameport/config"
)

func TestSelectorMatches(t *testing.T) {
	labels := map[string]string{"site": "north", "floor": "2", "app.io/role": "gate", "empty": ""}
	tests := map[string]bool{
		"": true, "  ": true,
		"site=north": true, "site==north": true, "site = north": true, "site=south": false, "gone=x": false,
		"site!=south": true, "site!=north": false, "gone!=x": true,
		"site": true, "gone": false, "!gone": true, "! site": false,
		"site in (north,south)": true, "site in ( north )": true, "site in (south)": false, "gone in (x)": false, "site in(north)": true,
		"site notin (south)": true, "site notin (north)": false, "gone notin (x)": true,
		"site=north,floor=2": true, "site=north,floor=3": false, "site , floor": true,
		"app.io/role=gate": true, "empty=": true, "empty in ()": true, "site=": false,
		"in": false, "in=x": false, "index!=x": true,
	}
	for text, want := range tests {
		s, err := config.ParseSelector(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := s.Matches(labels); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		again, err := config.ParseSelector(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q: %q does not read back: %v", text, s, err)
		}
	}
}

func TestSelectorErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"=north":                   `"=north" at position 1 where a key`,
		"site=north,":              "ends where a key is expected",
		"site=no rth":              `"rth" at position 9`,
		"site in north":            "needs a list in parentheses",
		"site in (a":               "ends inside the list",
		"site in (a b)":            `"b)" at position 12`,
		"-a=b":                     `key "-a"`,
		"a=-b":                     `value "-b" for key "a" at position 3`,
		"a>b":                      `">b" at position 2`,
		strings.Repeat("a,", 1000): "2000 bytes",
	} {
		_, err := config.ParseSelector(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
		if list := problemsOf(t, err); len(list) != 1 || list[0].Field != "label_selector" || list[0].Reason != "INVALID_LABEL_SELECTOR" {
			t.Errorf("%.20q: %v", text, list)
		}
	}
}

func FuzzSelector(f *testing.F) {
	for _, s := range []string{"a=b", "a!=b,c in (d,e)", "!x", "a notin (b)", "a in (", ",", "a = , b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := config.ParseSelector(text)
		if err != nil {
			return
		}
		again, err := config.ParseSelector(s.String())
		if err != nil {
			t.Fatalf("%q reads as %q, which does not read: %v", text, s, err)
		}
		labels := map[string]string{"a": "b", "c": "d"}
		if s.Matches(labels) != again.Matches(labels) {
			t.Errorf("%q and %q differ", text, s)
		}
	})
}
