package gpu

import (
	"fmt"
	"slices"
	"sync"
)

// Admission decides whether another camera fits on a device, before anything is
// made for it. An admitted camera holds a Reservation as long as it uses the
// device; what it is promised counts until it is booked in the ledger, so that
// many cameras that start at once do not all see the same free memory. Several
// reservations of one camera are about the same memory, first guessed and then
// known: the largest counts.
type Admission struct {
	ledger  *Ledger
	free    func() (int64, error)
	budget  int64
	reserve int64

	mu       sync.Mutex
	promised map[string][]int64 // by owner: the live reservations
}

// NewAdmission returns an Admission for the device that ledger accounts for. A
// budget of 0 is no limit but the device's own. reserve bytes are always left free.
// free asks the driver.
func NewAdmission(ledger *Ledger, budget, reserve int64, free func() (int64, error)) *Admission {
	return &Admission{ledger: ledger, free: free, budget: budget, reserve: reserve, promised: make(map[string][]int64)}
}

// Reserve admits a camera that will need about estimate bytes, or returns an
// *AdmissionError. The owner is the one of the camera's Uses.
func (a *Admission) Reserve(estimate int64, owner string) (*Reservation, error) {
	if estimate < 0 || owner == "" {
		return nil, fmt.Errorf("gpu: reserve %d bytes for %q: needs an owner and a size", estimate, owner)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	free, err := a.free()
	if err != nil {
		return nil, err
	}
	used, outstanding := a.sums(owner)
	if a.budget > 0 && used+outstanding+estimate > a.budget || outstanding+estimate+a.reserve > free {
		return nil, &AdmissionError{
			Owner: owner, Estimate: estimate, Budget: a.budget, Reserve: a.reserve,
			Used: used, Promised: outstanding, Free: free,
		}
	}
	a.promised[owner] = append(a.promised[owner], estimate)
	return &Reservation{admission: a, owner: owner, bytes: estimate}, nil
}

// within says whether bytes more may be booked, for memory that nobody reserved: what
// was promised to others is not looked at, because it is theirs to be refused then.
func (a *Admission) within(bytes int64, use Use) error {
	if a.budget == 0 {
		return nil
	}
	if used := a.ledger.Total().Bytes; used+bytes > a.budget {
		return &AdmissionError{Owner: use.String(), Estimate: bytes, Budget: a.budget, Reserve: a.reserve, Used: used}
	}
	return nil
}

// sums returns what is booked, and what has been promised to others than except and
// is not booked yet.
func (a *Admission) sums(except string) (used, outstanding int64) {
	booked, used := a.ledger.owned()
	for owner, promised := range a.promised {
		if owner != except {
			outstanding += max(0, slices.Max(promised)-booked[owner])
		}
	}
	return used, outstanding
}

// AdmissionStats are the numbers that decide.
type AdmissionStats struct {
	Budget   int64 // 0: none
	Reserve  int64 // always left free
	Used     int64 // booked in the ledger
	Promised int64 // reserved and not booked yet
}

// Stats returns the present numbers.
func (a *Admission) Stats() AdmissionStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	used, outstanding := a.sums("")
	return AdmissionStats{Budget: a.budget, Reserve: a.reserve, Used: used, Promised: outstanding}
}

// Reservation is a camera's place on a device.
type Reservation struct {
	admission *Admission
	owner     string
	bytes     int64
	once      sync.Once
}

// Bytes is the estimate that was admitted.
func (r *Reservation) Bytes() int64 { return r.bytes }

// Close gives the place back, after the camera's memory. It always returns nil.
func (r *Reservation) Close() error {
	r.once.Do(func() {
		a := r.admission
		a.mu.Lock()
		defer a.mu.Unlock()
		left := a.promised[r.owner]
		i := slices.Index(left, r.bytes)
		if left = slices.Delete(left, i, i+1); len(left) == 0 {
			delete(a.promised, r.owner)
			return
		}
		a.promised[r.owner] = left
	})
	return nil
}

// AdmissionError says by which numbers a camera does not fit. It is ErrOutOfMemory.
type AdmissionError struct {
	Owner    string
	Estimate int64 // what the camera would need
	Budget   int64 // what this process may use; 0: no limit
	Reserve  int64 // what always stays free
	Used     int64 // what is booked
	Promised int64 // what others were promised and have not taken yet
	Free     int64 // what the driver says is free, on the whole device
}

func (e *AdmissionError) Error() string {
	if e.Budget > 0 && e.Used+e.Promised+e.Estimate > e.Budget {
		return fmt.Sprintf("gpu: %s needs about %s and does not fit the memory budget of %s: %s are used and %s promised; "+
			"remove cameras, make their frames or rings smaller, or raise the budget",
			e.Owner, mebibytes(e.Estimate), mebibytes(e.Budget), mebibytes(e.Used), mebibytes(e.Promised))
	}
	return fmt.Sprintf("gpu: %s needs about %s and does not fit the device: %s are free, of which %s are promised and %s stay in reserve; "+
		"remove cameras, make their frames or rings smaller, or have fewer programs on this GPU",
		e.Owner, mebibytes(e.Estimate), mebibytes(e.Free), mebibytes(e.Promised), mebibytes(e.Reserve))
}

// Unwrap returns ErrOutOfMemory.
func (e *AdmissionError) Unwrap() error { return ErrOutOfMemory }

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
