package surface_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

func sharedConfig(width, height, slots int) surface.Config {
	return surface.Config{
		Width: width + width%2, Height: height + height%2, Slots: slots, Owner: "door",
		Share: &surface.Picture{Width: width, Height: height, Color: media.JFIF()},
	}
}

func sharedInfo(c surface.Config) frame.Info {
	return frame.Info{Format: media.PixelNV12, Width: c.Share.Width, Height: c.Share.Height, Color: c.Share.Color}
}

func newStream(t *testing.T, device *gpu.Device) *gpu.Stream {
	t.Helper()
	s, err := device.NewStream(gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestRegion: what a place says of a frame is where its slot really is, and generations
// lie between the pictures.
func TestRegion(t *testing.T) {
	device := gputest.Open(t).Device(gpu.DeviceConfig{})
	stream := newStream(t, device)
	names := map[string]bool{}
	for _, c := range []surface.Config{sharedConfig(1280, 720, 3), sharedConfig(1919, 1079, 2), sharedConfig(1, 1, 1), sharedConfig(1280, 720, 3)} {
		r, err := surface.New(device, c)
		if err != nil {
			t.Fatal(err)
		}
		if r.Memory().Size() < gpu.Granularity || r.Memory().Size() != c.Bytes() {
			t.Errorf("%d bytes of memory, said to be %d", r.Memory().Size(), c.Bytes())
		}
		var frames []*frame.Frame
		end := gpu.Address(0)
		for range c.Slots {
			s := take(t, r)
			if err := errors.Join(s.Begin(stream), s.Written().Record(stream)); err != nil {
				t.Fatal(err)
			}
			f := s.Publish(sharedInfo(c))
			frames = append(frames, f)
			p, ok := frame.PlaceOf(f)
			if !ok {
				t.Fatal("the frame lies in no region")
			}
			region := p.Region
			at := r.Memory().Address() + gpu.Address(region.Offset+int64(p.Slot)*region.Stride)
			luma, chroma := region.Planes[0], region.Planes[1]
			if at+gpu.Address(luma.Offset) != s.Luma().Address || at+gpu.Address(chroma.Offset) != s.Chroma().Address ||
				luma.Pitch != s.Luma().Pitch || chroma.Pitch != luma.Pitch || luma.Rows != c.Share.Height || chroma.Rows != (c.Share.Height+1)/2 {
				t.Errorf("slot %d: planes %+v", p.Slot, region.Planes)
			}
			if at < end || region.Generation < chroma.Offset+int64(chroma.Pitch*chroma.Rows) || region.Generation+8 > region.Stride || region.Stride%256 != 0 || region.Generation%8 != 0 {
				t.Errorf("slot %d overlaps: %+v", p.Slot, region)
			}
			end = at + gpu.Address(region.Generation) + 8
			names[region.Name] = true
		}
		if end > r.Memory().Address()+gpu.Address(r.Memory().Size()) {
			t.Error("the slots go beyond the memory")
		}
		for _, f := range frames {
			f.Release()
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(names) != 4 {
		t.Errorf("%d names of 4 regions", len(names))
	}
}

// TestNoPlace: frames that the region does not describe do not lie in it.
func TestNoPlace(t *testing.T) {
	device := gputest.Open(t).Device(gpu.DeviceConfig{})
	plain := newRing(t, device, surface.Config{Width: 64, Height: 64, Slots: 1, Owner: "door"})
	c := sharedConfig(64, 64, 1)
	shared := newRing(t, device, c)
	right := sharedInfo(c)
	wrong := [...]frame.Info{right, right, right, right}
	wrong[1].Width--
	wrong[2].Height--
	wrong[3].Color.Range = media.RangeLimited
	for i, info := range wrong {
		r := shared
		if i == 0 {
			r = plain
		}
		f := take(t, r).Publish(info)
		if p, ok := frame.PlaceOf(f); ok {
			t.Errorf("%d: %+v lies in %+v", i, info, p.Region)
		}
		f.Release()
	}
	for _, share := range []surface.Picture{{Width: 65, Height: 64}, {Width: 64, Height: 0}} {
		c.Share = &share
		if _, err := surface.New(device, c); err == nil {
			t.Errorf("frames of %dx%d in slots of 64x64 were accepted", share.Width, share.Height)
		}
	}
}

// TestGenerations: each use of a slot has a generation of its own, which is there, with
// the pixels, when Ready returns.
func TestGenerations(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	device := sim.Device(gpu.DeviceConfig{})
	c := sharedConfig(64, 32, 2)
	r := newRing(t, device, c)
	writer, reader := newStream(t, device), newStream(t, device)
	host, err := device.AllocPinned(int(r.Memory().Size()), gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	read := func() {
		size := int(r.Memory().Size())
		if err := errors.Join(device.CopyToHost2D(reader, gpu.HostPlane{Memory: host, Pitch: size}, gpu.DevicePlane{Address: r.Memory().Address(), Pitch: size}, size, 1), reader.Synchronize()); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[[2]uint64]bool{}
	for i := range 6 {
		sim.Stall(true)
		s := take(t, r)
		if err := errors.Join(s.Begin(writer), device.Memset2D(writer, s.Luma(), byte(i+1), 64, 32), s.Written().Record(writer)); err != nil {
			t.Fatal(err)
		}
		f := s.Publish(sharedInfo(c))
		release := time.AfterFunc(2*time.Millisecond, func() { sim.Stall(false) })
		defer release.Stop()
		p, _ := frame.PlaceOf(f)
		if err := f.Memory().(frame.Shared).Ready(f); err != nil {
			t.Fatal(err)
		}
		read()
		slot := host.Bytes()[p.Region.Offset+int64(p.Slot)*p.Region.Stride:]
		if generation := binary.LittleEndian.Uint64(slot[p.Region.Generation:]); generation != p.Generation || slot[0] != byte(i+1) {
			t.Errorf("write %d: generation %d for %d, pixel %d", i, generation, p.Generation, slot[0])
		}
		seen[[2]uint64{uint64(p.Slot), p.Generation}] = true
		f.Release()
	}
	if len(seen) != 6 {
		t.Errorf("6 frames have %d places", len(seen))
	}
}

// TestShareRefused: a ring whose memory has no handle leaves nothing behind.
func TestShareRefused(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	device := sim.Device(gpu.DeviceConfig{})
	sim.Fail("cuIpcGetMemHandle:1:801")
	account := new(frame.Account)
	c := sharedConfig(64, 64, 4)
	c.Account = account
	if _, err := surface.New(device, c); !errors.Is(err, gpu.ErrUnsupported) {
		t.Errorf("%v, want ErrUnsupported", err)
	}
	if sim.Live("memory") != 0 || sim.Live("event") != 0 || account.DeviceBytes() != 0 {
		t.Errorf("%d allocations, %d events, %d bytes are left", sim.Live("memory"), sim.Live("event"), account.DeviceBytes())
	}
}
