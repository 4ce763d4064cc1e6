package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/testvideo"
)

// ReadPicture reads the bar code from a delivered frame of any format: the number of
// the camera and of the picture in its clip. It checks that size and planes are those
// that the frame tells.
func ReadPicture(f *frameportv1.Frame) (camera, picture int, err error) {
	w, h := int(f.GetWidth()), int(f.GetHeight())
	switch f.GetFormat() {
	case frameportv1.ImageFormat_IMAGE_FORMAT_JPEG:
		return readJPEG(f.GetData(), w, h)
	case frameportv1.ImageFormat_IMAGE_FORMAT_NV12:
		return readLuma(f, 2)
	case frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8:
		return readLuma(f, 1)
	case frameportv1.ImageFormat_IMAGE_FORMAT_RGB24:
		return readPacked(f, 0, 2)
	case frameportv1.ImageFormat_IMAGE_FORMAT_BGR24:
		return readPacked(f, 2, 0)
	default:
		return 0, 0, fmt.Errorf("a frame of format %v", f.GetFormat())
	}
}

// ReadJPEG reads the bar code from a JPEG.
func ReadJPEG(data []byte) (camera, picture int, err error) {
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return 0, 0, err
	}
	return readJPEG(data, cfg.Width, cfg.Height)
}

func readJPEG(data []byte, w, h int) (camera, picture int, err error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return 0, 0, err
	}
	if got := img.Bounds().Size(); got != image.Pt(w, h) {
		return 0, 0, fmt.Errorf("a JPEG of %v in a frame of %dx%d", got, w, h)
	}
	return testvideo.ReadBarcode(img)
}

// plane returns the plane i of f with rows of at least the given bytes.
func plane(f *frameportv1.Frame, i, rowBytes, rows int) (data []byte, stride int, err error) {
	p := f.GetPlanes()[i]
	from, stride := int(p.GetOffset()), int(p.GetStride())
	end := from + (rows-1)*stride + rowBytes
	if int(p.GetHeight()) != rows || stride < rowBytes || from < 0 || end > len(f.GetData()) {
		return nil, 0, fmt.Errorf("plane %d %v of %d bytes does not hold %d rows of %d bytes", i, p, len(f.GetData()), rows, rowBytes)
	}
	return f.GetData()[from:end], stride, nil
}

func readLuma(f *frameportv1.Frame, planes int) (camera, picture int, err error) {
	w, h := int(f.GetWidth()), int(f.GetHeight())
	if len(f.GetPlanes()) != planes {
		return 0, 0, fmt.Errorf("%d planes, want %d", len(f.GetPlanes()), planes)
	}
	if planes == 2 {
		if _, _, err := plane(f, 1, (w+1)/2*2, (h+1)/2); err != nil {
			return 0, 0, err
		}
	}
	luma, stride, err := plane(f, 0, w, h)
	if err != nil {
		return 0, 0, err
	}
	return testvideo.ReadBarcodeLuma(luma, w, h, stride)
}

func readPacked(f *frameportv1.Frame, red, blue int) (camera, picture int, err error) {
	w, h := int(f.GetWidth()), int(f.GetHeight())
	if len(f.GetPlanes()) != 1 {
		return 0, 0, fmt.Errorf("%d planes, want 1", len(f.GetPlanes()))
	}
	data, stride, err := plane(f, 0, 3*w, h)
	if err != nil {
		return 0, 0, err
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			from, to := data[y*stride+3*x:], img.Pix[y*img.Stride+4*x:]
			to[0], to[1], to[2], to[3] = from[red], from[1], from[blue], 255
		}
	}
	return testvideo.ReadBarcode(img)
}
