package httpapi

import (
	"fmt"
	"math"
	"net/url"
	"strconv"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/render"
	"github.com/frameport/frameport/server/mapping"
)

// maxFPS bounds the fps parameter, as the gRPC side does.
const maxFPS = 1000

// paramError is a query parameter that can't be read.
type paramError struct {
	reason apierr.Reason
	name   string
	text   string
}

func (e *paramError) Error() string { return e.name + ": " + e.text }

// outputOf reads h, w and quality, the names that Frigate uses. Parameters that we
// don't have are ignored, as Frigate's bbox and timestamp must be.
func outputOf(q url.Values) (render.Output, error) {
	spec := &frameportv1.OutputSpec{}
	var err error
	if spec.Height, err = number(q, "h", apierr.InvalidSize); err != nil {
		return render.Output{}, err
	}
	if spec.Width, err = number(q, "w", apierr.InvalidSize); err != nil {
		return render.Output{}, err
	}
	if q.Get("quality") != "" {
		quality, err := number(q, "quality", apierr.InvalidQuality)
		if err != nil {
			return render.Output{}, err
		}
		spec.Quality = &quality
	}
	return mapping.Output(spec)
}

func number(q url.Values, name string, reason apierr.Reason) (int32, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, &paramError{reason, name, fmt.Sprintf("is %.40q, want a whole number", text)}
	}
	return int32(n), nil
}

// fpsOf reads fps; 0 = every frame.
func fpsOf(q url.Values) (float64, error) {
	text := q.Get("fps")
	if text == "" {
		return 0, nil
	}
	fps, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(fps) || fps < 0 || fps > maxFPS {
		return 0, &paramError{apierr.InvalidMaxFPS, "fps", fmt.Sprintf("is %.40q; give more than 0 and at most %d frames per second, or 0 for no limit", text, maxFPS)}
	}
	return fps, nil
}
