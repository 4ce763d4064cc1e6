package main

import (
	"context"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/telemetry"
)

// isolationFlags are the flags about the processes in which the CPU decodes. A flag that
// was given wins over the configuration file.
type isolationFlags struct {
	DecodeIsolation        *string `name:"decode-isolation" env:"FRAMEPORT_DECODE_ISOLATION" enum:"none,process" help:"Where the CPU decodes: none, in the worker itself; process, in locked-in child processes, so that a crash in a codec costs a few cameras a moment. Default: none."`
	DecodeIsolationCameras *int    `name:"decode-isolation-cameras" env:"FRAMEPORT_DECODE_ISOLATION_CAMERAS" help:"How many cameras share such a process, 1 to 256. Default: 16." placeholder:"N"`
}

// apply lays the flags over w.
func (f isolationFlags) apply(w *config.Worker) {
	if f.DecodeIsolation != nil {
		w.DecodeIsolation = *f.DecodeIsolation
	}
	if f.DecodeIsolationCameras != nil {
		w.DecodeIsolationCameras = *f.DecodeIsolationCameras
	}
}

// isolationOf is what the settings mean for the backend.
func isolationOf(w config.Worker) int {
	if w.DecodeIsolation != config.DecodeIsolationProcess {
		return 0
	}
	return w.DecodeIsolationCameras
}

// measureIsolation adds what is to be known of decoder processes, where there are any.
func measureIsolation(m *telemetry.Metrics, b *backend.Backend) {
	if _, isolated := b.Isolation(); !isolated {
		return
	}
	m.Gauge("decoder_processes", "Child processes that decode.", func() float64 {
		s, _ := b.Isolation()
		return float64(len(s.Processes))
	})
	m.Counter("decoder_process_restarts_total", "Decoder processes that ended and were not meant to.", func() float64 {
		s, _ := b.Isolation()
		return float64(s.Restarts)
	})
	m.Gauge("decoder_streams_quarantined", "Cameras that are not decoded because their streams ended three decoder processes.", func() float64 {
		s, _ := b.Isolation()
		return float64(s.Quarantined)
	})
}

// isolationText tries a decoder process and says how it went.
func isolationText(ctx context.Context) string {
	b, err := backend.New(ctx, backend.Config{Kind: config.BackendCPU, Isolation: 1, Account: &frame.Account{}})
	if err == nil {
		err = b.Close()
	}
	if err != nil {
		return "not possible: " + err.Error()
	}
	return "possible: --decode-isolation process"
}
