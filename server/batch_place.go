package server

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// place is where one batch is put.
type place interface {
	// room is memory for n bytes.
	room(n int) []byte
	// sound is asked when the memory was written: an error says why the client can't
	// see it.
	sound() error
	// put returns the message with data, which is the beginning of room. It is called when
	// the message is about to be sent.
	put(b *frameportv1.Batch, data []byte, now time.Time) (message any)
	// done is called when nothing is written to the memory any more; sent says whether
	// there will be a message.
	done(sent bool)
}

// place takes the place of the next batch. With shared memory a slot must be free.
func (st *batchStream) place() place {
	if st.shared == nil {
		return &inMessage{pool: st.pool, most: st.size * st.tensor.Bytes()}
	}
	slot, _ := st.shared.take()
	st.shared.using.Add(1)
	return inSlot{st.shared, slot}
}

// inMessage is delivery INLINE.
type inMessage struct {
	pool   *tensorPool
	most   int // bytes of a full batch
	memory *[]byte
}

func (p *inMessage) room(n int) []byte {
	p.memory = p.pool.Get(max(n, p.most))
	return (*p.memory)[:n]
}

func (*inMessage) sound() error { return nil }

func (p *inMessage) put(b *frameportv1.Batch, data []byte, _ time.Time) any {
	*p.memory = data
	return &batchMessage{b, p.memory, p.pool}
}

func (p *inMessage) done(sent bool) {
	if !sent { // else gRPC gives it back
		p.pool.Put(p.memory)
	}
}

// inSlot is delivery SHARED_MEMORY.
type inSlot struct {
	*sharedBatches
	slot int
}

func (p inSlot) room(n int) []byte { return p.region.Bytes()[p.slot*p.stride:][:n:n] }

func (p inSlot) put(b *frameportv1.Batch, data []byte, now time.Time) any {
	id, end := p.lend(p.slot, now)
	b.Tensor = &frameportv1.Batch_Shared{Shared: &frameportv1.SharedTensor{
		Region: p.region.Name(), Offset: uint64(p.slot * p.stride), ByteSize: uint64(len(data)),
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
