package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// targetBatch is how much longer than OpenCV a batch may take, on as many cores.
const targetBatch = 1.3

var tensorTypes = []frameportv1.TensorDtype{frameportv1.TensorDtype_TENSOR_DTYPE_FLOAT32, frameportv1.TensorDtype_TENSOR_DTYPE_UINT8}

// typeName is how people call a type of elements.
func typeName(t frameportv1.TensorDtype) string {
	return strings.TrimPrefix(t.String(), "TENSOR_DTYPE_")
}

func measureBatches(ctx context.Context, l *lab) error { return l.batches(ctx, batchesOf(camera720())) }

// batches measures a reader that takes all it can get, and then what a batch costs
// beside OpenCV, in turns.
func (l *lab) batches(ctx context.Context, load batchLoad) error {
	f, err := l.startFarm(ctx, load.camera, load.count, load.fps, false)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	ids, err := w.addAll(ctx, f.urls, frameportv1.DecodeMode_DECODE_MODE_ALL)
	if err != nil {
		return err
	}
	alone, err := l.metered(w, f, func() error { return pause(ctx, l.window) })
	if err != nil {
		return err
	}
	l.report(row{
		Name: fmt.Sprintf("worker with %d cameras and no reader, CPU", load.count), Value: alone.cores, Unit: "core",
		Detail: fmt.Sprintf("%d cameras %v; rest of the machine %s", load.count, load.camera, number(alone.others)),
	})
	for _, dtype := range tensorTypes {
		if err := l.batchesAtFullRate(ctx, w, f, ids, load, dtype); err != nil {
			return err
		}
	}
	if !l.hasOpenCV("the loop in OpenCV") {
		return nil
	}
	return l.batchesBesideOpenCV(ctx, w, ids, load)
}

// metered runs work and measures the worker meanwhile. The reader, which is this
// process, counts among the others.
func (l *lab) metered(w *worker, f *farm, work func() error) (sample, error) {
	m := &meter{pids: []int{w.pid()}, sender: f.pid()}
	if err := m.begin(); err != nil {
		return sample{}, err
	}
	if err := work(); err != nil {
		return sample{}, err
	}
	return m.end()
}

func (l *lab) batchesAtFullRate(ctx context.Context, w *worker, f *farm, ids []string, load batchLoad, dtype frameportv1.TensorDtype) error {
	var got []batchArrival
	own, err := cpuTime(os.Getpid())
	if err != nil {
		return err
	}
	begin := time.Now()
	profiled := l.profile(ctx, "batches_"+typeName(dtype), w.pid())
	s, err := l.metered(w, f, func() (err error) {
		got, err = w.batches(ctx, ids, load.tensor(dtype), l.window, 0)
		return err
	})
	if err != nil {
		return err
	}
	reader, err := cpuTime(os.Getpid())
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	profiled()
	var newest, all []float64
	entries, bytes := 0, 0
	for _, a := range got {
		ages := a.ages()
		newest = append(newest, quantile(ages, 0))
		all = append(all, ages...)
		entries += len(a.entries)
		bytes += a.bytes
	}
	name := func(what string) string {
		return fmt.Sprintf("StreamBatches, %s %dx%d, %s", typeName(dtype), load.size, load.size, what)
	}
	reading := (reader - own).Seconds() / took
	l.report(row{
		Name: name("batches per second"), Value: float64(len(got)) / took, Unit: "1/s",
		Detail: fmt.Sprintf("one credit, reader does nothing; %s entries a batch of %d at most, %s frames a second, %s MB a second",
			number(float64(entries)/float64(len(got))), load.count, number(float64(entries)/took), number(float64(bytes)/took/1e6)),
	})
	l.report(row{Name: name("age of a batch's newest frame at the reader, p50"), Value: quantile(newest, 0.5), Unit: "ms", Detail: "since received; " + spread(newest)})
	l.report(row{Name: name("age of all frames at the reader, p50"), Value: quantile(all, 0.5), Unit: "ms", Detail: spread(all)})
	l.report(row{
		Name: name("CPU of the worker"), Value: s.cores, Unit: "core",
		Detail: fmt.Sprintf("decoding and sending included; reader in Go %s core, rest of the machine %s", number(reading), number(max(0, s.others-reading))),
	})
	return nil
}

// besideOpenCV is one turn.
type besideOpenCV struct{ batch, tensor, bgr, yuv float64 } // milliseconds

// batchesBesideOpenCV lets the worker and the loops take turns, both while the worker
// decodes all cameras.
func (l *lab) batchesBesideOpenCV(ctx context.Context, w *worker, ids []string, load batchLoad) error {
	var turns []besideOpenCV
	for turn := range l.repeat {
		l.say("    %d of %d", turn+1, l.repeat)
		var t besideOpenCV
		var err error
		if t.batch, t.tensor, err = l.batchTime(ctx, w, ids, load); err != nil {
			return err
		}
		if t.bgr, err = l.loopTime(ctx, "bgr", load); err != nil {
			return err
		}
		if t.yuv, err = l.loopTime(ctx, "yuv", load); err != nil {
			return err
		}
		turns = append(turns, t)
	}
	pick := func(what func(besideOpenCV) float64) []float64 {
		var out []float64
		for _, t := range turns {
			out = append(out, what(t))
		}
		return out
	}
	rows := func(name, unit, detail string, limit float64, what func(besideOpenCV) float64) {
		v := pick(what)
		l.report(row{Name: name, Value: median(v), Unit: unit, Limit: limit, Detail: detail + "; " + each(v)})
	}
	cores := float64(min(runtime.NumCPU(), load.count))
	of := fmt.Sprintf("batch of %d, FLOAT32 NCHW %dx%d", load.count, load.size, load.size)
	rows(of+", in the worker", "ms", fmt.Sprintf("credit granted to handed to gRPC, p50, on %v cores; a reader that pauses %v", cores, load.pause()), 0, func(t besideOpenCV) float64 { return t.batch })
	rows("one tensor of it, in the worker", "ms", "mean, by the worker's metrics", 0, func(t besideOpenCV) float64 { return t.tensor })
	rows(of+", OpenCV from BGR, one core", "ms", "cv2.resize and normalising in a tight loop per core, p50", 0, func(t besideOpenCV) float64 { return t.bgr })
	rows(of+", OpenCV from I420, one core", "ms", "the same with cv2.cvtColor before it", 0, func(t besideOpenCV) float64 { return t.yuv })
	const same = "same run, times cores, median of the turns"
	rows("batch, time ratio per core to OpenCV from BGR", "×", same, targetBatch, func(t besideOpenCV) float64 { return t.batch * cores / t.bgr })
	rows("batch, time ratio per core to OpenCV from I420", "×", same, 0, func(t besideOpenCV) float64 { return t.batch * cores / t.yuv })
	rows("tensors alone, time ratio per core to OpenCV from BGR", "×", "without the batch's memory and waiting; "+same, 0, func(t besideOpenCV) float64 { return t.tensor * float64(load.count) / t.bgr })
	return nil
}

// batchTime is what a full batch takes from its credit to gRPC (median), and each of
// its tensors (mean), in milliseconds.
func (l *lab) batchTime(ctx context.Context, w *worker, ids []string, load batchLoad) (batch, tensor float64, err error) {
	before, err := w.made(ctx)
	if err != nil {
		return 0, 0, err
	}
	var whole []batchArrival
	for len(whole) == 0 { // a camera may have been late
		got, err := w.batches(ctx, ids, load.tensor(frameportv1.TensorDtype_TENSOR_DTYPE_FLOAT32), l.window, load.pause())
		if err != nil {
			return 0, 0, err
		}
		whole = full(got)
	}
	after, err := w.made(ctx)
	if err != nil {
		return 0, 0, err
	}
	var times []float64
	for _, a := range whole {
		times = append(times, a.sent.Sub(a.asked).Seconds()*1000)
	}
	m := after.since(before)
	return median(times), m.seconds / m.count * 1000, nil
}

// loopTime is what a batch takes in OpenCV when each core runs a loop, in milliseconds.
func (l *lab) loopTime(ctx context.Context, mode string, load batchLoad) (float64, error) {
	loops, err := startOpenCVLoops(ctx, mode, load)
	if err != nil {
		return 0, err
	}
	defer loops.stop()
	loops.take()
	if err := pause(ctx, l.window); err != nil {
		return 0, err
	}
	var times []float64
	err = poll(ctx, time.Minute, 10*time.Millisecond, "a batch of OpenCV's loops", func() (bool, error) {
		times = append(times, loops.take()...)
		return len(times) > 0, loops.alive()
	})
	return median(times), err
}
