package server

import (
	"context"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// frameStream is what WatchFrames and StreamFrames send: one camera's newest frame
// after the other.
type frameStream struct {
	stream
	out   output
	write func(*frameportv1.Frame) error
}

// pickFrame takes the frame of the camera whose turn it is.
func (st *frameStream) pickFrame(now time.Time) func(context.Context) (outgoing, error) {
	rd, f, skipped := st.rota.next(now)
	if f == nil {
		return nil
	}
	return func(ctx context.Context) (outgoing, error) {
		defer f.Release()
		picture, err := st.out.render(ctx, st.cfg.Renderer, f)
		if err != nil {
			return outgoing{}, err
		}
		message := st.out.message(rd.id, &f.Info, picture)
		message.Skipped = skipped
		if err := st.out.fits(message); err != nil {
			return outgoing{}, err
		}
		return outgoing{frames: 1, bytes: len(message.GetData()), write: func() error { return st.write(message) }}, nil
	}
}
