package kernels

import (
	_ "embed"
	"errors"
	"fmt"
	"unsafe"

	"github.com/frameport/frameport/gpu"
)

//go:embed kernels_sm75.ptx
var ptxSM75 []byte

//go:embed kernels_sm60.ptx
var ptxSM60 []byte

// The kernels by name, in the order of Set.functions.
const (
	toRGB = iota
	toJFIF420
	gray8
	copyNV12
	fromP016
	resize
	toTensor
	hash64
	count
)

func names() [count]string {
	return [count]string{
		"fp_nv12_to_rgb", "fp_nv12_to_jfif420", "fp_nv12_gray8", "fp_copy_nv12",
		"fp_p016_to_nv12", "fp_resize_nv12", "fp_nv12_to_tensor", "fp_hash64",
	}
}

// Set is the kernels on one device.
type Set struct {
	module    *gpu.Module
	functions [count]*gpu.Function
	target    string
}

// Load has the driver compile the kernels: those for sm_75, or for sm_60 where the
// card or the driver does not take the former. All functions are looked up here, so
// that nothing is loaded while pictures wait.
func Load(dev *gpu.Device) (*Set, error) {
	s, err := LoadTarget(dev, "sm_75")
	if errors.Is(err, gpu.ErrUnsupported) {
		first := err
		if s, err = LoadTarget(dev, "sm_60"); err != nil {
			err = errors.Join(first, err)
		}
	}
	return s, err
}

// LoadTarget is Load of the code for one architecture, which Targets lists.
func LoadTarget(dev *gpu.Device, target string) (*Set, error) {
	ptx := ptxSM75
	switch target {
	case "sm_75":
	case "sm_60":
		ptx = ptxSM60
	default:
		return nil, fmt.Errorf("there are no kernels for %q, there are for %v", target, Targets())
	}
	module, err := dev.LoadModule(ptx, gpu.Use{Purpose: gpu.PurposeModule})
	if err != nil {
		return nil, fmt.Errorf("kernels of %s for %s: %w", target, dev.Info().Name, err)
	}
	s := &Set{module: module, target: target}
	for i, name := range names() {
		if s.functions[i], err = module.Function(name); err != nil {
			return nil, errors.Join(err, module.Close())
		}
	}
	return s, nil
}

// Targets are the architectures that there is code for, the preferred one first.
func Targets() []string { return []string{"sm_75", "sm_60"} }

// Target is the architecture that the loaded code was made for: sm_75 or sm_60.
func (s *Set) Target() string { return s.target }

// Close unloads the kernels; none may be queued or running.
func (s *Set) Close() error { return s.module.Close() }

// RGB queues a conversion to RGB or BGR without scaling.
func (s *Set) RGB(stream *gpu.Stream, p *RGB) error {
	return s.launch(toRGB, stream, p.View.Width, p.View.Height, 4, 2, unsafe.Pointer(p))
}

// JFIF420 queues a conversion to 4:2:0 of another colour without scaling.
func (s *Set) JFIF420(stream *gpu.Stream, p *JFIF420) error {
	return s.launch(toJFIF420, stream, p.View.Width, p.View.Height, 4, 2, unsafe.Pointer(p))
}

// Gray8 queues a conversion to luma of another colour without scaling.
func (s *Set) Gray8(stream *gpu.Stream, p *Gray8) error {
	return s.launch(gray8, stream, p.View.Width, p.View.Height, 4, 2, unsafe.Pointer(p))
}

// Copy queues a copy of the crop of an NV12 picture, or of a P016 picture rounded to
// 8 bit.
func (s *Set) Copy(stream *gpu.Stream, p *Copy) error {
	kernel := copyNV12
	if p.View.Source.Depth == 16 {
		kernel = fromP016
	}
	return s.launch(kernel, stream, p.View.Width, p.View.Height, 4, 2, unsafe.Pointer(p))
}

// Resize queues scaling into NV12.
func (s *Set) Resize(stream *gpu.Stream, p *Resize) error {
	return s.launch(resize, stream, p.View.Width, p.View.Height, 2, 2, unsafe.Pointer(p))
}

// Tensor queues scaling, conversion to RGB and normalisation.
func (s *Set) Tensor(stream *gpu.Stream, p *Tensor) error {
	return s.launch(toTensor, stream, p.View.Width, p.View.Height, 1, 1, unsafe.Pointer(p))
}

// Hash queues the hash of a picture's luma.
func (s *Set) Hash(stream *gpu.Stream, p *Hash) error {
	return s.launch(hash64, stream, p.Source.Width, p.Source.Height, 8, 16, unsafe.Pointer(p))
}

// launch covers width x height pixels with threads of tileX x tileY pixels each.
func (s *Set) launch(kernel int, stream *gpu.Stream, width, height, tileX, tileY int32, params unsafe.Pointer) error {
	if width <= 0 || height <= 0 {
		return fmt.Errorf("%s: a picture of %dx%d pixels has none", names()[kernel], width, height)
	}
	const blockX, blockY = 32, 8
	blocks := func(pixels, tile, block int32) uint32 {
		return uint32((pixels + tile*block - 1) / (tile * block))
	}
	grid := [3]uint32{blocks(width, tileX, blockX), blocks(height, tileY, blockY), 1}
	return s.functions[kernel].Launch(stream, grid, [3]uint32{blockX, blockY, 1}, params)
}
