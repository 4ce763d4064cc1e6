package server

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// Note: [Memory of batches]
//
// A batch of 8 tensors of 640x640 as FLOAT32 has 39 MB. Fresh memory of that size is
// cleared by the kernel page by page and costs more than what is written into it, and
// so does a copy into a message. So a stream keeps the memory of its tensors: frameCodec
// puts it into the message by reference, and gRPC gives it back when it is written.

// Numbers of the fields that batchMessage writes by hand; a test compares them with the
// descriptors.
const (
	fieldResponseBatch = protowire.Number(1) // StreamBatchesResponse.batch
	fieldBatchData     = protowire.Number(6) // Batch.data
)

// batchMessage is a StreamBatchesResponse whose tensor lies beside it.
type batchMessage struct {
	batch *frameportv1.Batch // without a tensor
	data  *[]byte
	pool  *tensorPool
}

// marshal writes the batch as proto.Marshal does, which puts members of a oneof last.
func (m *batchMessage) marshal() (mem.BufferSlice, error) {
	rest, err := proto.Marshal(m.batch)
	if err != nil {
		return nil, err
	}
	size := len(*m.data)
	field := protowire.SizeTag(fieldBatchData) + protowire.SizeBytes(size)
	head := make([]byte, 0, 32+len(rest))
	head = protowire.AppendTag(head, fieldResponseBatch, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(rest)+field))
	head = append(head, rest...)
	head = protowire.AppendTag(head, fieldBatchData, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(size))
	return mem.BufferSlice{mem.SliceBuffer(head), mem.NewBuffer(m.data, m.pool)}, nil
}

// tensorPool keeps the memory of one stream's last batch. It implements mem.BufferPool.
// A stream has one batch under way, and the one before it may still be in gRPC's hands.
type tensorPool struct{ kept chan *[]byte }

func newTensorPool() *tensorPool { return &tensorPool{make(chan *[]byte, 1)} }

// Get returns memory of that size with anything in it.
func (p *tensorPool) Get(size int) *[]byte {
	select {
	case b := <-p.kept:
		if cap(*b) >= size {
			*b = (*b)[:size]
			return b
		}
	default:
	}
	b := make([]byte, size)
	return &b
}

// Put takes memory back, from any goroutine.
func (p *tensorPool) Put(b *[]byte) {
	select {
	case p.kept <- b:
	default:
	}
}
