package render_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/render"
)

// tensors is a converter that makes tensors as well.
type tensors struct {
	gate
	err error
}

func (c *tensors) Tensor(_ context.Context, _ *frame.Frame, _ convert.Tensor, dst []byte) error {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for m := c.most.Load(); n > m && !c.most.CompareAndSwap(m, n); m = c.most.Load() {
	}
	if c.open != nil {
		<-c.open
	}
	dst[0] = 7
	return c.err
}

// Tensors take the same turns as pictures, count as they do, and Close waits for them.
func TestTensor(t *testing.T) {
	c := &tensors{gate: gate{open: make(chan struct{})}}
	told := 0
	r := render.New(c, nil, render.Config{Parallel: 1, Rendered: func(time.Duration) { told++ }})
	f := frame.NewPool(0, nil).Get(media.PixelI420, 2, 2)
	defer f.Release()
	done := make(chan error, 3)
	for range 3 {
		go func() { done <- r.Tensor(t.Context(), f, convert.Tensor{}, make([]byte, 1)) }()
	}
	for range 3 {
		c.open <- struct{}{}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if st := r.Stats(); c.most.Load() != 1 || st.Renders != 3 || told != 3 {
		t.Errorf("%d at a time, told %d times, stats %+v", c.most.Load(), told, st)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	holds := make(chan error, 1)
	go func() { holds <- r.Tensor(t.Context(), f, convert.Tensor{}, make([]byte, 1)) }()
	for c.now.Load() != 1 {
		runtime.Gosched()
	}
	if err := r.Tensor(gone, f, convert.Tensor{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v for a caller that has left", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	select {
	case <-closed:
		t.Error("closed while a tensor was made")
	case c.open <- struct{}{}:
	}
	if err := errors.Join(<-holds, <-closed); err != nil {
		t.Error(err)
	}
	if err := r.Tensor(t.Context(), f, convert.Tensor{}, nil); !errors.Is(err, render.ErrClosed) {
		t.Errorf("%v after Close", err)
	}
	if err := render.New(broken{}, nil, render.Config{}).Tensor(t.Context(), f, convert.Tensor{}, nil); !errors.Is(err, render.ErrNoTensors) {
		t.Errorf("%v without tensors", err)
	}
	bad := render.New(&tensors{}, nil, render.Config{})
	if err := bad.Tensor(t.Context(), f, convert.Tensor{}, nil); !errors.Is(err, render.ErrPanic) {
		t.Errorf("%v, want ErrPanic", err) // the index is out of range
	}
}
