package gpuconv_test

import (
	"sync"
	"testing"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

// uploader makes surfaces of host pictures, as a decoder does: when it hands a frame
// out, the pixels are still on their way.
type uploader struct {
	device *gpu.Device
	stream *gpu.Stream

	mu     sync.Mutex
	pinned *gpu.Pinned
	rings  []*surface.Ring // retired when the copy into them is done
}

func newUploader(tb testing.TB, dev *gpu.Device) *uploader {
	tb.Helper()
	stream, err := dev.NewStream(gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		tb.Fatal(err)
	}
	u := &uploader{device: dev, stream: stream}
	tb.Cleanup(func() {
		u.settle(tb)
		if u.pinned != nil {
			if err := u.pinned.Close(); err != nil {
				tb.Error(err)
			}
		}
		if err := stream.Close(); err != nil {
			tb.Error(err)
		}
	})
	return u
}

// settle waits for the copies, so that their memory may go.
func (u *uploader) settle(tb testing.TB) {
	tb.Helper()
	if err := u.stream.Synchronize(); err != nil {
		tb.Error(err)
	}
	for _, r := range u.rings {
		if err := r.Retire(); err != nil {
			tb.Error(err)
		}
	}
	u.rings = nil
}

// upload makes an NV12 frame in a surface of an I420 or NV12 picture.
func (u *uploader) upload(tb testing.TB, f *frame.Frame) *frame.Frame {
	tb.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.settle(tb)
	cw, ch := 2*((f.Width+1)/2), (f.Height+1)/2
	bytes := f.Width*f.Height + cw*ch
	if u.pinned == nil || len(u.pinned.Bytes()) < bytes {
		if u.pinned != nil {
			if err := u.pinned.Close(); err != nil {
				tb.Error(err)
			}
		}
		var err error
		if u.pinned, err = u.device.AllocPinned(max(bytes, 1<<20), gpu.Use{Purpose: gpu.PurposeOther}); err != nil {
			tb.Fatal(err)
		}
	}
	pixels := u.pinned.Bytes()[:0]
	for y := range f.Height {
		pixels = append(pixels, f.Planes[0].Data[y*f.Planes[0].Pitch:][:f.Width]...)
	}
	for y := range ch {
		if f.Format == media.PixelNV12 {
			pixels = append(pixels, f.Planes[1].Data[y*f.Planes[1].Pitch:][:cw]...)
			continue
		}
		for x := range cw / 2 {
			pixels = append(pixels, f.Planes[1].Data[y*f.Planes[1].Pitch+x], f.Planes[2].Data[y*f.Planes[2].Pitch+x])
		}
	}
	ring, err := surface.New(u.device, surface.Config{Width: f.Width + f.Width%2, Height: f.Height, Slots: 1})
	if err != nil {
		tb.Fatal(err)
	}
	u.rings = append(u.rings, ring)
	slot, err := ring.Take()
	if err != nil {
		tb.Fatal(err)
	}
	err = u.device.CopyFromHost2D(u.stream, slot.Luma(), gpu.HostPlane{Memory: u.pinned, Pitch: f.Width}, f.Width, f.Height)
	if err == nil {
		from := gpu.HostPlane{Memory: u.pinned, Offset: f.Width * f.Height, Pitch: cw}
		err = u.device.CopyFromHost2D(u.stream, slot.Chroma(), from, cw, ch)
	}
	if err == nil {
		err = slot.Written().Record(u.stream)
	}
	if err != nil {
		ring.Put(slot)
		tb.Fatal(err)
	}
	info := f.Info
	info.Format = media.PixelNV12
	return slot.Publish(info)
}
