package render

import (
	"context"
	"errors"
	"time"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
)

// ErrNoTensors is returned by renderers whose converter makes none.
var ErrNoTensors = errors.New("this backend makes no tensors")

// Tensor implements [convert.Tensorer] for f, which the caller holds until it returns.
// Tensors are large and usually wanted by one reader, so none is kept: each call makes
// its own, as one of the pictures that are made at a time.
func (r *Renderer) Tensor(ctx context.Context, f *frame.Frame, t convert.Tensor, dst []byte) (err error) {
	tensorer, ok := r.conv.(convert.Tensorer)
	if !ok {
		return ErrNoTensors
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return ErrClosed
	}
	r.work.Add(1)
	r.mu.Unlock()
	defer r.work.Done()
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	leave, err := r.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	start := time.Now()
	if err := tensorer.Tensor(ctx, f, t, dst); err != nil {
		r.note(0, err)
		return err
	}
	took := time.Since(start)
	r.note(took, nil)
	r.rendered(took)
	return nil
}

func (r *Renderer) note(took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.stats.Failures++
		return
	}
	r.stats.Renders++
	r.stats.RenderTime += took
}
