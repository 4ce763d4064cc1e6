package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed reader.py
var readerProgram string

// pythonClient is the folder of the Python client, from the repository's root.
const pythonClient = "clients/python"

// taken is what a reader in Python says of its time.
type taken struct {
	Items  int     // frames or batches
	Frames int     // frames, or entries of batches
	Broken int     // frames that were written over while it read them
	Bytes  int     // of an item
	CPU    float64 // seconds of all its threads
	Loop   float64 // of these, of the one that runs the loop
	// Seconds from the first item to the last.
	Seconds float64
	// Ages since the worker had received the frames, when the reader has them, and what
	// it takes to look at an item, in milliseconds.
	AgeMean  float64 `json:"age_mean"`
	AgeP50   float64 `json:"age_p50"`
	AgeP95   float64 `json:"age_p95"`
	BodyP50  float64 `json:"body_p50"`
	machines sample
}

func (t taken) rate() float64 { return float64(t.Items) / t.Seconds }

// perItem is processor time of the reader in milliseconds.
func (t taken) perItem() float64 { return t.CPU / float64(t.Items) * 1000 }

// ofLoop is the part of the thread that runs the loop; the others are gRPC's.
func (t taken) ofLoop() float64 { return t.Loop / float64(t.Items) * 1000 }

// others is what neither worker nor cameras nor reader used, in cores.
func (t taken) others() float64 { return max(0, t.machines.others-t.CPU/t.Seconds) }

// hasPythonClient says whether readers in Python can be measured here.
func (l *lab) hasPythonClient() error {
	if out, err := exec.Command(python, "-c", "import grpc, google.protobuf, numpy").CombinedOutput(); err != nil {
		return fmt.Errorf("%s has not what the Python client needs (apt-get install python3-grpcio python3-protobuf python3-numpy): %w: %s", python, err, out)
	}
	return nil
}

// read has a program in Python take a worker's frames in some way for a time. It works
// for so long on each item.
func (l *lab) read(ctx context.Context, w *worker, f *farm, way string, window, work time.Duration, ids ...string) (t taken, err error) {
	folder, err := filepath.Abs(pythonClient)
	if err != nil {
		return t, err
	}
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	answer := make(chan string, 1)
	reader, err := startChild(ctx, "reader", []string{"PYTHONPATH=" + folder, "PYTHONDONTWRITEBYTECODE=1"}, func(s string) { answer <- s },
		python, append([]string{"-c", readerProgram, w.address, way, seconds(window), seconds(work)}, ids...)...)
	if err != nil {
		return t, err
	}
	defer reader.stop()
	t.machines, err = l.metered(w, f, func() error {
		select {
		case line := <-answer:
			return json.Unmarshal([]byte(line), &t)
		case <-reader.done:
			return reader.alive()
		case <-time.After(window + time.Minute):
			return errors.New("the reader in Python does not end: are there frames?")
		}
	})
	return t, err
}
