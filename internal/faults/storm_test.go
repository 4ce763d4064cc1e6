//go:build cgo

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/camsim"
)

// envStorm is how long TestStorm goes on; empty = it is skipped.
const envStorm = "FRAMEPORT_FAULTS_STORM"

// stormSize is how many cameras are hurt, a quarter of them each second.
const stormSize = 20

// TestStorm hurts cameras at random for a while, beside a fleet that nobody hurts. All
// come back, and nothing is left.
func TestStorm(t *testing.T) {
	if os.Getenv(envStorm) == "" {
		t.Skip("make faults plays it")
	}
	length, err := time.ParseDuration(os.Getenv(envStorm))
	if err != nil {
		t.Fatal(err)
	}
	_, seed := chosen(t)
	before, err := Measure()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	fleet := NewFleet(t, w, 5)
	defer func() { _ = fleet.Close() }()
	t.Run("cameras", func(t *testing.T) {
		storm(NewScene(t, w, 0, seed), length)
	})
	if err := fleet.Judge(); err != nil {
		t.Errorf("cameras that nobody hurt: %v", err)
	}
	for _, err := range []error{w.Close(), fleet.Close(), w.Secrets(), before.Left(patience)} {
		if err != nil {
			t.Error(err)
		}
	}
	if !t.Failed() {
		fmt.Printf("storm of %v over %d cameras: all came back (seed %d)\n", length, stormSize, seed)
	}
}

// stormy are the faults of a storm: those that pass by themselves once the camera is
// good again. A wrong password is answered with minutes of silence, which is right.
func stormy() (out []camsim.Fault) {
	for _, f := range camsim.Faults() {
		switch f.Name {
		case "wrong-password", "bare-challenge", "audio-only", "unknown-codec", "no-track", "huge-picture":
		default:
			if f.Set != nil {
				out = append(out, f)
			}
		}
	}
	return out
}

func storm(s *Scene, length time.Duration) {
	clips := fleetClips()
	var victims []*Victim
	for i := range stormSize {
		name := clips[i%len(clips)]
		c := camsim.Camera{FPS: 5, Timeout: 4 * time.Second}
		change := func(c *config.Camera) {
			c.Transport = []config.Transport{config.TransportTCP, config.TransportAuto}[i%2]
		}
		v := s.Add(s.Sim(nil, name, c), change) // flipped bits that no decoder sees: no bar codes are asked for
		victims = append(victims, v)
	}
	for _, v := range victims {
		v.Runs()
	}
	faults := stormy()
	dice := rand.New(rand.NewPCG(s.Seed, 99))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < length; <-tick.C {
		for range stormSize / 4 {
			v := victims[dice.IntN(len(victims))]
			switch f := faults[dice.IntN(len(faults))]; dice.IntN(4) {
			case 0:
				v.Sim.Drop(camsim.DropMode(dice.IntN(2)))
			case 1:
				v.Sim.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{} })
			default:
				v.Sim.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{Seed: s.Seed}; f.Set(b) })
			}
		}
	}
	for _, v := range victims {
		v.Sim.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{} })
	}
	for _, v := range victims {
		v.Until("RUNNING after the storm", func(c camera.Snapshot) bool { return c.State == camera.StateRunning })
		v.Shows(3)
	}
}
