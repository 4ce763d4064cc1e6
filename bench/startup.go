package main

import (
	"context"
	"time"
)

// targetStartup is from exec to the first answer, in milliseconds.
const targetStartup = 100

func measureStartup(ctx context.Context, l *lab) error {
	var times, rss, pss []float64
	for range max(5, l.repeat) {
		w, err := l.startWorker(ctx)
		if err != nil {
			return err
		}
		err = pause(ctx, time.Second)
		m, merr := readMemory(w.pid())
		w.stop()
		if err != nil {
			return err
		}
		if merr != nil {
			return merr
		}
		times = append(times, w.ready.Seconds()*1000)
		rss, pss = append(rss, m.rss/1e6), append(pss, m.pss/1e6)
	}
	l.report(row{Name: "startup to first answer, p50", Value: median(times), Unit: "ms", Limit: targetStartup, Detail: "exec, listen, GetWorker; " + spread(times)})
	l.report(row{Name: "empty worker", Value: median(rss), Unit: "MB RSS", Detail: "1 s after the start; most of it is the binary's own pages"})
	l.report(row{Name: "empty worker", Value: median(pss), Unit: "MB PSS"})
	return nil
}
