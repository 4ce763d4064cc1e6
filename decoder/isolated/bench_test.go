package isolated_test

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/decoder/isolated"
)

// BenchmarkCrashes is TestCrashesLeaveNothing at length: -benchtime 100x.
func BenchmarkCrashes(b *testing.B) {
	host := isolated.NewHost(isolated.Config{Patience: time.Minute})
	m := newCamera(b, host, "a", "h264_crop").steps(3)
	b.Cleanup(func() { _ = m.d.Close(); _ = host.Close() })
	crashes(b, host, m, b.N)
}

// BenchmarkRestart is how long it takes from the death of a child until the camera's next
// frame, when every unit is a key frame.
func BenchmarkRestart(b *testing.B) {
	host := isolated.NewHost(isolated.Config{Patience: time.Minute})
	m := newCamera(b, host, "a", "mjpeg_480p")
	b.Cleanup(func() { _ = m.d.Close(); _ = host.Close() })
	var took []time.Duration
	for range b.N {
		m.steps(3)
		frames, killed := len(m.numbers), time.Now()
		if err := unix.Kill(pidOf(b, host, "a"), unix.SIGKILL); err != nil {
			b.Fatal(err)
		}
		for len(m.numbers) < frames+2 { // the first may come from the old one
			m.step()
		}
		took = append(took, time.Since(killed))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-worst")
}
