package backend

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

// maxStaging bounds the pinned memory of a region, unless one tensor needs more.
const maxStaging = 32 << 20

// BatchRegion is memory on a GPU that other processes can open, for the batches of one
// stream. Its methods are called one at a time.
type BatchRegion struct {
	site      *site
	memory    *gpu.Memory
	region    *frame.Region
	size      int64            // bytes that may be written
	elsewhere convert.Tensorer // for frames that are not on the GPU
	staging   *gpu.Pinned      // where their tensors are made; nil until there is one
}

// Region describes the memory. It is not changed.
func (r *BatchRegion) Region() *frame.Region { return r.region }

// Write makes the tensors of frames, which stay the caller's, one behind the other from
// offset on: a kernel for each frame that is on the GPU; others are made where they are
// and copied. It returns an error for each frame of which nothing came; those behind it
// close up. Other processes see the tensors when it returns.
func (r *BatchRegion) Write(ctx context.Context, offset int64, frames []*frame.Frame, t convert.Tensor) []error {
	errs := make([]error, len(frames))
	n := int64(t.Bytes())
	if offset < 0 || n == 0 || offset+n*int64(len(frames)) > r.size {
		return fill(errs, fmt.Errorf("backend: %d tensors of %d bytes at %d of a region of %d", len(frames), n, offset, r.size))
	}
	out := r.memory.Address() + gpu.Address(offset)
	for from := 0; from < len(frames); {
		// A part has as many frames from elsewhere as there is room for.
		var away []int
		to := from
		for ; to < len(frames); to++ {
			if r.site.holds(frames[to]) {
				continue
			}
			if len(away) > 0 && int64(len(away)+1)*n > maxStaging {
				break
			}
			away = append(away, to)
		}
		rows := r.part(ctx, frames[:to], from, away, t, errs)
		for i := range rows {
			rows[i].Out = out + gpu.Address(int64(i)*n)
		}
		if err := r.make(ctx, rows, t); err != nil {
			fill(errs[from:to], err)
		} else {
			out += gpu.Address(int64(len(rows)) * n)
		}
		from = to
	}
	return errs
}

func (r *BatchRegion) make(ctx context.Context, rows []gpuconv.Row, t convert.Tensor) error {
	defer r.site.device.Gate().Observe()()
	return r.site.converter.TensorsOnDevice(ctx, rows, t)
}

// part makes the tensors of frames from elsewhere, and returns the rows of all frames
// from the given one on that have one, or can have one made.
func (r *BatchRegion) part(ctx context.Context, frames []*frame.Frame, from int, away []int, t convert.Tensor, errs []error) (rows []gpuconv.Row) {
	n := t.Bytes()
	if err := r.stage(len(away) * n); err != nil {
		for _, i := range away {
			errs[i] = err
		}
		away = nil
	}
	var making sync.WaitGroup
	var next atomic.Int64
	for range min(len(away), runtime.GOMAXPROCS(0)) {
		making.Go(func() {
			for k := int(next.Add(1)) - 1; k < len(away); k = int(next.Add(1)) - 1 {
				errs[away[k]] = r.elsewhere.Tensor(ctx, frames[away[k]], t, r.staging.Bytes()[k*n:][:n:n])
			}
		})
	}
	making.Wait()
	made := make(map[int]int, len(away))
	for k, i := range away {
		made[i] = k
	}
	for i := from; i < len(frames); i++ {
		if errs[i] == nil && r.site.holds(frames[i]) {
			_, errs[i] = t.Resolve(frames[i].Width, frames[i].Height)
		}
		if errs[i] != nil {
			continue
		}
		row := gpuconv.Row{Source: frames[i]}
		if k, ok := made[i]; ok {
			row = gpuconv.Row{Pinned: r.staging, At: k * n}
		}
		rows = append(rows, row)
	}
	return rows
}

// stage sees that there are so many bytes of pinned memory.
func (r *BatchRegion) stage(bytes int) error {
	if bytes == 0 || r.staging != nil && len(r.staging.Bytes()) >= bytes {
		return nil
	}
	larger, err := r.site.device.AllocPinned(bytes, regionUse())
	if err != nil {
		return err
	}
	old := r.staging
	r.staging = larger
	if old != nil {
		return old.Close()
	}
	return nil
}

// fill sets all errors that are not set.
func fill(errs []error, err error) []error {
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
	return errs
}

// Close gives the memory back. What other processes have opened they should close
// before: the driver does not say what they see after this. On a GPU that is lost
// nothing is given back, see [Backend.Watch].
func (r *BatchRegion) Close() error {
	if r.site.device.Health() != nil {
		return nil
	}
	leave, err := r.site.device.Gate().Acquire(context.Background(), batchOwner)
	if err != nil {
		return err
	}
	defer leave()
	return r.free()
}

func (r *BatchRegion) free() error {
	var err error
	if r.staging != nil {
		err = r.staging.Close()
	}
	return errors.Join(err, r.memory.Close())
}
