package main

import (
	"io"
	"log/slog"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/telemetry"
)

// newLogger makes the logger that valid settings describe.
func newLogger(w io.Writer, s config.Worker) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, err
	}
	return telemetry.NewLogger(w, telemetry.LogFormat(s.LogFormat), level)
}
