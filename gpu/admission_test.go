package gpu_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/frameport/frameport/gpu"
)

const mib = 1 << 20

// card is a device's memory: what is booked is not free.
type card struct {
	ledger *gpu.Ledger
	total  int64
	others int64 // other processes
}

func (c *card) free() (int64, error) {
	return c.total - c.others - c.ledger.Total().Bytes, nil
}

func newCard(total int64) *card { return &card{ledger: gpu.NewLedger(), total: total} }

func TestAdmissionBudget(t *testing.T) {
	c := newCard(1000 * mib)
	a := gpu.NewAdmission(c.ledger, 100*mib, 0, c.free)
	c.ledger.Book(gpu.Use{Purpose: gpu.PurposeContext}, 40*mib, 1)
	first, err := a.Reserve(35*mib, "a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Reserve(26*mib, "b")
	var refused *gpu.AdmissionError
	if !errors.As(err, &refused) || !errors.Is(err, gpu.ErrOutOfMemory) {
		t.Fatalf("got %v", err)
	}
	want := gpu.AdmissionError{Owner: "b", Estimate: 26 * mib, Budget: 100 * mib, Used: 40 * mib, Promised: 35 * mib, Free: 960 * mib}
	if *refused != want {
		t.Errorf("got %+v, want %+v", *refused, want)
	}
	for _, part := range []string{"b needs about 26.0 MiB", "budget of 100.0 MiB", "40.0 MiB are used", "35.0 MiB promised"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	second, err := a.Reserve(25*mib, "b") // to the last byte
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if s := a.Stats(); s.Promised != second.Bytes() || s.Used != 40*mib {
		t.Errorf("after closing twice: %+v", s)
	}
}

// What a camera takes is not counted on top of what it was promised, and what it
// takes beyond that is counted.
func TestAdmissionPromiseTurnsIntoUse(t *testing.T) {
	c := newCard(1000 * mib)
	a := gpu.NewAdmission(c.ledger, 100*mib, 0, c.free)
	r, err := a.Reserve(60*mib, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ booked, used, promised int64 }{
		{50 * mib, 50 * mib, 10 * mib},
		{10 * mib, 60 * mib, 0},
		{15 * mib, 75 * mib, 0},
	} {
		c.ledger.Book(gpu.Use{Purpose: gpu.PurposeDecoder, Owner: "a"}, step.booked, 1)
		if s := a.Stats(); s.Used != step.used || s.Promised != step.promised {
			t.Errorf("used %d, promised %d, want %d and %d", s.Used/mib, s.Promised/mib, step.used/mib, step.promised/mib)
		}
	}
	if _, err := a.Reserve(26*mib, "b"); !errors.Is(err, gpu.ErrOutOfMemory) {
		t.Errorf("got %v", err)
	}
	c.ledger.Book(gpu.Use{Purpose: gpu.PurposeDecoder, Owner: "a"}, -75*mib, -3)
	if s := a.Stats(); s.Promised != 60*mib {
		t.Errorf("a reservation outlives a decoder that is made again: promised %d", s.Promised/mib)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if s := a.Stats(); s.Promised != 0 || s.Used != 0 {
		t.Errorf("at the end: %+v", s)
	}
}

// A camera is admitted by a guess before its stream is known, and then by what the
// stream needs: one camera, one promise.
func TestAdmissionLargestPromiseOfAnOwnerCounts(t *testing.T) {
	c := newCard(1000 * mib)
	a := gpu.NewAdmission(c.ledger, 100*mib, 0, c.free)
	guess, err := a.Reserve(60*mib, "a")
	if err != nil {
		t.Fatal(err)
	}
	known, err := a.Reserve(70*mib, "a")
	if err != nil {
		t.Fatalf("the guess was counted as well: %v", err)
	}
	if s := a.Stats(); s.Promised != 70*mib {
		t.Errorf("promised %d", s.Promised/mib)
	}
	if _, err := a.Reserve(101*mib, "a"); !errors.Is(err, gpu.ErrOutOfMemory) {
		t.Errorf("got %v", err)
	}
	if err := known.Close(); err != nil {
		t.Fatal(err)
	}
	if s := a.Stats(); s.Promised != 60*mib {
		t.Errorf("promised %d once the larger one is back", s.Promised/mib)
	}
	if err := guess.Close(); err != nil {
		t.Fatal(err)
	}
	if s := a.Stats(); s.Promised != 0 {
		t.Errorf("promised %d at the end", s.Promised/mib)
	}
}

func TestAdmissionFreeMemory(t *testing.T) {
	c := newCard(1000 * mib)
	c.others = 700 * mib
	a := gpu.NewAdmission(c.ledger, 0, 100*mib, c.free)
	if _, err := a.Reserve(150*mib, "a"); err != nil {
		t.Fatal(err)
	}
	_, err := a.Reserve(51*mib, "b")
	if !errors.Is(err, gpu.ErrOutOfMemory) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"300.0 MiB are free", "150.0 MiB are promised", "100.0 MiB stay in reserve"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	c.others = 0
	if _, err := a.Reserve(51*mib, "b"); err != nil {
		t.Errorf("others have gone: %v", err)
	}
}

// However many cameras start at once, the sum of those admitted fits.
func TestAdmissionConcurrent(t *testing.T) {
	c := newCard(1000 * mib)
	a := gpu.NewAdmission(c.ledger, 100*mib, 0, c.free)
	var mu sync.Mutex
	var admitted []*gpu.Reservation
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			r, err := a.Reserve(7*mib, fmt.Sprintf("camera-%d", i))
			if err != nil {
				return
			}
			c.ledger.Book(gpu.Use{Purpose: gpu.PurposeRing, Owner: fmt.Sprintf("camera-%d", i)}, 7*mib, 1)
			mu.Lock()
			defer mu.Unlock()
			admitted = append(admitted, r)
		})
	}
	wg.Wait()
	if len(admitted) != 100/7 {
		t.Errorf("%d cameras of 7 MiB in 100 MiB", len(admitted))
	}
}

func TestAdmissionPassesOnTheDriversError(t *testing.T) {
	broken := errors.New("driver")
	a := gpu.NewAdmission(gpu.NewLedger(), 0, 0, func() (int64, error) { return 0, broken })
	if _, err := a.Reserve(1, "a"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := a.Reserve(1, ""); err == nil {
		t.Error("a reservation for nobody")
	}
}
