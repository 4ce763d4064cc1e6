package avcodec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// studio is a decoder that shares, with a clip and a clock that the test sets.
type studio struct {
	*Decoder
	t       *testing.T
	account frame.Account
	folder  *shm.Folder
	clip    *testvideo.Clip
	format  media.Format
	clock   time.Time
	next    int
	last    frame.Place // of the last frame; zero when it is not shared
	names   []string    // of the regions, in the order in which they came
	keep    func(*frame.Frame)
}

// newStudio makes one. Everything must have been given back at the end of the test.
func newStudio(t *testing.T, name string, limit int64) *studio {
	t.Helper()
	s := &studio{t: t, clock: time.Unix(1e9, 0), keep: func(*frame.Frame) {}}
	var err error
	if s.folder, err = shm.Open(filepath.Join(t.TempDir(), "s"), limit); err != nil {
		t.Fatal(err)
	}
	if s.clip, err = testvideo.Load(name); err != nil {
		t.Fatal(err)
	}
	s.format = media.Format{Codec: s.clip.Codec, Width: s.clip.Width, Height: s.clip.Height, NoReorder: len(s.clip.Display) == 0}
	if s.Decoder, err = New(decoder.Config{Format: s.format, Frames: 4, Account: &s.account, Regions: s.folder}); err != nil {
		t.Fatal(err)
	}
	s.sharing.now = func() time.Time { return s.clock }
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), s.folder.Close()); err != nil {
			t.Error(err)
		}
		if s.account.Frames() != 0 || s.account.Bytes() != 0 {
			t.Errorf("left: %d frames, %d bytes", s.account.Frames(), s.account.Bytes())
		}
	})
	return s
}

// decode takes the next n units of the clip, over and over.
func (s *studio) decode(n int) {
	s.t.Helper()
	for range n {
		u := &s.clip.Units[s.next%len(s.clip.Units)]
		s.next++
		au := &media.AccessUnit{Format: &s.format, Data: u.Data, RandomAccess: u.Key}
		if err := s.Decode(s.t.Context(), au, s.emit); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *studio) emit(f *frame.Frame) error {
	s.last, _ = frame.PlaceOf(f)
	if r := s.last.Region; r != nil && (len(s.names) == 0 || s.names[len(s.names)-1] != r.Name) {
		s.names = append(s.names, r.Name)
	}
	s.keep(f)
	return nil
}

// region decodes until a frame lies in another region than before.
func (s *studio) region(before *frame.Region) *frame.Region {
	s.t.Helper()
	for range 40 {
		if s.decode(1); s.last.Region != nil && s.last.Region != before {
			return s.last.Region
		}
	}
	s.t.Fatalf("no other region: %v", s.ShareErr())
	return nil
}

// TestSlotsSuffice: when others hold all that they may, and the caller keeps what it
// said, every picture still finds a slot.
func TestSlotsSuffice(t *testing.T) {
	for _, name := range []string{"h264_720p", "h264_bframes", "h264_crop", "h265_720p", "h265_bframes", "mjpeg_480p", "mjpeg_422", "vp8_360p", "vp9_hidden", "h264_high10"} {
		t.Run(name, func(t *testing.T) {
			s := newStudio(t, name, 1<<30)
			const held, kept = 4, 4
			s.Share(held)
			var frames []*frame.Frame
			s.keep = func(f *frame.Frame) { // others hold the oldest, the caller the newest
				if frames = append(frames, f.Retain()); len(frames) > held+kept {
					frames[held].Release()
					frames = append(frames[:held], frames[held+1:]...)
				}
			}
			s.region(nil)
			s.decode(8) // what was decoded before is out
			before := s.Shared()
			s.decode(2 * len(s.clip.Units))
			if got := s.Shared(); got.Unshared != before.Unshared || got.Direct+got.Converted != before.Direct+before.Converted+uint64(2*len(s.clip.Units)) {
				t.Errorf("%+v, then %+v for %d units", before, got, 2*len(s.clip.Units))
			}
			for _, f := range frames {
				f.Release()
			}
		})
	}
}

// TestNoRegions: without a folder nothing is shared, and that is said.
func TestNoRegions(t *testing.T) {
	s := newStudio(t, "h264_crop", 1<<20)
	s.sharing.folder = nil
	if err := s.ShareErr(); err != nil {
		t.Errorf("nobody wants it: %v", err)
	}
	s.Share(1)
	s.decode(5)
	if err := s.ShareErr(); !errors.Is(err, decoder.ErrUnsupported) || !strings.Contains(err.Error(), "--shm-dir") || s.last.Region != nil {
		t.Errorf("%v, %+v", err, s.last)
	}
}

// TestNoRoom: a region that there is no room for is tried again now and then, and no
// frame is missing meanwhile.
func TestNoRoom(t *testing.T) {
	s := newStudio(t, "h264_crop", 32<<20)
	hog, err := s.folder.Create(32 << 20)
	if err != nil {
		t.Fatal(err)
	}
	s.Share(4)
	s.decode(5)
	if err := s.ShareErr(); !errors.Is(err, decoder.ErrExhausted) || !errors.Is(err, shm.ErrFull) || strings.Contains(err.Error(), "another decoder") {
		t.Errorf("%v", err)
	}
	if err := hog.Close(); err != nil {
		t.Fatal(err)
	}
	s.decode(20)
	if s.last.Region != nil || s.ShareErr() == nil {
		t.Error("there is a region although it is not yet time for another try")
	}
	if got := s.Shared(); got != (Shared{Unshared: 25}) {
		t.Errorf("%+v after 25 units", got)
	}
	s.clock = s.clock.Add(minRegionWait)
	s.region(nil)
	if err := s.ShareErr(); err != nil {
		t.Error(err)
	}
}

// TestRoom: a region serves until more is wanted than it has room for, or far less.
func TestRoom(t *testing.T) {
	s := newStudio(t, "h264_crop", 64<<20)
	s.Share(1)
	first := s.region(nil)
	s.Share(4)
	if s.decode(10); s.last.Region != first {
		t.Error("another region for 4 frames")
	}
	s.Share(5)
	second := s.region(first)
	if second.Slots != first.Slots+4 {
		t.Errorf("%d slots, before %d", second.Slots, first.Slots)
	}
	s.Share(1000) // there is no room for so many
	if s.decode(10); s.last.Region != second || !errors.Is(s.ShareErr(), decoder.ErrExhausted) {
		t.Errorf("the region that there was is %v: %v", s.last.Region, s.ShareErr())
	}
	s.Share(8)
	if s.decode(10); s.last.Region != second || s.ShareErr() != nil {
		t.Errorf("the region has room for 8, and is %v: %v", s.last.Region, s.ShareErr())
	}
	s.clock = s.clock.Add(maxRegionWait)
	s.Share(16)
	third := s.region(second)
	s.Share(5)
	if s.decode(10); s.last.Region != third {
		t.Error("another region for 5 frames")
	}
	s.Share(4)
	if r := s.region(third); r.Slots != first.Slots {
		t.Errorf("%d slots", r.Slots)
	}
	s.decode(20) // libavcodec refers to pictures in the old one
	if n := s.folder.Bytes(); n != s.sharing.current.Bytes {
		t.Errorf("%d bytes of regions, the last has %d", n, s.sharing.current.Bytes)
	}
	s.keep = func(*frame.Frame) {
		if frames, bytes := s.account.Frames(), s.account.Bytes(); frames != 1 || bytes != s.folder.Bytes() {
			t.Errorf("%d frames and %d bytes are booked, want 1 and the region's %d", frames, bytes, s.folder.Bytes())
		}
	}
	s.decode(1)
}

// TestRegionsDoNotLast: what makes regions useless time and again costs a region now and
// then, and not one a picture.
func TestRegionsDoNotLast(t *testing.T) {
	s := newStudio(t, "h264_crop", 1<<30)
	s.Share(4)
	for i := range 100 {
		s.SetOutput(decoder.Output{MaxWidth: s.clip.Width / (1 + i%2)})
		s.decode(1)
	}
	if n := len(s.names); n > 4 {
		t.Errorf("%d regions", n)
	}
	s.SetOutput(decoder.Output{})
	s.clock = s.clock.Add(maxRegionWait)
	s.region(nil)
	s.decode(30) // it has been of use
	for i := range 3 {
		if err := os.Remove(s.last.Region.Path); err != nil {
			t.Fatal(err)
		}
		s.region(s.last.Region)
		if s.decode(30); s.ShareErr() != nil {
			t.Errorf("%d: %v", i, s.ShareErr())
		}
	}
}

// TestGenerations: readers can write to a region, and that harms no later frame.
func TestGenerations(t *testing.T) {
	s := newStudio(t, "mjpeg_480p", 1<<30)
	s.Share(1)
	r := s.region(nil)
	f, err := os.OpenFile(r.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	generations := make(map[int]uint64)
	for range 2 * r.Slots {
		if s.decode(1); s.last.Generation != generations[s.last.Slot]+1 && generations[s.last.Slot] != 0 {
			t.Errorf("slot %d has generation %d after %d", s.last.Slot, s.last.Generation, generations[s.last.Slot])
		}
		generations[s.last.Slot] = s.last.Generation
		at := int64(s.last.Slot)*r.Stride + r.Generation
		var got [8]byte
		if _, err := f.ReadAt(got[:], at); err != nil {
			t.Fatal(err)
		}
		if got != [8]byte{byte(s.last.Generation)} {
			t.Errorf("slot %d says %v, want %d", s.last.Slot, got, s.last.Generation)
		}
		if _, err := f.WriteAt([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"), at); err != nil {
			t.Fatal(err)
		}
	}
	if len(generations) != r.Slots {
		t.Errorf("%d slots of %d are used in turn", len(generations), r.Slots)
	}
}

// TestLayout: every plane begins where vector code wants it, the pitches are what codec
// libraries count on, and nothing overlaps.
func TestLayout(t *testing.T) {
	for w := 1; w < 300; w += 7 {
		for _, h := range []int{1, 2, 33, 240} {
			l := newLayout(w, h)
			ends := [3]int64{l.offset[1], l.offset[2], l.generation}
			for i, pitch := range l.pitch {
				need, rows := w, h
				if i > 0 {
					need, rows = (w+1)/2, (h+1)/2
				}
				if pitch < need || pitch%planeAlign != 0 || l.offset[i]%planeAlign != 0 || i > 0 && 2*pitch != l.pitch[0] {
					t.Errorf("%dx%d: plane %d at %d, pitches %v", w, h, i, l.offset[i], l.pitch)
				}
				if end := l.offset[i] + int64(pitch*rows); ends[i]-end < frame.Overread {
					t.Errorf("%dx%d: plane %d ends %d bytes before the next", w, h, i, ends[i]-end)
				}
			}
			if l.generation%8 != 0 || l.stride < l.generation+8 || l.stride%int64(os.Getpagesize()) != 0 {
				t.Errorf("%dx%d: generation at %d of %d", w, h, l.generation, l.stride)
			}
		}
	}
}
