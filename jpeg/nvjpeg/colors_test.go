package nvjpeg_test

import (
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/jpegtest"
	"github.com/frameport/frameport/jpeg/nvjpeg"
	"github.com/frameport/frameport/media"
)

// TestColors: from the stream to the JPEG without leaving the GPU.
func TestColors(t *testing.T) {
	dev := gputest.Open(t).Device(gpu.DeviceConfig{})
	set, err := kernels.Load(dev)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	jpegtest.RunColors(t, jpegtest.Pipeline{
		NewDecoder: func(cfg decoder.Config) (decoder.Decoder, error) {
			cfg.Camera = "test"
			return nvdec.New(cfg, nvdec.Options{Device: dev, Kernels: set})
		},
		NewConverter: func() (convert.Converter, error) {
			return gpuconv.New(gpuconv.Config{Device: dev, Kernels: set})
		},
		NewEncoder: func() (jpeg.Encoder, error) { return nvjpeg.New(t.Context(), config(t, dev)) },
		Format:     media.PixelI420,
	})
}
