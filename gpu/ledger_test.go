package gpu_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/frameport/frameport/gpu"
)

func TestLedgerSums(t *testing.T) {
	l := gpu.NewLedger()
	l.Book(gpu.Use{Purpose: gpu.PurposeModule}, 100, 1)
	l.Book(gpu.Use{Purpose: gpu.PurposeRing, Owner: "a"}, 10, 1)
	l.Book(gpu.Use{Purpose: gpu.PurposeDecoder, Owner: "a"}, 20, 2)
	l.Book(gpu.Use{Purpose: gpu.PurposeRing, Owner: "b"}, 5, 1)
	l.Book(gpu.Use{Purpose: gpu.PurposeRing, Owner: "b"}, 3, 1)

	s := l.Snapshot()
	want := gpu.LedgerSnapshot{
		Total: gpu.Usage{Bytes: 138, Objects: 6},
		ByPurpose: map[gpu.Purpose]gpu.Usage{
			gpu.PurposeModule:  {Bytes: 100, Objects: 1},
			gpu.PurposeRing:    {Bytes: 18, Objects: 3},
			gpu.PurposeDecoder: {Bytes: 20, Objects: 2},
		},
		ByOwner: map[string]map[gpu.Purpose]gpu.Usage{
			"":  {gpu.PurposeModule: {Bytes: 100, Objects: 1}},
			"a": {gpu.PurposeRing: {Bytes: 10, Objects: 1}, gpu.PurposeDecoder: {Bytes: 20, Objects: 2}},
			"b": {gpu.PurposeRing: {Bytes: 8, Objects: 2}},
		},
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want.ByOwner["a"], l.Owned("a")); d != "" {
		t.Error(d)
	}
	if got := s.Owner("a"); got != (gpu.Usage{Bytes: 30, Objects: 3}) {
		t.Errorf("owner a: %+v", got)
	}
	l.Book(gpu.Use{Purpose: gpu.PurposeRing, Owner: "b"}, 1, 1)
	if s.Owner("b").Bytes != 8 {
		t.Error("a snapshot changes with the ledger")
	}
}

func TestLedgerZeroNamesWhatIsLeft(t *testing.T) {
	l := gpu.NewLedger()
	if err := l.Zero(); err != nil {
		t.Fatalf("empty: %v", err)
	}
	ring := gpu.Use{Purpose: gpu.PurposeRing, Owner: "gate-3"}
	l.Book(ring, 4096, 1)
	l.Book(gpu.Use{Purpose: gpu.PurposeJPEG}, 0, 2)
	err := l.Zero()
	if !errors.Is(err, gpu.ErrLeak) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"jpeg: 2 objects, 0 bytes", "ring of gate-3: 1 objects, 4096 bytes"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	l.Book(gpu.Use{Purpose: gpu.PurposeJPEG}, 0, -2)
	l.Book(ring, -4096, -1)
	if err := l.Zero(); err != nil {
		t.Errorf("all is back: %v", err)
	}
	// Too much given back is as wrong, and does not hide behind another use.
	l.Book(ring, -1, 0)
	l.Book(gpu.Use{Purpose: gpu.PurposeRing, Owner: "gate-4"}, 1, 0)
	if err := l.Zero(); err == nil || !strings.Contains(err.Error(), "ring of gate-3: 0 objects, -1 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestLedgerConcurrent(t *testing.T) {
	l := gpu.NewLedger()
	owners := []string{"", "a", "b", "c"}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 1000 {
				use := gpu.Use{Purpose: gpu.Purposes()[r.IntN(len(gpu.Purposes()))], Owner: owners[r.IntN(len(owners))]}
				n := r.Int64N(1 << 20)
				l.Book(use, n, 1)
				if s := l.Snapshot(); s.Total.Bytes < n {
					t.Errorf("total %d while %d are booked", s.Total.Bytes, n)
				}
				l.Book(use, -n, -1)
			}
		})
	}
	wg.Wait()
	if err := l.Zero(); err != nil {
		t.Error(err)
	}
	if s := l.Snapshot(); len(s.ByOwner) != 0 || s.Total != (gpu.Usage{}) {
		t.Errorf("something is left: %+v", s)
	}
}

func TestPurposeNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range gpu.Purposes() {
		if name := p.String(); strings.Contains(name, "(") || seen[name] {
			t.Errorf("purpose %d is called %q", int(p), name)
		} else {
			seen[name] = true
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d purposes", len(seen))
	}
}
