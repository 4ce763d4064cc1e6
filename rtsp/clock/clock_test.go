package clock

import (
	"testing"
	"time"

	"github.com/frameport/frameport/media"
)

var start = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// camera feeds a clock 25 units a second.
type camera struct {
	c   *Clock
	rtp uint32
	at  time.Time
}

func newCamera(rtp uint32) *camera { return &camera{c: New(90000), rtp: rtp, at: start} }

func (m *camera) unit() (media.Times, bool) {
	t, jump := m.c.Times(m.rtp, m.at)
	m.rtp += 3600
	m.at = m.at.Add(40 * time.Millisecond)
	return t, jump
}

func ntp(t time.Time) uint64 {
	seconds := uint64(t.Unix() + ntpToUnix)
	return seconds<<32 | uint64(t.Nanosecond())<<32/1e9
}

func (m *camera) report(offset time.Duration) {
	m.c.Report(ntp(m.at.Add(offset)), m.rtp, m.at.Add(10*time.Millisecond))
}

// PTS is exact over thirty years, through 1,900 wraps of the RTP timestamp, a
// unit an hour.
func TestPTSOverYears(t *testing.T) {
	c := New(90000)
	rtp, at := uint32(4e9), start
	for i := range int64(30 * 365 * 24) {
		got, jump := c.Times(rtp, at)
		if want := time.Duration(i) * time.Hour; got.PTS != want || jump {
			t.Fatalf("unit %d: PTS %v, want %v, jump %v", i, got.PTS, want, jump)
		}
		rtp += 3600 * 90000
		at = at.Add(time.Hour)
	}
}

func TestRoundingDoesNotAddUp(t *testing.T) {
	c := New(90000)
	for i := range uint32(90001) {
		got, _ := c.Times(i*3003, start.Add(time.Duration(i)*33366667))
		if want := time.Duration(int64(i) * 3003 * int64(time.Second) / 90000); got.PTS != want {
			t.Fatalf("unit %d: %v, want %v", i, got.PTS, want)
		}
	}
}

// Pictures that are decoded in another order than shown have PTS that step back.
func TestReorderedPictures(t *testing.T) {
	c := New(90000)
	for i, n := range []uint32{0, 4, 2, 1, 3, 8, 6, 5, 7} {
		got, jump := c.Times(1e9+n*3600, start.Add(time.Duration(i)*40*time.Millisecond))
		if want := time.Duration(n) * 40 * time.Millisecond; got.PTS != want || jump {
			t.Errorf("unit %d: %v, want %v, jump %v", i, got.PTS, want, jump)
		}
	}
}

// A network that holds data back for eight seconds is no fault of the clock.
func TestStallAndBurst(t *testing.T) {
	m := newCamera(7)
	for i := range 500 {
		real := m.at
		if i > 100 && i <= 300 {
			m.at = start.Add(100*40*time.Millisecond + 8*time.Second + time.Duration(i)*time.Millisecond)
		}
		got, jump := m.unit()
		m.at = real.Add(40 * time.Millisecond)
		if want := time.Duration(i) * 40 * time.Millisecond; got.PTS != want || jump {
			t.Fatalf("unit %d: %v, want %v, jump %v", i, got.PTS, want, jump)
		}
	}
}

// One or two absurd timestamps are replaced, and the time line goes on.
func TestOutliersAreRestamped(t *testing.T) {
	for _, n := range []int{1, 2} {
		for _, off := range []int64{-9800 * 90000, 6 * 90000, -6 * 90000, 1 << 31} {
			m := newCamera(1000)
			m.c.SetMonotone(true)
			last := time.Duration(-1)
			for i := range 100 {
				good := m.rtp
				if i >= 50 && i < 50+n {
					m.rtp += uint32(off)
				}
				got, jump := m.unit()
				m.rtp = good + 3600
				if jump || got.PTS <= last {
					t.Fatalf("%d outliers of %d: unit %d: PTS %v after %v, jump %v", n, off, i, got.PTS, last, jump)
				}
				if want := time.Duration(i) * 40 * time.Millisecond; got.PTS != want {
					t.Fatalf("%d outliers of %d: unit %d: %v, want %v", n, off, i, got.PTS, want)
				}
				last = got.PTS
			}
		}
	}
}

// The third unit that tells the same new time begins a time line (Intelbras).
func TestPersistentJump(t *testing.T) {
	for _, off := range []int64{-9800 * 90000, 16000 * 90000, -3 * 90000} {
		m := newCamera(1000)
		var jumps []int
		for i := range 100 {
			if i == 50 {
				m.rtp += uint32(off)
			}
			got, jump := m.unit()
			if jump {
				jumps = append(jumps, i)
				if got.PTS != 0 {
					t.Errorf("a time line begins at %v", got.PTS)
				}
			}
			if i > 52 && got.PTS != time.Duration(i-52)*40*time.Millisecond {
				t.Fatalf("unit %d: %v", i, got.PTS)
			}
		}
		if len(jumps) != 1 || jumps[0] != 52 {
			t.Errorf("jump of %d: new time lines at %v", off, jumps)
		}
	}
}

// Timestamps that stand still, for a moment or for ever.
func TestTimestampsStandStill(t *testing.T) {
	for _, monotone := range []bool{true, false} {
		m := newCamera(0)
		m.c.SetMonotone(monotone)
		last := time.Duration(-1)
		for i := range 2000 {
			if i%2 == 1 && i < 500 || i > 700 && i < 1500 {
				m.rtp -= 3600
			}
			got, jump := m.unit()
			if jump || got.PTS <= last {
				t.Fatalf("unit %d: PTS %v after %v, jump %v", i, got.PTS, last, jump)
			}
			if off := got.PTS - time.Duration(i)*40*time.Millisecond; i > 850 && i < 1500 && (off < -15*time.Second || off > time.Second) {
				t.Fatalf("unit %d: PTS %v has stopped", i, got.PTS)
			}
			last = got.PTS
		}
	}
}

// A stream without reordering has rising PTS whatever its timestamps do.
func TestMonotone(t *testing.T) {
	m := newCamera(90000)
	m.c.SetMonotone(true)
	last := time.Duration(-1)
	for i := range 300 {
		if i%7 == 3 {
			m.rtp -= 20000
		}
		got, jump := m.unit()
		if !jump && got.PTS <= last {
			t.Fatalf("unit %d: %v after %v", i, got.PTS, last)
		}
		last = got.PTS
	}
}

func TestCaptureFromReports(t *testing.T) {
	m := newCamera(1 << 31)
	const offset = -90 * time.Minute
	for i := range 1000 {
		if i == 20 || i > 20 && i%125 == 0 {
			m.report(offset)
		}
		at := m.at
		got, _ := m.unit()
		if i < 20 {
			if got.Source != media.ClockArrival || !got.Capture.Equal(at) || got.CaptureError != 0 {
				t.Fatalf("unit %d: %+v", i, got)
			}
			continue
		}
		if d := got.Capture.Sub(at.Add(offset)); got.Source != media.ClockRTCP || d > time.Microsecond || d < -time.Microsecond {
			t.Fatalf("unit %d: off by %v, %+v", i, d, got)
		}
		if i > 150 && (got.CaptureError <= 0 || got.CaptureError > time.Millisecond) {
			t.Fatalf("unit %d: error bound %v", i, got.CaptureError)
		}
	}
	s := m.c.Status()
	if s.Quality != QualityGood || s.Source != media.ClockRTCP || s.Reports != 8 {
		t.Errorf("%+v", s)
	}
	if d := s.Offset - offset; d > 0 || d < -11*time.Millisecond {
		t.Errorf("offset %v", s.Offset)
	}
}

// A camera that pairs its clocks carelessly: the bound covers what it is off by.
func TestErrorBoundCoversJitter(t *testing.T) {
	m := newCamera(5)
	for i := range 2000 {
		if i%50 == 0 {
			m.report(time.Duration(i/50%5-2) * 20 * time.Millisecond)
		}
		at := m.at
		got, _ := m.unit()
		off := got.Capture.Sub(at).Abs()
		if i > 450 && (off > got.CaptureError || got.CaptureError > 250*time.Millisecond) {
			t.Fatalf("unit %d: off by %v, bound %v", i, off, got.CaptureError)
		}
	}
}

func TestAbsurdReports(t *testing.T) {
	for name, at := range map[string]uint64{
		"zero":                  0,
		"1900":                  1 << 32,
		"1970":                  ntpToUnix << 32,
		"seconds since 1970":    uint64(start.Unix()) << 32,
		"1999":                  ntp(time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)),
		"NTP in milliseconds":   uint64(start.UnixMilli()),
		"all ones":              1<<64 - 1,
		"sixty years from here": ntp(start.AddDate(60, 0, 0)),
	} {
		m := newCamera(5)
		m.unit()
		m.report(0)
		m.c.Report(at, m.rtp, m.at)
		s := m.c.Status()
		// All ones is the last instant of the era: February 2036.
		if bad := name != "all ones"; bad && (s.Rejected != 1 || s.Quality != QualityGood) {
			t.Errorf("%s: %+v", name, s)
		}
		if got, _ := m.unit(); name != "all ones" && got.Source != media.ClockRTCP {
			t.Errorf("%s: a bad report spoiled the good one", name)
		}
	}
}

// After a step the camera's clock is believed again once it has settled.
func TestCameraClockSteps(t *testing.T) {
	m := newCamera(5)
	for i := range 10 {
		m.unit()
		offset := time.Duration(0)
		if i >= 4 {
			offset = time.Hour
		}
		m.report(offset)
		got, _ := m.unit()
		want := media.ClockRTCP
		if i == 4 || i == 5 {
			want = media.ClockArrival
		}
		if got.Source != want {
			t.Errorf("report %d: source %v, want %v: %+v", i, got.Source, want, m.c.Status())
		}
	}
	if s := m.c.Status(); s.Steps != 1 || s.Quality != QualityGood {
		t.Errorf("%+v", s)
	}
}

// Reports whose RTP timestamp is always 0 pair nothing with nothing.
func TestReportsWithoutRTPTime(t *testing.T) {
	m := newCamera(12345)
	for i := range 100 {
		for range 25 {
			got, _ := m.unit()
			if i > 2 && got.Source != media.ClockArrival {
				t.Fatalf("report %d: %+v", i, got)
			}
		}
		m.c.Report(ntp(m.at), 0, m.at)
	}
	if s := m.c.Status(); s.Quality != QualityStepping {
		t.Errorf("%+v", s)
	}
}

// NTP seconds wrap on 7 February 2036.
func TestNTPEra(t *testing.T) {
	m := newCamera(5)
	m.at = time.Date(2036, 2, 7, 6, 28, 0, 0, time.UTC)
	for i := range 3000 {
		if i%125 == 0 {
			m.report(0)
		}
		at := m.at
		got, _ := m.unit()
		if d := got.Capture.Sub(at).Abs(); got.Source != media.ClockRTCP || d > time.Microsecond {
			t.Fatalf("unit %d at %v: capture %v from %v", i, at, got.Capture, got.Source)
		}
	}
	if s := m.c.Status(); s.Steps != 0 || s.Rejected != 0 {
		t.Errorf("%+v", s)
	}
}

// A jump of the timestamps makes earlier reports worthless, and so does age.
func TestReportsExpire(t *testing.T) {
	m := newCamera(5)
	m.unit()
	m.report(0)
	m.rtp += 1e9
	for range 3 {
		if got, jump := m.unit(); jump && got.Source != media.ClockArrival {
			t.Errorf("%+v", got)
		}
	}
	if got, _ := m.unit(); got.Source != media.ClockArrival {
		t.Errorf("after the jump: %+v", got)
	}
	m.report(0)
	if got, _ := m.unit(); got.Source != media.ClockRTCP {
		t.Errorf("after a new report: %+v", got)
	}
	m.at, m.rtp = m.at.Add(staleAfter+time.Minute), m.rtp+uint32((staleAfter+time.Minute)/time.Second)*90000
	if got, jump := m.unit(); got.Source != media.ClockArrival || jump {
		t.Errorf("after %v without a report: %+v", staleAfter, got)
	}
}

func TestReset(t *testing.T) {
	m := newCamera(5)
	m.unit()
	m.report(0)
	m.c.Reset()
	m.rtp = 99
	got, jump := m.unit()
	if got.PTS != 0 || jump || got.Source != media.ClockArrival {
		t.Errorf("%+v %v", got, jump)
	}
	if s := m.c.Status(); s.Quality != QualityNone || s.Reports != 1 {
		t.Errorf("%+v", s)
	}
}

// FuzzClock: whatever comes in, PTS is never negative, rises in a stream without
// reordering but for new time lines, and no capture time is absurd.
func FuzzClock(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, true)
	f.Add([]byte("\x00\x00\x0e\x10\x28\x01\x00\x00\x0e\x10\x28\x00"), false)
	f.Fuzz(func(t *testing.T, b []byte, monotone bool) {
		c := New(90000)
		c.SetMonotone(monotone)
		at, rtp := start, uint32(0)
		last := time.Duration(-1)
		for len(b) >= 6 {
			step := uint32(b[1])<<24 | uint32(b[2])<<16 | uint32(b[3])<<8 | uint32(b[4])
			at = at.Add(time.Duration(b[5]) * time.Duration(b[5]) * time.Millisecond)
			switch b[0] % 4 {
			case 0:
				c.Report(uint64(step)<<32|uint64(rtp), rtp+step, at)
			case 1:
				c.Report(ntp(at), rtp, at)
			default:
				rtp += step
				got, jump := c.Times(rtp, at)
				if got.PTS < 0 || got.CaptureError < 0 || !sane(got.Capture) {
					t.Fatalf("%+v", got)
				}
				if jump && got.PTS != 0 || monotone && !jump && got.PTS <= last {
					t.Fatalf("PTS %v after %v, jump %v", got.PTS, last, jump)
				}
				last = got.PTS
			}
			b = b[6:]
		}
		if s := c.Status(); s.Rejected > s.Reports || s.Error < 0 {
			t.Fatalf("%+v", s)
		}
	})
}

func BenchmarkTimes(b *testing.B) {
	m := newCamera(0)
	m.report(0)
	b.ReportAllocs()
	for b.Loop() {
		m.unit()
	}
}
