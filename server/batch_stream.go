package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/render"
	"github.com/frameport/frameport/server/mapping"
)

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
	pool   *tensorPool          // of batches in messages
	where  frameportv1.Delivery // that the client asked for
	shared *sharedBatches       // memory of batches that are not in messages; else nil

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
	var failed error
	entries, left, frames := make([]*frameportv1.BatchEntry, 0, len(rows)), rows[:0:0], make([]*frame.Frame, 0, len(rows))
	for _, r := range rows {
		entry, err := mapping.BatchEntry(r.reader.id, &r.info, st.tensor, r.skipped)
		if err != nil {
			r.frame.Release()
			r.reader.leaveOut(r.skipped)
			failed = orElse(failed, err)
			continue
		}
		entries, left, frames = append(entries, entry), append(left, r), append(frames, r.frame)
	}
	// The frames' handles are given back now; what they say about themselves is copied.
	errs, n := to.fill(ctx, frames), 0
	for i, err := range errs {
		if err != nil {
			left[i].reader.leaveOut(left[i].skipped)
			failed = orElse(failed, err)
			continue
		}
		entries[n] = entries[i]
		n++
	}
	entries = entries[:n]
	if ctx.Err() != nil {
		return outgoing{}, ctx.Err()
	}
	if err := to.sound(); err != nil {
		return outgoing{}, err
	}
	if failed != nil {
		if err := st.without(ctx, failed, len(rows)-len(entries), len(entries), cameras); err != nil || len(entries) == 0 {
			return outgoing{}, err
		}
	}
	st.failed = 0
	b := mapping.Batch(entries, st.tensor)
	st.number++
	b.BatchNumber = st.number
	sent = true
	each := st.tensor.Bytes()
	put := func(now time.Time) any { return to.put(b, len(entries)*each, now) }
	if st.relay != nil {
		return outgoing{later: func(ctx context.Context) (outgoing, error) { return st.relay(ctx, b, put) }}, nil
	}
	return outgoing{frames: len(entries), bytes: each, write: func() error {
		now := failpoint.Now()
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

// orElse is err, or another one when that is nil.
func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
