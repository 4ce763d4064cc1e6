package faults

import (
	"errors"
	"fmt"
	"math"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/internal/camsim"
)

// Neighbour is a camera that nobody hurts.
type Neighbour struct {
	*Watch
	Sim *camsim.Handle

	pictures        int // of its clip
	sent, published uint64
}

// Begin notes where its counts begin.
func (n *Neighbour) Begin(now camera.Snapshot) {
	n.sent, n.published = n.Sim.Stats().Units, now.Counters.FramesPublished
}

// errBehind is a difference between what was sent and what was published. Pictures are
// on their way at any time, and more of them on a busy machine: it may pass.
var errBehind = errors.New("I9")

// Intact says what it has lost since Begin, or nil: its connection, its rate, or
// pictures out of the row. Pictures that this machine was too slow to decode are
// counted as such by the camera and allowed.
func (n *Neighbour) Intact(now camera.Snapshot) error {
	sim := n.Sim.Stats()
	sent, published := sim.Units-n.sent, now.Counters.FramesPublished-n.published
	slow := now.Counters.DroppedQueue
	if diff := math.Abs(float64(sent) - float64(published+slow)); diff > 4+0.02*float64(sent) {
		return fmt.Errorf("%w: %s: %d pictures were sent, %d published, %d dropped for want of time", errBehind, n.ID, sent, published, slow)
	}
	switch {
	case sim.Plays != 1 || now.Epoch != 1 || now.Counters.Reconnects != 0:
		return fmt.Errorf("I9: %s was interrupted: %+v", n.ID, now)
	case now.Counters.PacketsLost != 0 || now.Counters.Dropped.Network != 0:
		return fmt.Errorf("I9: %s lost packets: %+v", n.ID, now.Counters)
	case slow == 0 && (now.State != camera.StateRunning || now.LastFault.Count != 0):
		return fmt.Errorf("I9: %s had a fault: %+v", n.ID, now)
	}
	return n.rows()
}

// rows compares what the pictures show with how they are numbered.
func (n *Neighbour) rows() error {
	recent := n.Recent()
	for i := 1; i < len(recent); i++ {
		a, b := recent[i-1], recent[i]
		if a.Dropped != b.Dropped || a.Epoch != b.Epoch {
			continue
		}
		numbers := int(b.Sequence - a.Sequence)
		pictures := ((b.Picture-a.Picture)%n.pictures + n.pictures) % n.pictures
		if numbers%n.pictures != pictures {
			return fmt.Errorf("I9: %s: frame %v shows picture %d, %d numbers after picture %d", n.ID, b.ID, b.Picture, numbers, a.Picture)
		}
	}
	return nil
}
