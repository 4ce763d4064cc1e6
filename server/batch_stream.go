package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/render"
	"github.com/frameport/frameport/server/mapping"
)

// minMakers is how many tensors of a batch are made at a time, or as many as there are
// processors. More would only wait for their turn, and with them the pictures that
// others want meanwhile.
const minMakers = 8

// lookCost is what a batch waits per camera before it looks again at all of them for
// what was published since: with a thousand cameras some publish all the time, and the
// looks would take a processor.
const lookCost = time.Microsecond

// batchStream is what StreamBatches sends. A batch waits for cameras, not for frames:
// which frame of a camera goes in is decided when the batch is full or its wait is
// over, so that all of them are the newest there are at that moment.
type batchStream struct {
	stream
	tensor  convert.Tensor
	size    int           // most entries
	maxWait time.Duration // from the first entry
	write   func(message any) error
	// relay, when set, is asked for what the client gets instead of a batch; put returns
	// the batch's message, as place does.
	relay  func(ctx context.Context, b *frameportv1.Batch, put func(now time.Time) any) (outgoing, error)
	pool   *tensorPool    // of batches in messages
	share  bool           // the client wants the tensors in shared memory
	shared *sharedBatches // which is here then

	waiting bool      // there is an entry
	since   time.Time // when it came
	look    time.Time // when to see whether there are more
	number  uint64    // of the last batch

	failed   int       // frames left out since the last batch
	leftOut  int       // frames left out since they were reported
	reported time.Time // when that was
}

// row is a frame on its way into a batch.
type row struct {
	reader  *reader
	frame   *frame.Frame
	info    frame.Info
	skipped *frameportv1.Skipped
}

// pickBatch takes the newest frame of each camera whose turn it is, once there are
// enough of them or the first has waited long enough.
func (st *batchStream) pickBatch(now time.Time) func(context.Context) (outgoing, error) {
	if st.shared != nil && !st.shared.any() {
		return nil // when a slot is free again, what is newest then goes
	}
	if st.waiting && now.Before(st.look) && now.Before(st.since.Add(st.maxWait)) {
		return nil
	}
	ready := st.rota.ready(now)
	st.look = now.Add(time.Duration(len(st.rota.order)) * lookCost)
	if ready == 0 {
		st.waiting = false
		return nil
	}
	if !st.waiting {
		st.waiting, st.since = true, now
	}
	if ready < min(st.size, len(st.rota.order)) && now.Before(st.since.Add(st.maxWait)) {
		return nil
	}
	st.waiting = false
	rows := make([]row, 0, min(ready, st.size))
	for len(rows) < st.size {
		rd, f, skipped := st.rota.pop(now)
		if f == nil {
			break
		}
		rows = append(rows, row{rd, f, f.Info, skipped})
	}
	if len(rows) == 0 {
		return nil
	}
	cameras, to := len(st.rota.order), st.place()
	return func(ctx context.Context) (outgoing, error) { return st.batch(ctx, rows, cameras, to) }
}

// dueBatch is when a batch that is not full goes all the same, or may have become full.
func (st *batchStream) dueBatch() (time.Time, bool) {
	if !st.waiting || st.credits == 0 {
		return time.Time{}, false
	}
	end := st.since.Add(st.maxWait)
	if st.rota.look && st.look.Before(end) {
		return st.look, true
	}
	return end, true
}

// batch makes the message of rows and releases their frames. A frame that can't be
// made into a tensor is left out, and the camera's next entry counts it; one camera's
// trouble does not end a stream of many.
func (st *batchStream) batch(ctx context.Context, rows []row, cameras int, to place) (outgoing, error) {
	sent := false
	defer func() { to.done(sent) }()
	each := st.tensor.Bytes()
	data, errs := to.room(each*len(rows)), make([]error, len(rows))
	var making sync.WaitGroup
	var next atomic.Int64
	for range min(len(rows), max(minMakers, runtime.GOMAXPROCS(0))) {
		making.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(rows); i = int(next.Add(1)) - 1 {
				errs[i] = st.cfg.Tensors.Tensor(ctx, rows[i].frame, st.tensor, data[i*each:][:each:each])
				rows[i].frame.Release()
			}
		})
	}
	making.Wait()
	entries := make([]*frameportv1.BatchEntry, 0, len(rows))
	for i, r := range rows {
		var entry *frameportv1.BatchEntry
		if errs[i] == nil {
			// The frame's handle has been given back; what it says about itself is a copy.
			entry, errs[i] = mapping.BatchEntry(r.reader.id, &r.info, st.tensor, r.skipped)
		}
		if errs[i] != nil {
			r.reader.leaveOut(r.skipped)
			continue
		}
		if n := len(entries); n < i { // one before it was left out
			copy(data[n*each:][:each], data[i*each:][:each])
		}
		entries = append(entries, entry)
	}
	if ctx.Err() != nil {
		return outgoing{}, ctx.Err()
	}
	if err := to.sound(); err != nil {
		return outgoing{}, err
	}
	if err := firstError(errs); err != nil {
		if err := st.without(ctx, err, len(rows)-len(entries), len(entries), cameras); err != nil || len(entries) == 0 {
			return outgoing{}, err
		}
	}
	st.failed = 0
	b := mapping.Batch(entries, st.tensor)
	st.number++
	b.BatchNumber = st.number
	sent = true
	put := func(now time.Time) any { return to.put(b, data[:len(entries)*each], now) }
	if st.relay != nil {
		return outgoing{later: func(ctx context.Context) (outgoing, error) { return st.relay(ctx, b, put) }}, nil
	}
	return outgoing{frames: len(entries), bytes: each, write: func() error {
		now := time.Now()
		b.SentTime = timestamppb.New(now)
		return st.write(put(now))
	}}, nil
}

// without reports that frames were left out because of err, at most once a second, and
// returns why the stream must end, if it must: when as many frames in a row came to
// nothing as it has cameras, there is no reason to believe that the next one will.
func (st *batchStream) without(ctx context.Context, err error, leftOut, left, cameras int) error {
	if errors.Is(err, gpu.ErrDeviceLost) { // the worker is about to end
		return shuttingDown()
	}
	st.failed += leftOut
	st.leftOut += leftOut
	if now := time.Now(); now.Sub(st.reported) >= time.Second {
		st.cfg.Logger.WarnContext(ctx, "frames left out of batches", "left_out", st.leftOut, "error", err)
		st.leftOut, st.reported = 0, now
	}
	switch {
	case left > 0 || st.failed < cameras:
		return nil
	case errors.Is(err, render.ErrPanic):
		return err // for the log, with its stack
	default:
		return apierr.New(codes.Internal, apierr.RenderFailed, fmt.Sprintf("no frame could be made into a tensor: %v", err))
	}
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
