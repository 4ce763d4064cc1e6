package main

import (
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// tally is what was received from one camera since the last report.
type tally struct {
	frames, bytes int
	age           time.Duration // sum over frames, from received_time to now
	skipped       frameportv1.Skipped
	last          *frameportv1.Frame
}

func (t *tally) add(f *frameportv1.Frame) {
	t.frames++
	t.bytes += len(f.GetData())
	t.age += time.Since(f.GetReceivedTime().AsTime())
	t.skipped.Policy += f.GetSkipped().GetPolicy()
	t.skipped.SlowConsumer += f.GetSkipped().GetSlowConsumer()
	t.skipped.Network += f.GetSkipped().GetNetwork()
	t.skipped.Decode += f.GetSkipped().GetDecode()
	f.Data = nil
	t.last = f
}
