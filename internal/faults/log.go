package faults

import (
	"strings"
	"sync"
)

// Log keeps what the worker writes, a line each.
type Log struct {
	mu    sync.Mutex
	lines []string
}

// maxLines bounds the log: storms write little, anything beyond is a fault itself.
const maxLines = 200000

// Write takes one line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) < maxLines {
		l.lines = append(l.lines, string(p))
	}
	return len(p), nil
}

// Of returns the lines about a camera.
func (l *Log) Of(id string) []string { return l.Find("camera=" + id + " ") }

// Find returns the lines that contain text.
func (l *Log) Find(text string) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			out = append(out, line)
		}
	}
	return out
}
