package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/frameport/frameport/internal/figures"
)

// scenario is one measurement. It reports rows to the lab as it goes.
type scenario struct {
	name, what string
	run        func(ctx context.Context, l *lab) error
	// apart: it asks whether the worker holds, not how fast it is, and runs only when it
	// is named (docs/reliability.md).
	apart bool
}

func scenarios() []scenario {
	return []scenario{
		{"startup", "from exec to the first answered call, empty worker", measureStartup, false},
		{"per_camera", "CPU and memory per camera, beside its references", measurePerCamera, false},
		{"per_camera_baseline", "the same with a stream that is simpler to decode", measurePerCameraBaseline, false},
		{"getframe", "GetFrame, JPEG 720p: encoded for this call, and found encoded", measureGetFrame, false},
		{"watch_age", "age of frames at a reader that is slower than the camera", measureWatchAge, false},
		{"batches", "tensors of 8 cameras over StreamBatches, beside a loop in OpenCV", measureBatches, false},
		{"batch_age", "age of frames in batches at a reader that is slower than the cameras", measureBatchAge, false},
		{"share", "frames and batches at readers in Python, shared and inline", measureShare, false},
		{"subscribers", "50 readers of one camera's JPEG", measureSubscribers, false},
		{"first_frame", "from PLAY to the first frame", measureFirstFrame, false},
		{"latency", "from RTP sent to JPEG received", measureLatency, false},
		{"idle200", "200 cameras, nothing decoded", measureIdle, false},
		{"allocs", "allocations from access unit to ring", measureAllocs, false},
		{"isolation", "decoding in child processes beside decoding in the worker", measureIsolation, true},
		{"held", "1,000 cameras, nothing decoded: all up, nothing lost", measureHeld, true},
		{"killed", "kill -9 with 200 cameras and a client that changes others", measureKilled, true},
		{"growth", "what is left of cameras, sessions, readers and sizes that came and went", measureGrowth, true},
		{"slow_clients", "20 cameras, 20 readers and 5 that never read", measureSlowClients, true},
		{"overload", "how many cameras can be decoded, and what twice as many do", measureOverload, true},
		{"keyframes", "1,000 cameras, one frame of each in ten seconds", measureKeyframes, true},
		{"herd", "1,000 cameras added at once", measureHerd, true},
		{"soak", "cameras at protocol level and decoded ones, with faults, adds and removes", measureSoak, true},
	}
}

func scenarioNames() []string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

func chooseScenarios(only string) ([]scenario, error) {
	all := scenarios()
	if only == "" {
		return slices.DeleteFunc(all, func(s scenario) bool { return s.apart }), nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(scenarioNames(), ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// lab is what every scenario works with.
type lab struct {
	options
	self    string // this program, to run its children
	dir     string // temporary, removed at the end
	window  time.Duration
	results results
	// workerLog gets all that workers write, which is then all that they can; nil = only the
	// end of warnings is kept.
	workerLog io.Writer
}

func newLab(o options) (*lab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "frameport-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{options: o, self: self, dir: dir, window: time.Duration(o.seconds * float64(time.Second))}
	l.results.machine = figures.Here()
	return l, nil
}

func (l *lab) close() { _ = os.RemoveAll(l.dir) }

// say tells what is going on, apart from the results.
func (l *lab) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// report adds a row to the results.
func (l *lab) report(r row) {
	l.say("    %s = %s %s", r.Name, number(r.Value), r.Unit)
	l.results.rows = append(l.results.rows, r)
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poll calls f until it reports true, an error, or the time is over.
func poll(ctx context.Context, limit, every time.Duration, what string, f func() (bool, error)) error {
	for begin := time.Now(); ; {
		done, err := f()
		if done || err != nil {
			return err
		}
		if time.Since(begin) > limit {
			return fmt.Errorf("%s: not within %v", what, limit)
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}
