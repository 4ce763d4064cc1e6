package server

import (
	"context"
	"errors"
	"sync"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
)

// slotAlign is what a slot's offset is a multiple of: a page, which is what devices and
// vector units want at most.
const slotAlign = 4096

// batchMemory is memory that a stream's client sees: a file or memory of a GPU.
type batchMemory interface {
	// fill is that of [place], for the slot that begins at offset.
	fill(ctx context.Context, st *batchStream, offset int, frames []*frame.Frame) []error
	// sound says why the client can't see what was written.
	sound() error
	// hide is called when the stream ends: nobody else is to find the memory.
	hide() error
	// close gives the memory back when nothing writes to it any more.
	close() error
}

// sharedBatches is the memory that a stream's batches lie in: a slot for each batch that
// can be on its way or in the client's hands.
type sharedBatches struct {
	*slotLeases
	memory batchMemory
	region *frameportv1.SharedRegion // as the client is told first
	stride int
	using  sync.WaitGroup // batches that are being made
}

// strideOf is the distance between slots of that many bytes.
func strideOf(bytes int) int { return (bytes + slotAlign - 1) / slotAlign * slotAlign }

// end hides the memory at once and gives it back when nothing writes to it any more.
func (b *sharedBatches) end(s *Server) {
	err := b.memory.hide()
	s.background.Go(func() {
		b.using.Wait()
		if err := errors.Join(err, b.memory.close()); err != nil {
			s.cfg.Logger.Error("memory of a stream's batches was not given back", "region", b.region.GetName(), "error", err)
		}
	})
}
