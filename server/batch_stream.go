package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/server/mapping"
)

// batchStream is what StreamBatches sends. A batch waits for cameras, not for frames:
// which frame of a camera goes in is decided when the batch is full or its wait is
// over, so that all of them are the newest there are at that moment.
type batchStream struct {
	stream
	tensor  convert.Tensor
	size    int           // most entries
	maxWait time.Duration // from the first entry
	write   func(*frameportv1.Batch) error

	waiting bool      // there is an entry
	since   time.Time // when it came
	number  uint64    // of the last batch
}

// row is a frame on its way into a batch.
type row struct {
	id      string
	frame   *frame.Frame
	info    frame.Info
	skipped *frameportv1.Skipped
}

// pickBatch takes the newest frame of each camera whose turn it is, once there are
// enough of them or the first has waited long enough.
func (st *batchStream) pickBatch(now time.Time) func(context.Context) (outgoing, error) {
	ready := st.rota.ready(now)
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
		rows = append(rows, row{rd.id, f, f.Info, skipped})
	}
	if len(rows) == 0 {
		return nil
	}
	return func(ctx context.Context) (outgoing, error) { return st.batch(ctx, rows) }
}

// dueBatch is when a batch that is not full goes all the same.
func (st *batchStream) dueBatch() (time.Time, bool) {
	if !st.waiting || st.credits == 0 {
		return time.Time{}, false
	}
	return st.since.Add(st.maxWait), true
}

// batch makes the message of rows and releases their frames. A frame that can't be
// made into a tensor is left out; one camera's trouble does not end a stream of many.
func (st *batchStream) batch(ctx context.Context, rows []row) (outgoing, error) {
	each := st.tensor.Bytes()
	data, errs := make([]byte, each*len(rows)), make([]error, len(rows))
	var making sync.WaitGroup
	for i, r := range rows {
		making.Go(func() {
			defer r.frame.Release()
			errs[i] = st.cfg.Tensors.Tensor(ctx, r.frame, st.tensor, data[i*each:][:each:each])
		})
	}
	making.Wait()
	entries := make([]*frameportv1.BatchEntry, 0, len(rows))
	for i, r := range rows {
		var entry *frameportv1.BatchEntry
		if errs[i] == nil {
			// The frame's handle has been given back; what it says about itself is a copy.
			entry, errs[i] = mapping.BatchEntry(r.id, &r.info, st.tensor, r.skipped)
		}
		if errs[i] != nil {
			continue
		}
		copy(data[len(entries)*each:][:each], data[i*each:][:each])
		entries = append(entries, entry)
	}
	err := errors.Join(errs...)
	switch {
	case ctx.Err() != nil:
		return outgoing{}, ctx.Err()
	case len(entries) == 0:
		return outgoing{}, apierr.New(codes.Internal, apierr.RenderFailed, fmt.Sprintf("no frame could be made into a tensor: %v", err))
	case err != nil:
		st.cfg.Logger.WarnContext(ctx, "frames left out of a batch", "left_out", len(rows)-len(entries), "error", err)
	}
	data = data[:len(entries)*each]
	b := mapping.Batch(entries, st.tensor)
	b.Tensor = &frameportv1.Batch_Data{Data: data}
	st.number++
	b.BatchNumber = st.number
	return outgoing{bytes: len(data), write: func() error {
		b.SentTime = timestamppb.New(time.Now())
		return st.write(b)
	}}, nil
}
