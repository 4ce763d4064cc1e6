package avcodec

import (
	"path/filepath"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// TestSlotsSuffice: when others hold all that they may, every picture still finds a slot.
func TestSlotsSuffice(t *testing.T) {
	for _, name := range []string{"h264_720p", "h264_bframes", "h264_crop", "h265_720p", "h265_bframes", "mjpeg_480p", "mjpeg_422", "vp8_360p", "vp9_hidden", "h264_high10"} {
		t.Run(name, func(t *testing.T) {
			folder, err := shm.Open(filepath.Join(t.TempDir(), "s"), 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			c, err := testvideo.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			const held, kept = 4, 4
			account := new(frame.Account)
			f := media.Format{Codec: c.Codec, Width: c.Width, Height: c.Height, NoReorder: len(c.Display) == 0}
			d, err := New(decoder.Config{Format: f, Frames: kept, Account: account, Regions: folder})
			if err != nil {
				t.Fatal(err)
			}
			d.Share(held)
			var frames []*frame.Frame
			var before uint64
			for round := range 3 {
				for i := range c.Units {
					au := &media.AccessUnit{Format: &f, Data: c.Units[i].Data, RandomAccess: c.Units[i].Key}
					err := d.Decode(t.Context(), au, func(f *frame.Frame) error {
						// Others hold the oldest frames, the caller the newest.
						frames = append(frames, f.Retain())
						if len(frames) > held+kept {
							frames[held].Release()
							frames = append(frames[:held], frames[held+1:]...)
						}
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
					if err := d.ShareErr(); err != nil {
						t.Fatal(err)
					}
				}
				if round == 0 {
					before = d.Shared().Unshared
				}
			}
			t.Logf("%+v %d slots", d.Shared(), d.sharing.current.Slots)
			if got := d.Shared(); got.Unshared != before || got.Direct+got.Converted < uint64(2*len(c.Units)) {
				t.Errorf("%+v, %d unshared in the first round", got, before)
			}
			for _, f := range frames {
				f.Release()
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			if account.Frames() != 0 || account.Bytes() != 0 || folder.Bytes() != 0 {
				t.Errorf("left: %d frames, %d bytes, %d of regions", account.Frames(), account.Bytes(), folder.Bytes())
			}
			if err := folder.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
