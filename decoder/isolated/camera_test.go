package isolated_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/isolated"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// camera decodes a clip over and over, as a pipeline does: after an interruption it goes
// on at the next key frame.
type camera struct {
	t       testing.TB
	id      string
	d       *isolated.Decoder
	clip    *testvideo.Clip
	format  media.Format
	account frame.Account
	next    int
	waiting bool
	numbers []int          // that the frames since the last reset show
	kept    []*frame.Frame // when keep is set
	keep    bool
	errs    []error // interruptions
}

func newCamera(t testing.TB, h *isolated.Host, id, clip string) *camera {
	t.Helper()
	c, err := testvideo.Load(clip)
	if err != nil {
		t.Fatal(err)
	}
	m := &camera{t: t, id: id, clip: c}
	m.format = media.Format{Codec: c.Codec, Width: c.Width, Height: c.Height, NoReorder: len(c.Display) == 0}
	if m.d, err = h.NewDecoder(decoder.Config{Format: m.format, Camera: id, Account: &m.account}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.d.Close(); err != nil {
			t.Error(err)
		}
		for _, f := range m.kept {
			f.Release()
		}
		if frames, bytes := m.account.Frames(), m.account.Bytes(); frames != 0 || bytes != 0 {
			t.Errorf("%s leaves %d frames and %d bytes", id, frames, bytes)
		}
	})
	return m
}

// step decodes the next unit.
func (m *camera) step() {
	u := &m.clip.Units[m.next%len(m.clip.Units)]
	m.next++
	if m.waiting && !u.Key {
		return
	}
	m.waiting = false
	switch err := m.decode(u.Data, u.Key); {
	case errors.Is(err, decoder.ErrInterrupted):
		m.errs = append(m.errs, err)
		m.waiting = true
	case err != nil:
		m.t.Errorf("%s: %v", m.id, err)
	}
}

func (m *camera) steps(n int) *camera {
	for range n {
		m.step()
	}
	return m
}

func (m *camera) decode(data []byte, key bool) error {
	au := &media.AccessUnit{Format: &m.format, Data: data, RandomAccess: key}
	return m.d.Decode(context.Background(), au, func(f *frame.Frame) error {
		_, number, err := testvideo.ReadBarcodeLuma(f.Planes[0].Data, f.Width, f.Height, f.Planes[0].Pitch)
		if err != nil {
			m.t.Errorf("%s: frame %d can't be read: %v", m.id, len(m.numbers), err)
		}
		m.numbers = append(m.numbers, number)
		if m.keep {
			m.kept = append(m.kept, f.Retain())
		}
		return nil
	})
}

// do makes the camera's child do something; the text is what became of it.
func (m *camera) do(deed string) error {
	m.waiting = true
	return m.decode([]byte(spell+deed), true)
}

// pidOf is the child that decodes a camera.
func pidOf(t testing.TB, h *isolated.Host, id string) int {
	t.Helper()
	for _, p := range h.Status().Processes {
		if slices.Contains(p.Cameras, id) {
			return p.PID
		}
	}
	t.Fatalf("no child decodes %s: %+v", id, h.Status())
	return 0
}
