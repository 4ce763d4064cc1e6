//go:build failpoint

package failpoint

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Enabled says whether this build has points.
const Enabled = true

// state is what is armed: of the process, since the faults are the process's.
var state = &registry{}

type registry struct {
	count atomic.Int32 // of the list: nothing armed costs no lock
	step  atomic.Int64 // of the clock, in seconds

	mu   sync.Mutex
	list []*Armed
}

// Armed is a point that was armed.
type Armed struct {
	point  Point
	target string
	from   time.Time     // not before
	gone   chan struct{} // closed by Disarm

	// under the registry's mu
	left int // how often it will happen; negative = without end
	hits int
}

// Arm makes a fault happen: to one camera ("" = to any), so many times (0 = until it is
// disarmed). Who arms disarms.
func Arm(p Point, target string, times int) *Armed { return arm(p, target, times, time.Time{}) }

func arm(p Point, target string, times int, from time.Time) *Armed {
	if times == 0 {
		times = -1
	}
	a := &Armed{point: p, target: target, left: times, from: from, gone: make(chan struct{})}
	state.add(a)
	return a
}

func (r *registry) add(a *Armed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, a)
	r.count.Store(int32(len(r.list)))
}

// Disarm ends the fault, and wakes what hangs in it. Calls after the first do nothing.
func (a *Armed) Disarm() { state.drop(a) }

func (r *registry) drop(a *Armed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.list, a)
	if i < 0 {
		return
	}
	r.list = slices.Delete(r.list, i, i+1)
	r.count.Store(int32(len(r.list)))
	close(a.gone)
}

// Hits is how often the fault has happened.
func (a *Armed) Hits() int {
	state.mu.Lock()
	defer state.mu.Unlock()
	return a.hits
}

// hit uses an armed point up; nil = the fault does not happen.
func (p Point) hit(target string) *Armed {
	if state.count.Load() == 0 {
		return nil
	}
	state.mu.Lock()
	defer state.mu.Unlock()
	for _, a := range state.list {
		if a.point == p && a.left != 0 && (a.target == "" || a.target == target) && !time.Now().Before(a.from) {
			a.left = max(a.left-1, -1)
			a.hits++
			return a
		}
	}
	return nil
}

// Hit says whether the fault is to happen here, now, to this camera; "" = none is known.
func (p Point) Hit(target string) bool { return p.hit(target) != nil }

// Wait returns when the point is not armed for target, or done is closed.
func (p Point) Wait(done <-chan struct{}, target string) {
	if a := p.hit(target); a != nil {
		select {
		case <-a.gone:
		case <-done:
		}
	}
}

var (
	errDecode = errors.New("failpoint: the decoder failed")
	errMemory = errors.New("failpoint: out of memory")
)

// Decoding stands before every access unit that is decoded. It fails, hangs or crashes
// when a point says so, or the access unit is what [Carry] has put in its place.
func Decoding(camera string, data []byte) error {
	for _, p := range decoding() {
		if a := p.hit(camera); a != nil {
			return p.happen(a.gone)
		}
	}
	if deed, ok := bytes.CutPrefix(data, []byte(spell)); ok && len(deed) == 1 {
		return Point(deed[0]).happen(nil)
	}
	return nil
}

func decoding() []Point { return []Point{DecodeError, FrameMemory, DecodeHang, DecodeCrash} }

func (p Point) happen(gone <-chan struct{}) error {
	switch p {
	case DecodeError:
		return errDecode
	case FrameMemory:
		return errMemory
	case DecodeHang:
		<-gone // nil = for ever
		return nil
	default:
		crash()
		return nil
	}
}

// spell begins what [Carry] sends. No codec has a unit like that.
const spell = "\xff\xffframeport failpoint:"

// Carry returns what a decoder in another process is to get for an access unit: the unit,
// or the name of what is to happen to it.
func Carry(camera string, data []byte) []byte {
	for _, p := range decoding() {
		if p.Hit(camera) {
			return append([]byte(spell), byte(p))
		}
	}
	return data
}

// crash writes where nobody may: a SIGSEGV that no Go code can recover from.
func crash() {
	page, err := syscall.Mmap(-1, 0, syscall.Getpagesize(), syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	page[0] = 1
}

// Now is the time of day, with the reading of the monotonic clock. Where times reach
// people, files or other programs, or are compared with theirs, they come from here.
func Now() time.Time { return shift(time.Now(), state.step.Load()) }

// StepClock sets the time of day forward or back, by whole seconds, as somebody sets the
// clock of a host: the monotonic clock goes on. It returns what undoes all steps.
func StepClock(by time.Duration) (undo func()) {
	state.step.Add(int64(by / time.Second))
	return func() { state.step.Store(0) }
}

// SetClock sets the time of day, to the second.
func SetClock(to time.Time) (undo func()) {
	state.step.Store(to.Unix() - time.Now().Unix())
	return func() { state.step.Store(0) }
}

// monotonic is the bit of a time's first word that says that there is a reading of the
// monotonic clock in the second one; between it and the nanoseconds lie 33 bits of seconds.
const (
	monotonic   = 1 << 63
	nanosecBits = 30
)

// shift changes the time of day alone, which package time has no way to do.
func shift(t time.Time, seconds int64) time.Time {
	first := (*uint64)(unsafe.Pointer(&t))
	if seconds == 0 || *first&monotonic == 0 {
		return t.Add(time.Duration(seconds) * time.Second)
	}
	*first += uint64(seconds << nanosecBits)
	return t
}
