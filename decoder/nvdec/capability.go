package nvdec

import (
	"github.com/frameport/frameport/gpu"
)

// Capability is what the driver says of one kind of stream on one device, for reports.
// Sizes are in pixels and 0 where the kind is not supported.
type Capability struct {
	Codec               string // as NVIDIA calls it
	Chroma              string // "4:2:0"
	Bits                int
	Supported           bool
	Engines             int  // that decode it; 0 from drivers that do not tell
	Output8, Output16   bool // pictures of 8 and of 16 bits
	MinWidth, MinHeight int
	MaxWidth, MaxHeight int
	MaxMacroblocks      int
}

// Capabilities asks the driver about every codec it knows, in 4:2:0 of 8 bits and in
// what else the device decodes of it. Whether this package decodes it is another
// question. It returns nothing when the driver cannot tell.
func Capabilities(d *gpu.Device) ([]Capability, error) {
	var list []Capability
	for codec, name := range codecNames() {
		if name == "" {
			continue
		}
		for i, text := range []string{"4:2:0", "4:2:2", "4:4:4"} {
			chroma := chroma420 + i
			for _, bits := range []int{8, 10, 12} {
				first := chroma == chroma420 && bits == 8
				c, code := askCaps(d, codec, chroma, bits)
				if err := d.Check("cuvidGetDecoderCaps", code); err != nil {
					if first {
						return nil, err
					}
					continue // some drivers refuse combinations that there are not
				}
				if !c.known || !c.supported && !first {
					continue
				}
				list = append(list, Capability{
					Codec: name, Chroma: text, Bits: bits, Supported: c.supported, Engines: c.engines,
					Output8: c.formats>>outputNV12&1 != 0, Output16: c.formats>>outputP016&1 != 0,
					MinWidth: c.minWidth, MinHeight: c.minHeight,
					MaxWidth: c.maxWidth, MaxHeight: c.maxHeight, MaxMacroblocks: c.maxMacroblocks,
				})
			}
		}
	}
	return list, nil
}

// codecNames are the codecs by the driver's numbers (cudaVideoCodec). Numbers 6 and 7
// are extensions of H.264 that no driver decodes any more.
func codecNames() []string {
	return []string{0: "MPEG1", 1: "MPEG2", 2: "MPEG4", 3: "VC1", 4: "H264", 5: "JPEG", 8: "HEVC", 9: "VP8", 10: "VP9", 11: "AV1"}
}
