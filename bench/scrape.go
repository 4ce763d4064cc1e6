package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// totals are a worker's metrics, each the sum over all cameras. Those with a reason are
// there once more as "name/reason".
type totals map[string]float64

// totals reads the worker's metrics.
func (w *worker) totals(ctx context.Context) (totals, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.http+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics: %s", answer.Status)
	}
	t := totals{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		t.add(lines.Text())
	}
	return t, lines.Err()
}

func (t totals) add(line string) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 || strings.HasPrefix(line, "#") {
		return
	}
	value, err := strconv.ParseFloat(line[at+1:], 64)
	if err != nil {
		return
	}
	name, labels, _ := strings.Cut(line[:at], "{")
	t[name] += value
	if _, reason, ok := strings.Cut(labels, `reason="`); ok {
		reason, _, _ = strings.Cut(reason, `"`)
		t[name+"/"+reason] += value
	}
}

// held is what a worker holds at rest.
type held struct {
	goroutines, descriptors, frames float64
	memory                          float64 // resident, in bytes
}

// held looks ten times and takes the smallest of each: calls that are just being
// answered are not held.
func (w *worker) held(ctx context.Context) (held, error) {
	// The worker has a goroutine and a descriptor for each of our connections, and of those
	// two are kept when two have asked at once some time.
	http.DefaultClient.CloseIdleConnections()
	var least held
	for i := range 10 {
		t, err := w.totals(ctx)
		if err != nil {
			return held{}, err
		}
		state, err := w.state(ctx)
		if err != nil {
			return held{}, err
		}
		now := held{t["go_goroutines"], t["process_open_fds"], float64(state.GetLiveFrames()), t["process_resident_memory_bytes"]}
		if i == 0 {
			least = now
		}
		least = held{
			min(least.goroutines, now.goroutines), min(least.descriptors, now.descriptors),
			min(least.frames, now.frames), min(least.memory, now.memory),
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return held{}, err
		}
	}
	return least, nil
}
