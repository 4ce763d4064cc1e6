package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Versions before these have weaknesses that are known and reach this program
// (docs/reliability.md). Nobody goes back behind them by accident.
func TestVersionsWithoutKnownWeaknesses(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pattern string
		floor   [3]int
	}{
		{`(?m)^toolchain go(\S+)$`, [3]int{1, 26, 6}},
		{`(?m)^\s*google\.golang\.org/grpc v(\S+)$`, [3]int{1, 82, 1}},
		{`(?m)^\s*golang\.org/x/net v(\S+)$`, [3]int{0, 55, 0}},
	} {
		m := regexp.MustCompile(c.pattern).FindSubmatch(text)
		if m == nil {
			t.Errorf("%s is not in go.mod", c.pattern)
			continue
		}
		var v [3]int
		if _, err := fmt.Sscanf(string(m[1]), "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
		for i := range v {
			if v[i] > c.floor[i] {
				break
			}
			if v[i] < c.floor[i] {
				t.Errorf("%s is %v, before %v", c.pattern, v, c.floor)
				break
			}
		}
	}
	for _, module := range []string{"sirupsen/logrus", "pion/dtls", "pion/stun", "pion/interceptor"} {
		if regexp.MustCompile(module).Match(text) {
			t.Errorf("%s has come in: look at its advisories, then list it here or leave it", module)
		}
	}
}
