package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/frameport/frameport/internal/camsim"
)

// neverRead has one client that begins a stream and reads nothing, and another one as soon
// as that was cut, until ctx is done.
func (s *soak) neverRead(ctx context.Context) error {
	for {
		leave, err := s.begin(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		before := s.stuck
		err = poll(ctx, time.Minute, time.Second, "a client that never reads is cut", func() (bool, error) {
			t, err := s.totals(ctx)
			if err != nil {
				return false, err
			}
			s.stuck = int(t["frameport_slow_consumers_total"])
			return s.stuck > before, nil
		})
		leave()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// work does one second's work every second until ctx is done. What was begun then goes on
// until rest is done.
func (s *soak) work(ctx, rest context.Context) error {
	var guests sync.WaitGroup
	defer guests.Wait()
	return s.hurtAndVisit(ctx, &guests, rest)
}

func (s *soak) hurtAndVisit(ctx context.Context, guests *sync.WaitGroup, rest context.Context) error {
	begin := time.Now()
	for tick := 0; pause(ctx, time.Until(begin.Add(time.Duration(tick)*time.Second))) == nil; tick++ {
		t, err := s.totals(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.memory = append(s.memory, point{time.Since(begin).Seconds(), t["process_resident_memory_bytes"]})
		v := s.victims[s.dice.IntN(len(s.victims))]
		switch f := s.faults[s.dice.IntN(len(s.faults))]; s.dice.IntN(4) {
		case 0:
			v.Drop(camsim.DropMode(s.dice.IntN(2)))
		case 1:
			v.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{} })
		default:
			v.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{Seed: uint64(tick)}; f.Set(b) })
		}
		s.hurt++
		if tick == doorRefuses {
			s.door.refuse()
		}
		if tick%knockEvery == 0 {
			s.visit(rest, guests, 0, func(ctx context.Context, _ int) error { return s.knock(ctx) })
		}
		s.visit(rest, guests, tick%min(len(s.cams), growthAtOnce), s.beRemoved)
		s.visit(rest, guests, (tick+1)%min(len(s.cams), growthAtOnce), s.comeAndGo)
	}
	return nil
}

// visit has a camera come and go. What does not go as it should is noted.
func (s *soak) visit(ctx context.Context, guests *sync.WaitGroup, lane int, do func(ctx context.Context, lane int) error) {
	s.guests++
	guests.Go(func() {
		if err := do(ctx, lane); err != nil && ctx.Err() == nil {
			s.found.add("a camera added and removed", err.Error())
		}
	})
}

func (s *soak) heal() {
	for _, v := range s.victims {
		v.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{} })
	}
}

// passing are the faults that pass by themselves once the camera is good again. After a
// refused login or a stream that can't be decoded the worker is silent for minutes, which
// is right.
func passing() []camsim.Fault {
	return slices.DeleteFunc(camsim.Faults(), func(f camsim.Fault) bool {
		switch f.Name {
		case "wrong-password", "bare-challenge", "audio-only", "unknown-codec", "no-track", "huge-picture":
			return true
		}
		return f.Set == nil
	})
}
