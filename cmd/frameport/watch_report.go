package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// watchLine is one camera's second, as `frameport watch --json` prints it.
type watchLine struct {
	Camera              string  `json:"camera"`
	FPS                 float64 `json:"fps"`
	Width               int32   `json:"width"`
	Height              int32   `json:"height"`
	BytesPerFrame       int     `json:"bytes_per_frame"`
	AgeSeconds          float64 `json:"age_seconds"` // mean, from the last packet's arrival at the worker to now
	Epoch               uint64  `json:"epoch"`
	Sequence            uint64  `json:"sequence"`
	SkippedPolicy       uint64  `json:"skipped_policy"`
	SkippedSlowConsumer uint64  `json:"skipped_slow_consumer"`
	SkippedNetwork      uint64  `json:"skipped_network"`
	SkippedDecode       uint64  `json:"skipped_decode"`
	// Of cameras that sent nothing in this second.
	State string `json:"state,omitempty"`
	Fault string `json:"fault,omitempty"`
}

// report writes a line for each camera: first those with frames, then the silent
// ones with the reason.
func (c *watchCmd) report(io streams, cameras map[string]*tally, silent []*frameportv1.Camera, took time.Duration) error {
	t := newTable(io.out)
	if !c.JSON {
		t.row("CAMERA", "FPS", "SIZE", "BYTES", "AGE", "FRAME", "SKIPPED policy/slow/network/decode")
	}
	for _, id := range slices.Sorted(maps.Keys(cameras)) {
		l := cameras[id].line(id, took)
		if c.JSON {
			if err := json.NewEncoder(io.out).Encode(l); err != nil {
				return err
			}
			continue
		}
		t.row(id, fmt.Sprintf("%.1f", l.FPS), fmt.Sprintf("%dx%d", l.Width, l.Height), fmt.Sprint(l.BytesPerFrame),
			fmt.Sprintf("%.1fms", l.AgeSeconds*1000), fmt.Sprintf("%d/%d", l.Epoch, l.Sequence),
			fmt.Sprintf("%d/%d/%d/%d", l.SkippedPolicy, l.SkippedSlowConsumer, l.SkippedNetwork, l.SkippedDecode))
	}
	for _, cam := range silent {
		l := watchLine{Camera: cam.GetCameraId(), State: stateWord(cam), Fault: faultWord(cam.GetStatus())}
		if c.JSON {
			if err := json.NewEncoder(io.out).Encode(l); err != nil {
				return err
			}
			continue
		}
		t.row(l.Camera, "-", "-", "-", ageWord(cam.GetStatus()), "-", "no frames: "+l.State+" "+l.Fault)
	}
	if c.JSON {
		return nil
	}
	return t.flush()
}

func (t *tally) line(id string, took time.Duration) watchLine {
	n := max(t.frames, 1)
	return watchLine{
		Camera: id, FPS: float64(t.frames) / took.Seconds(),
		Width: t.last.GetWidth(), Height: t.last.GetHeight(), BytesPerFrame: t.bytes / n,
		AgeSeconds: (t.age / time.Duration(n)).Seconds(),
		Epoch:      t.last.GetEpoch(), Sequence: t.last.GetSequence(),
		SkippedPolicy: t.skipped.GetPolicy(), SkippedSlowConsumer: t.skipped.GetSlowConsumer(),
		SkippedNetwork: t.skipped.GetNetwork(), SkippedDecode: t.skipped.GetDecode(),
	}
}
