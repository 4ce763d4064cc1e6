package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// readBatches is the command of the reader's process: the worker's address, the number of
// batches and the cameras' names follow.
const readBatches = "read-batches"

// handOffTarget is what a hand-off may take, in milliseconds.
const handOffTarget = 0.2

// handOffResult is how batches come to a model's process in device memory.
type handOffResult struct {
	Cameras int     `json:"cameras"`
	Target  float64 `json:"target_ms_of_hand_off"`
	handOff
}

// handOff is what the reader's process tells.
type handOff struct {
	Batches int `json:"batches"`
	Entries int `json:"entries"` // of all batches
	// Open is how long opening the handle took, once per stream.
	Open float64 `json:"open_ms"`
	// HandOff is from the worker's handing the message to gRPC, when the tensor is
	// complete, to the reader's having its address.
	HandOff times `json:"hand_off"`
	// Made is from the reader's credit, given when all cameras have a new frame, to the
	// same moment.
	Made times `json:"credit_to_sent"`
	// Read is how long it takes to copy 64 bytes of each row to the host.
	Read times `json:"read"`
	// Codes is how many rows were read whole, and their picture's bar code found.
	Codes int `json:"rows_with_bar_code"`
	// Changed is how many rows were not the same when they were read again before the
	// ack: it must be 0.
	Changed int `json:"rows_changed_while_lent"`
}

// measureHandOff starts a worker with cameras and a reader in a process of its own.
func measureHandOff(ctx context.Context, b bundle) (result, error) {
	bound := b.bounds()
	r := &handOffResult{Cameras: bound.served, Target: handOffTarget}
	server, urls, err := startCameras(bound.served)
	if err != nil {
		return r, err
	}
	w, err := startWorker(ctx, b)
	if err != nil {
		return r, errors.Join(err, server.Close())
	}
	err = r.measure(ctx, b, w, urls)
	return r, errors.Join(err, w.stop(), server.Close())
}

func (r *handOffResult) measure(ctx context.Context, b bundle, w *worker, urls []string) error {
	ids := make([]string, 0, len(urls))
	for i, url := range urls {
		ids = append(ids, fmt.Sprintf("camera%d", i))
		if err := w.add(ctx, ids[i], url); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if _, err := w.frame(ctx, id, 80, nil); err != nil {
			return fmt.Errorf("first picture of %s: %w", id, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append(append([]string{readBatches}, b.arguments()...), w.socket(), strconv.Itoa(b.bounds().pictures), strings.Join(ids, ","))
	cmd := exec.CommandContext(ctx, self, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the reader's process: %w: %s", err, said.String())
	}
	if err := json.Unmarshal(out, &r.handOff); err != nil {
		return err
	}
	return r.verdict()
}

// verdict is why the tensors can't be relied on.
func (r *handOffResult) verdict() error {
	switch {
	case r.Changed > 0:
		return fmt.Errorf("%d rows changed while they were lent", r.Changed)
	case r.Codes < r.Batches:
		return fmt.Errorf("of %d rows only %d hold a picture", r.Batches, r.Codes)
	}
	return nil
}

func (r *handOffResult) print(w io.Writer) {
	fmt.Fprintf(w, "%d cameras of 720p25, %d batches with %d rows of 640x640 FLOAT32, over a unix socket; the handle was opened in %.2f ms\n", r.Cameras, r.Batches, r.Entries, r.Open)
	fmt.Fprintf(w, "hand-off, message sent to address known: %v; target %.1f ms\n", r.HandOff, r.Target)
	fmt.Fprintf(w, "batch made, credit to message sent:      %v\n", r.Made)
	fmt.Fprintf(w, "64 bytes of each row to the host:        %v\n", r.Read)
	fmt.Fprintf(w, "rows with the picture's bar code: %d; changed while they were lent: %d\n", r.Codes, r.Changed)
}
