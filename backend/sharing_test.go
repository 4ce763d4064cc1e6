package backend_test

import (
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
)

// TestSharing: frames are shared where they are made, in the GPU's memory, and after the
// CPU has taken the camera over in files.
func TestSharing(t *testing.T) {
	folder, err := shm.Open(t.TempDir()+"/shared", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	_, r := openCUDA(t, backend.Config{Regions: folder})
	before, q := r.clip("a", "h264_crop")
	after, _ := r.clip("a", "h264_422")
	d, chosen := r.decoder(q)
	sharer, ok := d.(decoder.Sharer)
	if !ok {
		t.Fatal("the decoder does not share")
	}
	sharer.Share(2)
	f := first(t, d, before)
	p, ok := frame.PlaceOf(f)
	if !ok || len(p.Region.Handle) != 64 || p.Region.Path != "" || p.Region.UUID != (*chosen)[0].Device {
		t.Errorf("a frame of the GPU lies in %+v: %v", p.Region, sharer.ShareErr())
	}
	f.Release()

	var region *frame.Region
	for i := range after.Units {
		if err := d.Decode(t.Context(), unit(after, i), func(f *frame.Frame) error {
			if p, ok := frame.PlaceOf(f); ok {
				region = p.Region
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(*chosen) != 2 || (*chosen)[1].Name != "CPU" {
		t.Fatalf("chosen %+v", *chosen)
	}
	if region == nil || region.Path == "" || region.Handle != nil {
		t.Errorf("frames of the CPU lie in %+v: %v", region, sharer.ShareErr())
	}
}
