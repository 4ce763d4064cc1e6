package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/failpoint"
)

// A build that is asked for failpoints says whether it has them: where people ask for its
// version, in the doctor, and in the log as a worker starts.
func TestFailpointsAreNotIgnored(t *testing.T) {
	t.Setenv(failpoint.Variable, "disk-full/1h")
	want := "has no failpoints"
	if failpoint.Enabled {
		want = "has failpoints and is for tests only"
	}
	for _, args := range [][]string{{"version"}, {"doctor", "--backend=cpu"}} {
		out, _, status := command(t, "", args...)
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("%s says (status %d)\n%s", args[0], status, out)
		}
	}
	var log bytes.Buffer
	wrong := config.Worker{} // refused, after what is in force was said
	if err := runWorker(t.Context(), workerConfig{settings: wrong, log: slog.New(slog.NewTextHandler(&log, nil))}); err == nil {
		t.Error("a worker without an address runs")
	}
	if !strings.Contains(log.String(), want) {
		t.Errorf("a worker that starts says\n%s", &log)
	}
}
