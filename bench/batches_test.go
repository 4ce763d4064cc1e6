package main

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain lets the tests start what the program starts: itself, as the cameras.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "cameras" {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// The scenarios of batches run to their end with a load that takes no time. What they
// measure here means nothing.
func TestBatchScenariosRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the worker")
	}
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg: make deps-test")
	}
	binary := filepath.Join(t.TempDir(), "frameport")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/frameport").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{options: options{binary: binary, repeat: 1}, self: self, dir: t.TempDir(), window: 200 * time.Millisecond}
	load := batchLoad{
		camera: recipe{width: 320, height: 180, fps: 10, seconds: 2, gop: 5, kilobits: 200, noise: 4, profile: "main"},
		count:  2, fps: 10, size: 64, work: time.Millisecond,
	}
	for name, scenario := range map[string]struct {
		run  func() error
		want []string
	}{
		"batches": {
			func() error { return l.batches(t.Context(), load) },
			[]string{"CPU", "FLOAT32 64x64, batches per second", "UINT8 64x64, age of a batch's newest frame"},
		},
		"batch_age": {
			func() error { return l.batchAge(t.Context(), load, l.window) },
			[]string{"FLOAT32, 1 of 2 cameras", "FLOAT32, 2 of 2 cameras", "UINT8, 1 of 2 cameras"},
		},
		"subscribers": {
			func() error { return l.subscribers(t.Context(), load.camera, 5) },
			[]string{"encodes per frame, 5 readers"},
		},
	} {
		l.results.rows = nil
		if err := scenario.run(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, r := range l.results.rows {
			names = append(names, r.Name)
			if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) || r.Value < 0 {
				t.Errorf("%s: %s is %v", name, r.Name, r.Value)
			}
			if r.Exact && r.Value != r.Limit {
				t.Errorf("%s: %s is %v (%s)", name, r.Name, r.Value, r.Detail)
			}
		}
		if all := strings.Join(names, "\n"); len(names) < len(scenario.want) || !containsAll(all, scenario.want) {
			t.Errorf("%s reports\n%s\nwant %q among them", name, all, scenario.want)
		}
	}
}

func containsAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

func TestParseMade(t *testing.T) {
	const text = "# HELP frameport_render_duration_seconds x\nframeport_render_duration_seconds_bucket{le=\"1\"} 9\n" +
		"frameport_render_duration_seconds_sum 1.5\nframeport_render_duration_seconds_count 9\n"
	got, err := parseMade(strings.NewReader(text))
	if err != nil || got.since(made{count: 4, seconds: 1}) != (made{count: 5, seconds: 0.5}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", strings.Replace(text, "_count 9", "_count x", 1), strings.Replace(text, "_sum", "_sums", 1)} {
		if _, err := parseMade(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestFullBatches(t *testing.T) {
	three := batchArrival{batchSize: 3, bytes: 1}
	whole := three
	whole.entries = append(whole.entries, nil, nil, nil)
	if got := full([]batchArrival{three, whole}); len(got) != 1 || len(got[0].entries) != 3 {
		t.Errorf("%+v", got)
	}
}
