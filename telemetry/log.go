package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
)

// LogFormat is how log lines are written.
type LogFormat string

// The formats. LogAuto takes colourful text on a terminal and JSON elsewhere.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// NewLogger returns a logger that writes to w from the given level on. An unknown
// format is an error that names those there are.
func NewLogger(w io.Writer, format LogFormat, level slog.Leveler) (*slog.Logger, error) {
	terminal := IsTerminal(w)
	switch format {
	case LogAuto, "":
		if terminal {
			return textLogger(w, level, terminal), nil
		}
		return jsonLogger(w, level), nil
	case LogText:
		return textLogger(w, level, terminal), nil
	case LogJSON:
		return jsonLogger(w, level), nil
	default:
		return nil, fmt.Errorf("unknown log format %q; use %s, %s or %s", format, LogAuto, LogText, LogJSON)
	}
}

// textLogger colours lines on a terminal, unless NO_COLOR asks for none
// (https://no-color.org).
func textLogger(w io.Writer, level slog.Leveler, terminal bool) *slog.Logger {
	return slog.New(tint.NewTextHandler(w, &tint.Options{
		Level:      level,
		TimeFormat: time.TimeOnly,
		NoColor:    !terminal || os.Getenv("NO_COLOR") != "",
	}))
}

func jsonLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// IsTerminal reports whether w is a character device other than the null device.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
