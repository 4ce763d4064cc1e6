package rtsp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/secret"
)

// try makes one login at a host that refuses unless good.
func try(t *testing.T, b *LoginBudget, host string, who login, o outcome) error {
	t.Helper()
	if err := b.check(host, who); err != nil {
		return err
	}
	done, err := b.begin(t.Context(), host, who)
	if err != nil {
		return err
	}
	done(o)
	return nil
}

func TestLoginBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewLoginBudget()
		id := func(p string) login { return b.fingerprint("admin", secret.New(p)) }
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		refused := func(err error, after time.Duration) {
			t.Helper()
			e, is := errors.AsType[*fault.Error](err)
			if !is || e.Class != fault.Auth || e.RetryAfter != after {
				t.Fatalf("got %v, want a refusal for %v", err, after)
			}
		}
		ok(try(t, b, "nvr", id("good"), loginAccepted))
		ok(try(t, b, "nvr", id("bad"), loginRefused))
		time.Sleep(time.Minute)
		ok(try(t, b, "NVR", id("bad"), loginRefused))
		refused(try(t, b, "nvr", id("bad"), loginRefused), 29*time.Minute)
		ok(try(t, b, "nvr", id("good"), loginAccepted)) // other cameras go on
		ok(try(t, b, "other", id("bad"), loginRefused))
		time.Sleep(time.Minute)
		refused(try(t, b, "nvr", id("another"), loginRefused), 28*time.Minute) // the last one is for what has worked
		ok(try(t, b, "nvr", id("good"), loginRefused))
		refused(try(t, b, "nvr", id("good"), loginAccepted), 28*time.Minute) // three are three
		time.Sleep(28 * time.Minute)
		ok(try(t, b, "nvr", id("another"), loginAccepted))

		ok(try(t, b, "door", id("bad"), loginRefused))
		ok(try(t, b, "door", id("bad"), loginRefused))
		refused(try(t, b, "door", id("bad"), loginRefused), 30*time.Minute)
		ok(try(t, b, "door", id("corrected"), loginRefused)) // nothing has worked there: the one that was kept
		refused(try(t, b, "door", id("again"), loginRefused), 30*time.Minute)
	})
}

// TestLoginsThatWorkedGoOn has 64 cameras of a recorder come back while somebody tries one
// wrong password after the other.
func TestLoginsThatWorkedGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewLoginBudget()
		good := b.fingerprint("admin", secret.New("good"))
		if err := try(t, b, "nvr", good, loginAccepted); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			_ = try(t, b, "nvr", b.fingerprint("admin", secret.New(fmt.Sprint(i))), loginRefused)
		}
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				done, err := b.begin(t.Context(), "nvr", good)
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(100 * time.Millisecond) // the camera thinks
				done(loginAccepted)
			})
		}
		wg.Wait()
	})
}

// TestLoginBudgetUnderLoad lets 64 cameras of one recorder log in at once with a
// password that has just been changed, over two hours.
func TestLoginBudgetUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewLoginBudget()
		id := func(p string) login { return b.fingerprint("admin", secret.New(p)) }
		for i := range 4 {
			if err := try(t, b, "nvr", id(fmt.Sprint(i)), loginAccepted); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		var failures []time.Time
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for range 240 {
					if done, err := b.begin(t.Context(), "nvr", id(fmt.Sprint(i%8))); err == nil {
						time.Sleep(100 * time.Millisecond) // the camera thinks
						mu.Lock()
						failures = append(failures, time.Now())
						mu.Unlock()
						done(loginRefused)
					}
					time.Sleep(30 * time.Second)
				}
			})
		}
		wg.Wait()
		if len(failures) < 6 {
			t.Errorf("%d logins in two hours, the budget never refills", len(failures))
		}
		for i := maxFailedLogins; i < len(failures); i++ {
			if d := failures[i].Sub(failures[i-maxFailedLogins]); d < loginWindow {
				t.Fatalf("%d failed logins within %v", maxFailedLogins+1, d)
			}
		}
	})
}

func TestLoginBudgetWaitsAreCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewLoginBudget()
		who := b.fingerprint("admin", secret.New("x"))
		done, err := b.begin(t.Context(), "nvr", who)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.begin(ctx, "nvr", who); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the second unproven login to wait", err)
		}
		done(loginUnknown)
		if err := try(t, b, "nvr", who, loginAccepted); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDialLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewDialLimiter(5, 2)
		var mu sync.Mutex
		total, hosts, most, served := 0, map[string]int{}, 0, 0
		var wg sync.WaitGroup
		for i := range 200 {
			host := fmt.Sprintf("h%d", i/50) // neighbours want the same one
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%7)*time.Second)
				defer cancel()
				release, err := l.Acquire(ctx, host)
				if err != nil {
					return
				}
				mu.Lock()
				total++
				hosts[host]++
				served++
				most = max(most, total)
				if total > 5 || hosts[host] > 2 {
					t.Errorf("%d at once, %d at one host", total, hosts[host])
				}
				mu.Unlock()
				time.Sleep(200 * time.Millisecond)
				mu.Lock()
				total--
				hosts[host]--
				mu.Unlock()
				release()
				release()
			})
		}
		wg.Wait()
		if most != 5 || served < 100 {
			t.Errorf("%d at most, %d served", most, served)
		}
		if l.used != 0 || len(l.hosts) != 0 || len(l.waiters) != 0 {
			t.Errorf("left over: %+v", l)
		}
	})
}

func TestDialLimiterOrder(t *testing.T) {
	t.Parallel()
	l := NewDialLimiter(2, 1)
	first, err := l.Acquire(t.Context(), "busy")
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan func())
	go func() {
		r, _ := l.Acquire(t.Context(), "busy")
		waiting <- r
	}()
	other, err := l.Acquire(t.Context(), "free") // passes the one that waits for its host
	if err != nil {
		t.Fatal(err)
	}
	other()
	first()
	(<-waiting)()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Acquire(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestConfigProblems(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Password: secret.New("canary"), TLS: TLS{Mode: TLSPin, PinSHA256: "abc"}, Transport: 9, Timeouts: Timeouts{Dial: -1}})
	for _, want := range []string{"URL is missing", "64 hexadecimal digits", "transport 9", "no user name", "timeout dial"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Error("the error shows the password")
	}
	var tm Timeouts
	tm.EnsureDefaults()
	if tm != (Timeouts{5 * time.Second, 5 * time.Second, 15 * time.Second, 3 * time.Second, 6 * time.Second, 4500 * time.Millisecond, 5 * time.Second, time.Second, 10 * time.Second}) {
		t.Errorf("defaults %+v", tm)
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	s := newScrubber("admin", secret.New("p@ss w/ü"), URL{})
	for in, want := range map[string]string{
		"parse rtsp://admin:p%40ss%20w%2F%C3%BC@h/x: bad": "parse rtsp://***@h/x: bad",
		"a rtsp://u:p@h b rtsps://u@i/ c://":              "a rtsp://***@h b rtsps://***@i/ c://",
		"pw p@ss w/ü!":                                    "pw ***!",
		"bell\a\r\nline":                                  "bell   line",
		"fine":                                            "fine",
	} {
		if got := s.text(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := s.text(strings.Repeat("ü", 1000)); len(got) > maxErrorText+3 || !strings.HasSuffix(got, "ü...") {
		t.Errorf("long text becomes %d bytes", len(got))
	}
}
