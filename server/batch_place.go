package server

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
)

// place is where one batch is put.
type place interface {
	// fill makes the tensors of frames and releases them. It returns an error for each
	// frame of which nothing came; the tensors of the others lie one behind the other.
	fill(ctx context.Context, frames []*frame.Frame) []error
	// sound is asked when the memory was filled: an error says why the client can't
	// see it.
	sound() error
	// put returns the message with the first bytes of the memory. It is called when the
	// message is about to be sent.
	put(b *frameportv1.Batch, bytes int, now time.Time) (message any)
	// done is called when nothing is written to the memory any more; sent says whether
	// there will be a message.
	done(sent bool)
}

// place takes the place of the next batch. With memory that the client sees a slot must
// be free.
func (st *batchStream) place() place {
	if st.shared == nil {
		return &inMessage{stream: st}
	}
	slot, _ := st.shared.take()
	st.shared.using.Add(1)
	return inSlot{st.shared, st, slot}
}

// inMessage is delivery INLINE.
type inMessage struct {
	stream *batchStream
	memory *[]byte
}

func (p *inMessage) fill(ctx context.Context, frames []*frame.Frame) []error {
	n := p.stream.tensor.Bytes()
	p.memory = p.stream.pool.Get(max(len(frames), p.stream.size) * n)
	return p.stream.tensors(ctx, frames, (*p.memory)[:len(frames)*n])
}

func (*inMessage) sound() error { return nil }

func (p *inMessage) put(b *frameportv1.Batch, bytes int, _ time.Time) any {
	*p.memory = (*p.memory)[:bytes]
	return &batchMessage{b, p.memory, p.stream.pool}
}

func (p *inMessage) done(sent bool) {
	if !sent && p.memory != nil { // else gRPC gives it back
		p.stream.pool.Put(p.memory)
	}
}

// inSlot is delivery SHARED_MEMORY and CUDA_IPC.
type inSlot struct {
	*sharedBatches
	stream *batchStream
	slot   int
}

func (p inSlot) fill(ctx context.Context, frames []*frame.Frame) []error {
	return p.memory.fill(ctx, p.stream, p.slot*p.stride, frames)
}

func (p inSlot) sound() error { return p.memory.sound() }

func (p inSlot) put(b *frameportv1.Batch, bytes int, now time.Time) any {
	id, end := p.lend(p.slot, now)
	b.Tensor = &frameportv1.Batch_Shared{Shared: &frameportv1.SharedTensor{
		Region: p.region.GetName(), Offset: uint64(p.slot * p.stride), ByteSize: uint64(bytes),
		LeaseId: id, ExpireTime: timestamppb.New(end),
	}}
	return &frameportv1.StreamBatchesResponse{Response: &frameportv1.StreamBatchesResponse_Batch{Batch: b}}
}

func (p inSlot) done(sent bool) {
	if !sent {
		p.giveBack(p.slot)
	}
	p.using.Done()
}

// minMakers is how many tensors of a batch are made at a time, or as many as there are
// processors. More would only wait for their turn, and with them the pictures that
// others want meanwhile.
const minMakers = 8

// tensors is [place] fill for memory of the host.
func (st *batchStream) tensors(ctx context.Context, frames []*frame.Frame, dst []byte) []error {
	each, errs := st.tensor.Bytes(), make([]error, len(frames))
	var making sync.WaitGroup
	var next atomic.Int64
	for range min(len(frames), max(minMakers, runtime.GOMAXPROCS(0))) {
		making.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(frames); i = int(next.Add(1)) - 1 {
				errs[i] = st.cfg.Tensors.Tensor(ctx, frames[i], st.tensor, dst[i*each:][:each:each])
				frames[i].Release()
			}
		})
	}
	making.Wait()
	n := 0
	for i, err := range errs {
		if err != nil {
			continue
		}
		if n < i { // one before it was left out
			copy(dst[n*each:][:each], dst[i*each:][:each])
		}
		n++
	}
	return errs
}
