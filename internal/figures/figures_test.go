package figures

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var s Seconds
	for i := range 100 {
		s = append(s, time.Duration(100-i)*time.Second)
	}
	for _, tc := range []struct {
		got  Figure
		name string
		want float64
	}{{s.Median("x"), "x, median", 50}, {s.P95("x"), "x, p95", 95}, {s.Longest("x"), "x, longest", 100}} {
		if tc.got.Value != tc.want || tc.got.Name != tc.name || tc.got.Unit != "s" || s[0] != 100*time.Second {
			t.Errorf("%+v, want %v", tc.got, tc.want)
		}
	}
	if got := Seconds(nil).At(0.5); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

// Each line tells what was measured, what was wanted, and where; they are added to what
// is there.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	t.Setenv(EnvLog, path)
	var shown strings.Builder
	j := Open()
	j.out = &shown
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.Add(Value("met", 1.23456, "s").AtMost(2), Value("missed", 3, "s").AtMost(0).With("%d of %d", 1, 2), Value("seen", 4, "s"), Value("just met", 0, "s").AtMost(0)); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(path)
	if err != nil || string(kept) != "{}\n"+shown.String() {
		t.Errorf("%v: the file is not what was shown:\n%s\n%s", err, kept, shown.String())
	}
	var got []map[string]any
	for l := range strings.Lines(shown.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"commit", "load_1m", "cores", "go_version", "time"} {
			if m[field] == nil || m[field] == "" {
				t.Errorf("no %s in %s", field, l)
			}
		}
		got = append(got, m)
	}
	if len(got) != 4 || got[3]["pass"] != true || got[0]["pass"] != true || got[0]["value"] != 1.235 || got[0]["target"] != 2.0 ||
		got[1]["pass"] != false || got[1]["target"] != 0.0 || got[1]["detail"] != "1 of 2" || got[2]["pass"] != nil || got[2]["target"] != nil {
		t.Errorf("%v", got)
	}
}
