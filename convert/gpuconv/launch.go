package gpuconv

import (
	stdimage "image"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/media"
)

// job is one conversion on the device.
type job struct {
	source   kernels.Picture
	from, to media.Color
	g        convert.Geometry
	out      canvas
}

func pictureOf(luma, chroma gpu.DevicePlane, w, h int) kernels.Picture {
	return kernels.Picture{
		Luma: luma.Address, Chroma: chroma.Address, LumaPitch: int32(luma.Pitch), ChromaPitch: int32(chroma.Pitch),
		Width: int32(w), Height: int32(h), Depth: 8,
	}
}

func rect(r stdimage.Rectangle) kernels.Rect {
	return kernels.Rect{X: int32(r.Min.X), Y: int32(r.Min.Y), Width: int32(r.Dx()), Height: int32(r.Dy())}
}

// filter is the mean of areas where bilinear would leave pixels out.
func filter(g convert.Geometry) int32 {
	if g.Averages() {
		return kernels.Box
	}
	return kernels.Bilinear
}

// scale queues the scaling of the crop into scratch, which has the size of the inner
// rectangle, and makes scratch the source.
func (j *job) scale(set *kernels.Set, stream *gpu.Stream, scratch canvas) error {
	all := stdimage.Rect(0, 0, scratch.w, scratch.h)
	err := set.Resize(stream, &kernels.Resize{
		View: kernels.View{
			Source: j.source, Crop: rect(j.g.Crop), Inner: rect(all), Width: int32(scratch.w), Height: int32(scratch.h),
		},
		Luma: scratch.planes[0].Address, Chroma: scratch.planes[1].Address,
		LumaPitch: int32(scratch.planes[0].Pitch), ChromaPitch: int32(scratch.planes[1].Pitch),
		Filter: filter(j.g),
	})
	j.source, j.g.Crop = pictureOf(scratch.planes[0], scratch.planes[1], scratch.w, scratch.h), all
	return err
}

// paint queues colour, layout and border.
func (j *job) paint(set *kernels.Set, stream *gpu.Stream) error {
	view := kernels.View{
		Source: j.source, Crop: rect(j.g.Crop), Inner: rect(j.g.Inner), Width: int32(j.g.Width), Height: int32(j.g.Height),
	}
	p := &j.out.planes
	switch j.out.format {
	case media.PixelRGB24, media.PixelBGR24:
		order := kernels.RGBPacked
		if j.out.format == media.PixelBGR24 {
			order = kernels.BGRPacked
		}
		return set.RGB(stream, &kernels.RGB{
			View: view, Out: [3]gpu.Address{p[0].Address}, Table: kernels.RGBTable(convert.NewRGBTable(j.from)), Pitch: int32(p[0].Pitch), Layout: order,
		})
	case media.PixelGray8:
		return set.Gray8(stream, &kernels.Gray8{
			View: view, Out: p[0].Address, Table: kernels.YCCTable(convert.NewYCCTable(j.from, j.to)), Pitch: int32(p[0].Pitch),
		})
	default:
		chroma := kernels.ChromaPlanar
		if j.out.format == media.PixelNV12 {
			chroma = kernels.ChromaInterleaved
		}
		return set.JFIF420(stream, &kernels.JFIF420{
			View: view, Out: [3]gpu.Address{p[0].Address, p[1].Address, p[2].Address}, Table: kernels.YCCTable(convert.NewYCCTable(j.from, j.to)),
			LumaPitch: int32(p[0].Pitch), ChromaPitch: int32(p[1].Pitch), Layout: chroma,
		})
	}
}
