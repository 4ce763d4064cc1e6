package nvjpeg_test

import (
	"testing"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

// image is a planar picture in device memory that may still be on its way there.
type image struct {
	dev    *gpu.Device
	tb     testing.TB
	memory *gpu.Memory
	pinned *gpu.Pinned
	stream *gpu.Stream
	ready  *gpu.Event
	planes [3]gpu.DevicePlane
}

func (m *image) Device() *gpu.Device { return m.dev }

func (m *image) DevicePlanes() ([3]gpu.DevicePlane, *gpu.Event) { return m.planes, m.ready }

func (m *image) Recycle(*frame.Frame) {
	if err := m.stream.Synchronize(); err != nil {
		m.tb.Log(err) // a lost device; whoever wants to know asks the encoder
	}
	for _, c := range []interface{ Close() error }{m.stream, m.ready, m.memory, m.pinned} {
		if err := c.Close(); err != nil {
			m.tb.Log(err)
		}
	}
}

// upload queues the copy of a host picture to the device, and does not wait for it.
func upload(tb testing.TB, dev *gpu.Device, f *frame.Frame) *frame.Frame {
	tb.Helper()
	use := gpu.Use{Purpose: gpu.PurposeOther}
	sizes, n := f.Format.Planes(f.Width, f.Height)
	total, pitches := 0, [3]int{}
	for i, s := range sizes[:n] {
		pitches[i] = (s.RowBytes + 63) &^ 63
		total += pitches[i] * s.Rows
	}
	m := &image{tb: tb, dev: dev}
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	var err error
	m.memory, err = dev.Alloc(int64(total), use)
	must(err)
	m.pinned, err = dev.AllocPinned(total, use)
	must(err)
	m.stream, err = dev.NewStream(use)
	must(err)
	m.ready, err = dev.NewEvent(use)
	must(err)
	at := 0
	for i, s := range sizes[:n] {
		m.planes[i] = gpu.DevicePlane{Address: m.memory.Address() + gpu.Address(at), Pitch: pitches[i]}
		for y := range s.Rows {
			copy(m.pinned.Bytes()[at+y*pitches[i]:], f.Planes[i].Data[y*f.Planes[i].Pitch:][:s.RowBytes])
		}
		must(dev.CopyFromHost2D(m.stream, m.planes[i], gpu.HostPlane{Memory: m.pinned, Offset: at, Pitch: pitches[i]}, s.RowBytes, s.Rows))
		at += pitches[i] * s.Rows
	}
	must(m.ready.Record(m.stream))
	out := &frame.Frame{}
	out.Reset(f.Info, [3]frame.Plane{}, m)
	return out
}
