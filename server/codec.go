package server

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// Note: [Pictures are not copied into messages]
//
// The usual codec copies a message into one buffer. For a frame that is the whole
// picture, once per reader: 200 readers of one JPEG would copy it 200 times. The
// codec below marshals a frame without its picture and puts the picture between
// the parts, by reference. gRPC sends the slices one after the other; the bytes on
// the wire are the same to the last one (TestFrameCodecIsWireIdentical).

// Numbers of the fields that the codec writes by hand; a test compares them with
// the descriptors.
const (
	fieldResponseFrame = protowire.Number(1)  // "frame" in the three responses
	fieldFrameData     = protowire.Number(15) // Frame.data
)

// shareFrom is the picture size in bytes from which a reference is cheaper than a
// copy.
const shareFrom = 4 << 10

// frameCodec is gRPC's protobuf codec with responses that refer to pictures
// instead of copying them. Pictures must not change any more, and a response
// belongs to one call: Marshal looks away from its data for a moment.
type frameCodec struct {
	encoding.CodecV2 // the usual one, for everything else
}

// Marshal implements encoding.CodecV2.
func (c frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	var f *frameportv1.Frame
	switch r := v.(type) {
	case *answer:
		return r.marshal(c)
	case *batchMessage:
		return r.marshal()
	case *frameportv1.GetFrameResponse:
		f = r.GetFrame()
	case *frameportv1.WatchFramesResponse:
		f = r.GetFrame()
	case *frameportv1.StreamFramesResponse:
		f = r.GetFrame()
	}
	if len(f.GetData()) < shareFrom {
		return c.CodecV2.Marshal(v)
	}
	data := f.GetData()
	f.Data = nil
	rest, err := proto.Marshal(f)
	f.Data = data
	if err != nil {
		return nil, err
	}
	before, after := splitBefore(rest, fieldFrameData)

	field := protowire.SizeTag(fieldFrameData) + protowire.SizeBytes(len(data))
	head := make([]byte, 0, 32+len(before))
	head = protowire.AppendTag(head, fieldResponseFrame, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(rest)+field))
	head = append(head, before...)
	head = protowire.AppendTag(head, fieldFrameData, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(data)))

	out := mem.BufferSlice{mem.SliceBuffer(head), mem.SliceBuffer(data)}
	if len(after) > 0 {
		out = append(out, mem.SliceBuffer(after))
	}
	return out, nil
}

// Note: [Requests that can't be read]
//
// gRPC answers bytes that are no message with INTERNAL, before any interceptor has a
// word: operators look for a fault of the worker, and nobody asks who calls. So the
// codec never fails. It marks such a message with a field that no message has, and the
// interceptors refuse what is marked, after they have asked who calls. A client that
// sends the mark itself is refused, too.

// unreadable is the mark: field 536870911, the last one there can be, with the value 1.
const unreadable = "\xf8\xff\xff\xff\x0f\x01"

// Unmarshal implements encoding.CodecV2.
func (c frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	err := c.CodecV2.Unmarshal(data, v)
	m, ok := v.(proto.Message)
	if err == nil || !ok {
		return err
	}
	proto.Reset(m)
	m.ProtoReflect().SetUnknown([]byte(unreadable))
	return nil
}

// readable refuses a request that is marked.
func readable(request any) error {
	if m, ok := request.(proto.Message); ok && strings.Contains(string(m.ProtoReflect().GetUnknown()), unreadable) {
		return apierr.New(codes.InvalidArgument, apierr.InvalidMessage,
			"the request is no message of this method: its bytes are broken, or a text in it is not UTF-8; does the client use this worker's proto files?")
	}
	return nil
}

// splitBefore splits a message, whose fields stand in rising order as the Go
// implementation writes them, where field number n belongs.
func splitBefore(message []byte, n protowire.Number) (before, after []byte) {
	for at := 0; at < len(message); {
		number, _, size := protowire.ConsumeField(message[at:])
		if size < 0 || number > n {
			return message[:at], message[at:]
		}
		at += size
	}
	return message, nil
}
