package backend_test

import (
	"errors"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

func TestHostBackend(t *testing.T) {
	account := &frame.Account{}
	b, err := backend.New(t.Context(), backend.Config{Kind: config.BackendCPU, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	if b.Choice.Kind != config.BackendCPU || b.Choice.Requested != config.BackendCPU || b.Choice.Reason == "" {
		t.Errorf("choice: %+v", b.Choice)
	}
	for _, codec := range backend.Codecs() {
		var info camera.BackendInfo
		d, err := b.NewDecoder(camera.DecoderRequest{
			Config: decoder.Config{Format: media.Format{Codec: codec}, Account: account},
			Chosen: func(i camera.BackendInfo) { info = i },
		})
		if err != nil || info.Name != "CPU" {
			t.Fatalf("%v: %v, %+v", codec, err, info)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(backend.Codecs()) != 5 || len(backend.Libraries()) == 0 {
		t.Errorf("codecs %v, libraries %v", backend.Codecs(), backend.Libraries())
	}
	if b.Devices() != nil || b.DeviceMemory("x") != (camera.DeviceMemory{}) {
		t.Errorf("devices %v", b.Devices())
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if account.Frames() != 0 || account.Bytes() != 0 {
		t.Errorf("%d frames and %d bytes left", account.Frames(), account.Bytes())
	}
}

func TestWhatTheCPULacksIsRefused(t *testing.T) {
	b, err := backend.New(t.Context(), backend.Config{Kind: config.BackendCPU})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	for _, spec := range []config.Camera{{Backend: config.BackendCUDA}, {Device: "0"}} {
		if _, err := b.Admit("x", spec); !errors.Is(err, camera.ErrBackend) {
			t.Errorf("%+v: got %v, want ErrBackend", spec, err)
		}
	}
	release, err := b.Admit("x", config.Camera{Backend: config.BackendCPU})
	if err != nil {
		t.Fatal(err)
	}
	release()
	asked := camera.DecoderRequest{Config: decoder.Config{Format: media.Format{Codec: media.CodecH264}}, Backend: config.BackendCUDA}
	if _, err := b.NewDecoder(asked); !errors.Is(err, decoder.ErrUnsupported) {
		t.Errorf("decoder: got %v, want ErrUnsupported", err)
	}
}
