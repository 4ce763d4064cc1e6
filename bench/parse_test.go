package main

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/internal/figures"
)

func TestParseStat(t *testing.T) {
	raw := "4242 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 8 0 1"
	if d, err := parseStat([]byte(raw)); err != nil || d != 1750*time.Millisecond {
		t.Errorf("got %v (%v), want 1.75s", d, err)
	}
	for _, bad := range []string{"", "4242 (a) S 1 2", "4242 (a) S 1 2 3 4 5 6 7 8 9 10 x 25 0"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestParseRollup(t *testing.T) {
	raw := "5581-7ffd ---p 00000000 00:00 0 [rollup]\nRss:  2000 kB\nPss:  500 kB\nPss_Anon:  100 kB\n"
	m, err := parseRollup([]byte(raw))
	if err != nil || m.rss != 2000*1024 || m.pss != 500*1024 {
		t.Errorf("got %+v (%v)", m, err)
	}
	if _, err := parseRollup(nil); err == nil {
		t.Error("an empty file is taken")
	}
}

// What is read of this very process is plausible.
func TestOwnUsage(t *testing.T) {
	m, err := readMemory(os.Getpid())
	if err != nil || m.rss < 1e6 || m.pss > m.rss {
		t.Errorf("memory %+v (%v)", m, err)
	}
	if _, err := cpuTime(os.Getpid()); err != nil {
		t.Error(err)
	}
	if used, _, err := busy(); err != nil || used <= 0 {
		t.Errorf("machine busy %v (%v)", used, err)
	}
}

func TestQuantile(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.2: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(v, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median is %v, want 2.5", got)
	}
	if !math.IsNaN(quantile(nil, 0.5)) {
		t.Error("a quantile of nothing is a number")
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.04812: "0.0481", 1.5: "1.5", 123.4: "123", 98765: "98765", 0.6: "0.6"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) is %q, want %q", v, got, want)
		}
	}
}

func TestParseBenchmarks(t *testing.T) {
	out := "goos: linux\nBenchmarkDecodeToRing/h264_720p-2 \t 1000\t 1200345 ns/op\t 7 B/op\t 0 allocs/op\nPASS\n"
	got := parseBenchmarks(out)
	want := benchmark{name: "h264_720p", nanoseconds: 1200345, bytes: 7}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPrint(t *testing.T) {
	r := results{machine: figures.Machine{Commit: "abc", CPU: "cpu", Cores: 2, Go: "go1"}}
	r.rows = []row{
		{Name: "met", Value: 0.04, Unit: "core", Limit: 0.048},
		{Name: "missed", Value: 17, Unit: "MB", Limit: 16},
		{Name: "none", Value: 0, Unit: "allocs", Exact: true},
		{Name: "other", Value: 3, Unit: "ms"},
	}
	var b strings.Builder
	if err := r.print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| met | 0.04 | core | ≤ 0.048 | yes |", "| missed | 17 | MB | ≤ 16 | **no** |", "| none | 0 | allocs | 0 | yes |", "| other | 3 | ms |  |  |",
		`{"name":"met","value":0.04,"unit":"core","target":0.048,"pass":true,"commit":"abc"`,
		`"target":16,"pass":false`, `{"name":"other","value":3,"unit":"ms","commit"`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}

func TestFarmReport(t *testing.T) {
	f := &farm{sent: map[int][]sending{}, plays: map[int][]time.Time{}}
	for _, s := range []string{
		"url rtsp://127.0.0.1:1/camera/1", "ready", "play 0 90", "sent 0 7 true 100", "sent 0 8 false 200", "sent 0 7 true 300", "sent 1 7 false 350", "",
	} {
		f.line(s)
	}
	if !f.ready || len(f.urls) != 1 || f.playCount(0) != 1 {
		t.Errorf("got ready %v, urls %v, %d plays", f.ready, f.urls, f.playCount(0))
	}
	if at, ok := f.sendTime(0, 7, time.Unix(0, 250)); !ok || at.UnixNano() != 100 {
		t.Errorf("picture 7 before 250 was sent at %v (%v), want 100", at.UnixNano(), ok)
	}
	if at, ok := f.firstKey(0, time.Unix(0, 150)); !ok || at.UnixNano() != 300 {
		t.Errorf("first key picture after 150 is at %v (%v), want 300", at.UnixNano(), ok)
	}
	if _, ok := f.sendTime(2, 7, time.Unix(0, 999)); ok {
		t.Error("a camera that is not there has sent")
	}
}

func TestChooseScenarios(t *testing.T) {
	s, err := chooseScenarios("")
	if apart := func(s scenario) bool { return s.apart }; err != nil || len(s) < 10 || slices.ContainsFunc(s, apart) {
		t.Errorf("without names: got %d (%v)", len(s), err)
	}
	if s, err := chooseScenarios("held"); err != nil || len(s) != 1 || !s[0].apart {
		t.Errorf("one that runs only by its name: got %+v (%v)", s, err)
	}
	if s, err := chooseScenarios("latency, startup"); err != nil || len(s) != 2 || s[0].name != "latency" {
		t.Errorf("two: got %+v (%v)", s, err)
	}
	if _, err := chooseScenarios("speed"); err == nil || !strings.Contains(err.Error(), "per_camera") {
		t.Errorf("got %v, want an error that lists the names", err)
	}
}
