package nvdec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// copier copies device memory to this process.
type copier struct {
	device *gpu.Device
	stream *gpu.Stream
	host   *gpu.Pinned
}

// newCopier returns one for pieces of so many bytes at most.
func newCopier(device *gpu.Device, size int) (c *copier, err error) {
	use := gpu.Use{Purpose: gpu.PurposeOther, Owner: "test"}
	c = &copier{device: device}
	if c.stream, err = device.NewStream(use); err != nil {
		return nil, err
	}
	if c.host, err = device.AllocPinned(size, use); err != nil {
		return nil, errors.Join(err, c.stream.Close())
	}
	return c, nil
}

func (c *copier) copy(from gpu.Address, size int) ([]byte, error) {
	err := errors.Join(
		c.device.CopyToHost2D(c.stream, gpu.HostPlane{Memory: c.host, Pitch: size}, gpu.DevicePlane{Address: from, Pitch: size}, size, 1),
		c.stream.Synchronize(),
	)
	return c.host.Bytes()[:size], err
}

func (c *copier) Close() error { return errors.Join(c.host.Close(), c.stream.Close()) }

// decompose takes a slot apart as its region says: the picture as tight I420, and the
// generation.
func decompose(region *frame.Region, slot []byte) (pixels []byte, generation uint64) {
	luma, chroma := region.Planes[0], region.Planes[1]
	for y := range luma.Rows {
		pixels = append(pixels, slot[luma.Offset+int64(y*luma.Pitch):][:region.Width]...)
	}
	for part := range 2 {
		for y := range chroma.Rows {
			row := slot[chroma.Offset+int64(y*chroma.Pitch):]
			for x := range (region.Width + 1) / 2 {
				pixels = append(pixels, row[2*x+part])
			}
		}
	}
	return pixels, binary.LittleEndian.Uint64(slot[region.Generation:])
}

// mapped is the memory of a region, in the process that made it.
type mapped struct {
	device *gpu.Device
	begin  gpu.Address
}

func (m mapped) read(t *testing.T, region *frame.Region, slot int) (pixels []byte, generation uint64) {
	t.Helper()
	c, err := newCopier(m.device, int(region.Stride))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	data, err := c.copy(m.begin+gpu.Address(region.Offset+int64(slot)*region.Stride), int(region.Stride))
	if err != nil {
		t.Fatal(err)
	}
	return decompose(region, data)
}

// here is where the region of a frame is.
func here(t *testing.T, f *frame.Frame) mapped {
	t.Helper()
	slot, ok := surface.Of(f)
	if !ok {
		t.Fatal("the frame is not in device memory")
	}
	return mapped{slot.Device(), slot.Ring().Memory().Address()}
}

func place(t *testing.T, f *frame.Frame) frame.Place {
	t.Helper()
	p, ok := frame.PlaceOf(f)
	if !ok {
		t.Fatal("the frame does not lie in a region")
	}
	if err := f.Memory().(frame.Shared).Ready(f); err != nil {
		t.Fatal(err)
	}
	return p
}

// run decodes units, and at the end of the clip what is held back.
func run(t *testing.T, d *nvdec.Decoder, c *testvideo.Clip, from, to int, emit func(*frame.Frame) error) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := d.Decode(t.Context(), unit(c, i), emit); err != nil {
			t.Fatal(err)
		}
	}
	if to == len(c.Units) {
		if err := d.Drain(t.Context(), emit); err != nil {
			t.Fatal(err)
		}
	}
}

// TestShare: readers who come and go change where frames lie and nothing else: no frame
// is lost or different, the session stays, and the memory is as it was at the end.
func TestShare(t *testing.T) {
	for _, name := range []string{"h264_bframes", "h265_main10", "vp8_odd"} {
		t.Run(name, func(t *testing.T) {
			sim, options := open(t)
			c, cfg := load(t, name)
			var want [][]byte
			run(t, newDecoder(t, cfg, options), c, 0, len(c.Units), func(f *frame.Frame) error {
				want = append(want, download(t, f))
				return nil
			})
			account := new(frame.Account)
			cfg.Account, cfg.Camera = account, "gate"
			d := newDecoder(t, cfg, options)
			ring := func() int64 { return options.Device.Ledger().Owned("gate")[gpu.PurposeRing].Bytes }
			made := sim.Calls("cuvidCreateDecoder")
			regions := map[string]bool{}
			count, last := 0, false
			emit := func(f *frame.Frame) error {
				if count >= len(want) || !bytes.Equal(download(t, f), want[count]) {
					t.Errorf("frame %d differs", count)
				}
				count++
				p, shared := frame.PlaceOf(f)
				if last = shared; !shared {
					return nil
				}
				p = place(t, f)
				if pixels, generation := here(t, f).read(t, p.Region, p.Slot); !bytes.Equal(pixels, want[count-1]) || generation != p.Generation || generation == 0 {
					t.Errorf("frame %d by its place: other pixels, or generation %d for %d", count, generation, p.Generation)
				}
				r := p.Region
				if r.Format != media.PixelNV12 || r.Width != f.Width || r.Height != f.Height || r.Color != f.Color ||
					len(r.Handle) != 64 || r.Path != "" || r.UUID != options.Device.Info().UUID || r.Device != options.Device.Info().Ordinal ||
					r.Slots != 4+2+8 || p.Slot >= r.Slots || r.Bytes != int64(r.Slots)*r.Stride || r.Generation%8 != 0 || r.Generation+8 > r.Stride {
					t.Errorf("region %+v, slot %d", r, p.Slot)
				}
				regions[r.Name] = true
				return nil
			}
			const stay = 5
			small := int64(0)
			for i := 0; i < len(c.Units); i += stay {
				on := i/stay%2 == 1
				if d.Share(0); on {
					d.Share(7) // rounded up to 8
				}
				run(t, d, c, i, min(i+stay, len(c.Units)), emit)
				if small == 0 {
					small = ring()
				}
				if on != last || (ring() > small) != on {
					t.Errorf("after unit %d: shared %v, want %v; %d bytes of ring, %d without sharing", i, last, on, ring(), small)
				}
				if err := d.ShareErr(); err != nil {
					t.Error(err)
				}
			}
			if count != len(want) || d.Dropped() != 0 {
				t.Errorf("%d frames of %d, %d dropped", count, len(want), d.Dropped())
			}
			if n := sim.Calls("cuvidCreateDecoder"); sim.Simulated() && n != made+1 {
				t.Errorf("%d sessions were made", n-made)
			}
			if len(regions) != (len(c.Units)/stay)/2 {
				t.Errorf("%d regions", len(regions))
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if account.Frames() != 0 || account.DeviceBytes() != 0 || ring() != 0 {
				t.Errorf("%d frames, %d bytes of the account and %d of the ledger are left", account.Frames(), account.DeviceBytes(), ring())
			}
			if s := options.Device.Admission().Stats(); s.Promised != 0 {
				t.Errorf("%d bytes are still promised", s.Promised)
			}
		})
	}
}

// TestLeasesForEver: as many frames as were agreed are held for ever, and the caller
// keeps what it keeps: every picture becomes a frame, and those that are held stay.
func TestLeasesForEver(t *testing.T) {
	_, options := open(t)
	c, cfg := load(t, "h264_bframes")
	const leases, kept = 4, 4
	cfg.Frames = kept
	d := newDecoder(t, cfg, options)
	d.Share(leases)
	var held, newest []*frame.Frame
	var pixels [][]byte
	count := 0
	emit := func(f *frame.Frame) error {
		count++
		place(t, f)
		newest = append(newest, f.Retain())
		if len(newest) > kept {
			newest[0].Release()
			newest = newest[1:]
		}
		if len(held) < leases && count%7 == 0 {
			held, pixels = append(held, f.Retain()), append(pixels, download(t, f))
		}
		return nil
	}
	const rounds = 3
	for range rounds {
		run(t, d, c, 0, len(c.Units), emit)
	}
	if count != rounds*len(c.Units) || d.Dropped() != 0 {
		t.Errorf("%d frames of %d, %d dropped", count, rounds*len(c.Units), d.Dropped())
	}
	for i, f := range held {
		p := place(t, f)
		if got, generation := here(t, f).read(t, p.Region, p.Slot); !bytes.Equal(got, pixels[i]) || generation != p.Generation {
			t.Errorf("lease %d: its slot was written", i)
		}
	}
	for _, f := range append(held, newest...) {
		f.Release()
	}
}

// TestShareWithoutRoom: a ring with more room that is not admitted leaves the camera with
// the one it has, and is tried again by itself, now and then.
func TestShareWithoutRoom(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_720p")
	d := newDecoder(t, cfg, options)
	count, shared := 0, 0
	emit := func(f *frame.Frame) error {
		count++
		if _, ok := frame.PlaceOf(f); ok {
			shared++
		}
		return nil
	}
	run(t, d, c, 0, 5, emit)
	other, err := options.Device.Admission().Reserve(used(t, sim, options.Device).free-gpu.DefaultReserve, "other")
	if err != nil {
		t.Fatal(err)
	}
	d.Share(1)
	if err := d.ShareErr(); err != nil {
		t.Errorf("before anything was tried: %v", err)
	}
	before := options.Device.Ledger().Total()
	sim.Fail("") // counts from here on
	run(t, d, c, 5, 25, emit)
	if err := d.ShareErr(); !errors.Is(err, decoder.ErrExhausted) || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("without room: %v, want ErrExhausted", err)
	}
	if n := sim.Calls("cuMemGetInfo"); n != 1 {
		t.Errorf("room was looked for %d times with 20 pictures", n)
	}
	if shared != 0 || options.Device.Ledger().Total() != before {
		t.Errorf("%d frames shared; %+v on the books, before: %+v", shared, options.Device.Ledger().Total(), before)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, d, c, 25, 40, emit)
	if err := d.ShareErr(); err != nil || shared == 0 {
		t.Errorf("when there is room again: %d frames shared, %v", shared, err)
	}
	d.Share(16)
	run(t, d, c, 40, 45, emit)
	if other, err = options.Device.Admission().Reserve(used(t, sim, options.Device).free-gpu.DefaultReserve, "other"); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	d.Share(1) // for a smaller ring there is no room beside the larger one, which does
	shared = 0
	run(t, d, c, 45, 60, emit)
	if err := d.ShareErr(); err != nil || shared != 15 {
		t.Errorf("with more room than is wanted: %d of 15 frames shared, %v", shared, err)
	}
	if count != 60 || d.Dropped() != 0 {
		t.Errorf("%d frames of 60, %d dropped", count, d.Dropped())
	}
}

// TestShareRefused: where the driver has no such sharing, the reason is told once, and the
// camera goes on.
func TestShareRefused(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_bframes")
	d := newDecoder(t, cfg, options)
	count := 0
	emit := func(f *frame.Frame) error {
		count++
		if _, ok := frame.PlaceOf(f); ok {
			t.Error("a frame lies in a region")
		}
		return nil
	}
	run(t, d, c, 0, 5, emit)
	before := used(t, sim, options.Device)
	sim.Fail("cuIpcGetMemHandle:0:801")
	d.Share(2)
	run(t, d, c, 5, len(c.Units), emit)
	if err := d.ShareErr(); !errors.Is(err, decoder.ErrUnsupported) || !strings.Contains(err.Error(), "no other process") {
		t.Errorf("%v, want ErrUnsupported and why", err)
	}
	if n := sim.Calls("cuIpcGetMemHandle"); n != 1 {
		t.Errorf("it was tried %d times", n)
	}
	if now := used(t, sim, options.Device); now != before || count != len(c.Units) {
		t.Errorf("%d frames of %d; in use %+v, before %+v", count, len(c.Units), now, before)
	}
	if d.Share(0); d.ShareErr() != nil {
		t.Errorf("when nobody wants it: %v", d.ShareErr())
	}
}

// TestRegions: who comes and goes within the room keeps the region; another size or
// colour of frames is another region, and frames of the old one stay as they are.
func TestRegions(t *testing.T) {
	_, options := open(t)
	c, cfg := load(t, "h264_change_a")
	d := newDecoder(t, cfg, options)
	var held *frame.Frame
	var pixels []byte
	last, i := "", 0
	step := func(what string, another bool) {
		t.Helper()
		name := ""
		run(t, d, c, i, i+1, func(f *frame.Frame) error {
			name = place(t, f).Region.Name
			if held == nil {
				held, pixels = f.Retain(), download(t, f)
			}
			return nil
		})
		if i = (i + 1) % (len(c.Units) - 1); (name != last) != another {
			t.Errorf("%s: region %q after %q", what, name, last)
		}
		last = name
	}
	d.Share(3)
	step("the first reader", true)
	d.Share(4)
	step("another one", false)
	d.Share(5)
	step("more than there is room for", true)
	d.Share(2)
	step("fewer", true)
	d.Share(1)
	step("a few less", false)
	d.SetOutput(decoder.Output{Color: media.JFIF()})
	step("another colour", true)
	i = 0 // a random-access unit
	d.SetOutput(decoder.Output{MaxWidth: 320})
	step("another size", true)
	p := place(t, held)
	if got, generation := here(t, held).read(t, p.Region, p.Slot); !bytes.Equal(got, pixels) || generation != p.Generation {
		t.Error("the frame of the first region has changed")
	}
	held.Release()
}

// TestGenerationComesFirst: a slot that was only going to be written has another
// generation already.
func TestGenerationComesFirst(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_change_a")
	cfg.Frames = 1
	d := newDecoder(t, cfg, options)
	d.Share(1)
	var regions []*frame.Region
	var at mapped
	generations := func() (all []uint64) {
		for slot := range regions[0].Slots {
			_, generation := at.read(t, regions[0], slot)
			all = append(all, generation)
		}
		return all
	}
	run(t, d, c, 0, 10, func(f *frame.Frame) error {
		regions, at = append(regions, place(t, f).Region), here(t, f)
		return nil
	})
	before := generations()
	sim.Fail("cuMemcpy2DAsync:1:1")
	if err := d.Decode(t.Context(), unit(c, 10), ignore); !errors.Is(err, decoder.ErrCorrupt) {
		t.Fatalf("a copy that the driver refuses: %v", err)
	}
	sim.Fail("")
	changed := 0
	for i, generation := range generations() {
		if generation == before[i]+1 {
			changed++
		} else if generation != before[i] {
			t.Errorf("slot %d: generation %d after %d", i, generation, before[i])
		}
	}
	if changed != 1 {
		t.Errorf("%d slots have another generation", changed)
	}
}

// TestLeasesBeyondTheRoom: more frames were promised than the region has room for, because
// the larger one does not fit, and all of it is held: the pictures that follow lie in the
// small ring, none is lost, and there is a region when there is room for it.
func TestLeasesBeyondTheRoom(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_720p")
	cfg.Frames = 1
	d := newDecoder(t, cfg, options)
	count, shared := 0, 0
	var held []*frame.Frame
	hold := false
	emit := func(f *frame.Frame) error {
		count++
		if _, ok := frame.PlaceOf(f); ok {
			if shared++; hold {
				held = append(held, f.Retain())
			}
		}
		return nil
	}
	d.Share(1)
	run(t, d, c, 0, 5, emit)
	const room = 8 << 20 // for the small ring, not for the large one
	other, err := options.Device.Admission().Reserve(used(t, sim, options.Device).free-gpu.DefaultReserve-room, "other")
	if err != nil {
		t.Fatal(err)
	}
	d.Share(8)
	hold, shared = true, 0
	run(t, d, c, 5, 40, emit)
	if n := 1 + 2 + 1; len(held) != n || shared != n {
		t.Errorf("%d frames held and %d shared, want %d: the region's slots", len(held), shared, n)
	}
	if err := d.ShareErr(); !errors.Is(err, decoder.ErrExhausted) {
		t.Errorf("%v, want ErrExhausted", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	hold, shared = false, 0
	run(t, d, c, 40, len(c.Units), emit)
	if err := d.ShareErr(); err != nil || shared == 0 {
		t.Errorf("when there is room: %d frames shared, %v", shared, err)
	}
	if count != len(c.Units) || d.Dropped() != 0 {
		t.Errorf("%d frames of %d, %d dropped", count, len(c.Units), d.Dropped())
	}
	for _, f := range held {
		f.Release()
	}
}
