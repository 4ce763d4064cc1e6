package camsim

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Reboot is one restart of a camera with its host.
type Reboot struct {
	Off      time.Duration // nothing listens
	Starting time.Duration // then every request gets Status
	Status   int
}

// Reboots returns n restarts, for a seed always the same ones: off for 5 to 60 seconds,
// then 404 or 503 for two.
func Reboots(n int, seed uint64) []Reboot {
	dice := rand.New(rand.NewPCG(seed, 1))
	out := make([]Reboot, n)
	for i := range out {
		out[i] = Reboot{
			Off:      5*time.Second + time.Duration(dice.Float64()*55*float64(time.Second)),
			Starting: 2 * time.Second,
			Status:   []int{404, 503}[dice.IntN(2)],
		}
	}
	return out
}

// Play restarts a camera and its host s. It returns the moment from which a PLAY can
// succeed.
func (r Reboot) Play(ctx context.Context, s *Server, h *Handle) (time.Time, error) {
	if err := s.SetListening(false); err != nil {
		return time.Time{}, err
	}
	rest := sleep(ctx, r.Off)
	h.Set(status("", r.Status))
	err := s.SetListening(true)
	rest = rest && sleep(ctx, r.Starting)
	ready := time.Now()
	h.Set(func(b *Behaviour) { b.Status = nil })
	if !rest {
		err = errors.Join(err, ctx.Err())
	}
	return ready, err
}
