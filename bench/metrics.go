package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// made is what the worker counted of pictures and tensors that it made.
type made struct {
	count   float64
	seconds float64 // that took
}

func (m made) since(before made) made {
	return made{m.count - before.count, m.seconds - before.seconds}
}

// made reads the worker's own metrics.
func (w *worker) made(ctx context.Context) (made, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.http+"/metrics", nil)
	if err != nil {
		return made{}, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return made{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return made{}, fmt.Errorf("/metrics: %s", answer.Status)
	}
	return parseMade(answer.Body)
}

func parseMade(text io.Reader) (m made, err error) {
	wanted := map[string]*float64{
		"frameport_render_duration_seconds_count": &m.count,
		"frameport_render_duration_seconds_sum":   &m.seconds,
	}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if wanted[name] == nil {
			continue
		}
		if *wanted[name], err = strconv.ParseFloat(value, 64); err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
		delete(wanted, name)
	}
	if err := lines.Err(); err != nil {
		return m, err
	}
	for name := range wanted {
		return m, fmt.Errorf("the worker's metrics have no %s", name)
	}
	return m, nil
}
