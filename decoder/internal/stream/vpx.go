package stream

import (
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/media/vpx"
)

// checkVPX looks at the frame headers of VP8 and VP9. Key frames take the place of
// parameter sets: each says what sequence begins.
func (g *Guard) checkVPX(data []byte) error {
	g.Announced, g.Resized = false, false
	if g.Codec == media.CodecVP8 {
		g.frame(data)
		return g.refused
	}
	for frame := range vpx.Frames(data) {
		g.frame(frame)
	}
	return g.refused
}

func (g *Guard) frame(data []byte) {
	h, ok := vpx.Parse(g.Codec, data)
	switch {
	case !ok || h.Width == 0:
	case h.KeyFrame:
		g.Announced = true
		h.Shown = false // a hidden one begins the same sequence
		if h != g.Key {
			g.Key = h
			g.Sequences++
		}
		g.refused = g.Size(h.Width, h.Height)
	default:
		g.Resized = g.Resized || g.Key.Width > 0 && (h.Width != g.Key.Width || h.Height != g.Key.Height)
		if g.refused == nil {
			g.refused = g.Size(h.Width, h.Height)
		}
	}
}
