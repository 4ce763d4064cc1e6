package retry

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/fault"
)

func failure(c fault.Class) *fault.Error { return fault.New(c, "test", errors.New("failed")) }

// bounds are the shortest and the longest wait allowed.
type bounds struct{ min, max time.Duration }

// waits runs the same failure n times in a row at both ends of the jitter.
func waits(t *testing.T, prepare func(p *Policy), err error, want ...bounds) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		for _, jitter := range []float64{0, 0.999999} {
			p := New(func() float64 { return jitter })
			if prepare != nil {
				prepare(p)
			}
			for i, w := range want {
				got := p.Failed(err, time.Second)
				if got < w.min || got > w.max {
					t.Errorf("%v, failure %d, jitter %v: wait %v, want %v to %v", fault.ClassOf(err), i+1, jitter, got, w.min, w.max)
				}
				if jitter == 0 && got != w.min {
					t.Errorf("%v, failure %d: shortest wait %v, want %v", fault.ClassOf(err), i+1, got, w.min)
				}
				time.Sleep(got)
			}
		}
	})
}

func TestRules(t *testing.T) {
	t.Parallel()
	s := time.Second
	quick := []bounds{{s / 2, s}, {s / 2, 2 * s}, {s / 2, 4 * s}, {s / 2, 5 * s}, {s / 2, 5 * s}}
	minute := time.Minute
	dropped := func(p *Policy) {
		p.Succeeded()
		p.Failed(failure(fault.Stalled), minute)
	}
	for name, tc := range map[string]struct {
		prepare func(*Policy)
		err     error
		want    []bounds
	}{
		"unreachable":             {nil, failure(fault.Unreachable), quick},
		"stalled":                 {nil, failure(fault.Stalled), quick},
		"no class":                {nil, errors.New("odd"), quick},
		"not found":               {nil, failure(fault.NotFound), []bounds{{8 * s, 10 * s}, {8 * s, 20 * s}, {8 * s, 40 * s}, {8 * s, minute}, {8 * s, minute}}},
		"not found while booting": {dropped, failure(fault.NotFound), quick[:3]},
		"busy":                    {nil, failure(fault.Busy), []bounds{{5 * s, 10 * s}, {5 * s, 20 * s}}},
		"busy while booting":      {dropped, failure(fault.Busy), quick[:3]},
		"protocol":                {nil, failure(fault.Protocol), []bounds{{s, 2 * s}, {s, 4 * s}, {s, 8 * s}, {s, 16 * s}, {s, 30 * s}}},
		"decode":                  {nil, failure(fault.Decode), []bounds{{s / 2, s}, {s / 2, 2 * s}}},
		"limit":                   {nil, failure(fault.Limit), []bounds{{20 * s, 30 * s}, {20 * s, minute}}},
		"unsupported":             {nil, failure(fault.Unsupported), []bounds{{50 * s, minute}, {50 * s, minute}}},
		"policy":                  {nil, failure(fault.Policy), []bounds{{50 * s, minute}}},
		"auth":                    {nil, failure(fault.Auth), []bounds{{s, 2 * s}, {5 * minute, 6 * minute}, {30 * minute, 33 * minute}, {30 * minute, 33 * minute}}},
		"announced":               {nil, &fault.Error{Class: fault.Busy, Err: errors.New("x"), RetryAfter: 2 * minute}, []bounds{{2 * minute, 3 * minute}}},
		"announced too long":      {nil, &fault.Error{Class: fault.Busy, Err: errors.New("x"), RetryAfter: time.Hour}, []bounds{{5 * minute, 6 * minute}}},
		"login budget used up":    {nil, &fault.Error{Class: fault.Auth, Err: errors.New("x"), RetryAfter: 20 * minute}, []bounds{{20 * minute, 21 * minute}, {20 * minute, 21 * minute}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waits(t, tc.prepare, tc.err, tc.want...)
		})
	}
}

func TestBootingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(nil)
		p.Succeeded()
		p.Failed(failure(fault.Unreachable), time.Minute)
		for start := time.Now(); time.Since(start) < booting; {
			w := p.Failed(failure(fault.NotFound), 0)
			if w > quickMax {
				t.Fatalf("a camera that starts up is left alone for %v", w)
			}
			time.Sleep(w)
		}
		if w := p.Failed(failure(fault.NotFound), 0); w < 8*time.Second {
			t.Errorf("after a minute the wait is %v, want the long one", w)
		}
	})
}

// A camera that was off for long starts up like one that was off for a moment.
func TestBootingAfterALongOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(nil)
		p.Succeeded()
		for start := time.Now(); time.Since(start) < 10*booting; {
			time.Sleep(p.Failed(failure(fault.Unreachable), 0))
		}
		for range 3 {
			w := p.Failed(failure(fault.NotFound), 0)
			if w > quickMax {
				t.Fatalf("a camera that starts up is left alone for %v", w)
			}
			time.Sleep(w)
		}
	})
	never := New(nil)
	never.Failed(failure(fault.Unreachable), 0)
	if w := never.Failed(failure(fault.NotFound), 0); w < 8*time.Second {
		t.Errorf("a camera that never played is asked again after %v", w)
	}
}

func TestRecoveryResets(t *testing.T) {
	t.Parallel()
	p := New(func() float64 { return 0.999999 })
	for range 6 {
		p.Failed(failure(fault.Unreachable), 0)
	}
	p.Succeeded()
	if w := p.Failed(failure(fault.Unreachable), steady); w > time.Second {
		t.Errorf("after a steady stream the first wait is %v, want at most 1 s", w)
	}
	for range 6 {
		p.Succeeded()
		p.Failed(failure(fault.Unreachable), time.Second)
	}
	p.Succeeded()
	if w := p.Failed(failure(fault.Unreachable), time.Second); w < 4*time.Second {
		t.Errorf("a stream that comes and goes is retried after %v, want close to 5 s", w)
	}
}

func TestImmediateIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := &fault.Error{Class: fault.Auth, Err: errors.New("stale"), Immediate: true}
		p := New(nil)
		for i := range maxImmediate {
			if w := p.Failed(now, 0); w != 0 {
				t.Fatalf("immediate attempt %d waits %v", i+1, w)
			}
		}
		if w := p.Failed(now, 0); w < quickMin {
			t.Fatalf("a loop of immediate attempts waits %v", w)
		}
		if w := p.Failed(failure(fault.Auth), 0); w > 2*time.Second {
			t.Errorf("stale nonces count as refusals: wait %v", w)
		}
		// every 30 s for ten minutes, as cameras with short-lived nonces do
		for range 20 {
			time.Sleep(30 * time.Second)
			p.Succeeded()
			if w := p.Failed(now, 30*time.Second); w != 0 {
				t.Fatalf("waits %v", w)
			}
		}
	})
}

// TestAuthOverTime is a wrong password for 30 minutes that is then corrected: at
// most three tries (I8), and the next one at once.
func TestAuthOverTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(nil)
		tries := 0
		for start := time.Now(); time.Since(start) < 30*time.Minute; tries++ {
			time.Sleep(p.Failed(failure(fault.Auth), 0))
		}
		if tries > 3 {
			t.Errorf("%d tries in 30 minutes", tries)
		}
		p.Reset()
		if w := p.Failed(failure(fault.Auth), 0); w > 2*time.Second {
			t.Errorf("after new credentials the wait is %v", w)
		}
	})
}

// TestNoEarlyAttempt walks through a random life and checks that every wait is
// within the bounds of its class (I7).
func TestNoEarlyAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(nil)
		for i := range 20000 {
			class := fault.Class(1 + i*7919%10)
			if i%13 == 0 {
				p.Succeeded()
			}
			w := p.Failed(failure(class), time.Duration(i%40)*time.Second)
			if w < quickMin || w > 33*time.Minute || class != fault.Auth && w > time.Minute {
				t.Fatalf("%v: wait %v", class, w)
			}
			time.Sleep(w)
		}
	})
}
