package gpu

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Usage is one amount of memory and native objects.
type Usage struct {
	Bytes     int64 // device memory
	HostBytes int64 // pinned host memory
	Objects   int   // allocations, streams, events, modules, sessions
}

func (u *Usage) add(v Usage) {
	u.Bytes += v.Bytes
	u.HostBytes += v.HostBytes
	u.Objects += v.Objects
}

func (u Usage) negative() Usage { return Usage{-u.Bytes, -u.HostBytes, -u.Objects} }

// Ledger says who uses how much of one device: a sum per Use, which is zero when
// all has been given back. Safe for concurrent use.
type Ledger struct {
	mu    sync.Mutex
	uses  map[Use]Usage
	total Usage
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{uses: make(map[Use]Usage)} }

// Book adds device memory and objects to a use; negative numbers give them back.
func (l *Ledger) Book(use Use, bytes int64, objects int) {
	l.book(use, Usage{Bytes: bytes, Objects: objects})
}

func (l *Ledger) book(use Use, amount Usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.uses[use]
	sum.add(amount)
	l.total.add(amount)
	if sum == (Usage{}) {
		delete(l.uses, use) // cameras come and go
	} else {
		l.uses[use] = sum
	}
}

// Total is the sum of all uses.
func (l *Ledger) Total() Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// LedgerSnapshot is the ledger at one moment. It belongs to the caller.
type LedgerSnapshot struct {
	Total     Usage
	ByPurpose map[Purpose]Usage
	ByOwner   map[string]map[Purpose]Usage // owner "" is shared by all cameras
}

// Owner sums what one camera uses.
func (s LedgerSnapshot) Owner(owner string) Usage {
	var sum Usage
	for _, u := range s.ByOwner[owner] {
		sum.add(u)
	}
	return sum
}

// Snapshot copies the ledger.
func (l *Ledger) Snapshot() LedgerSnapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LedgerSnapshot{
		Total:     l.total,
		ByPurpose: make(map[Purpose]Usage),
		ByOwner:   make(map[string]map[Purpose]Usage),
	}
	for use, amount := range l.uses {
		sum := s.ByPurpose[use.Purpose]
		sum.add(amount)
		s.ByPurpose[use.Purpose] = sum
		if s.ByOwner[use.Owner] == nil {
			s.ByOwner[use.Owner] = make(map[Purpose]Usage)
		}
		s.ByOwner[use.Owner][use.Purpose] = amount
	}
	return s
}

// Owned is what one owner uses, by purpose. It looks at no other owner.
func (l *Ledger) Owned(owner string) map[Purpose]Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	sums := make(map[Purpose]Usage)
	for p := range purposes {
		if sum, ok := l.uses[Use{Purpose: p, Owner: owner}]; ok {
			sums[p] = sum
		}
	}
	return sums
}

// owned is what each owner uses of the device's memory.
func (l *Ledger) owned() (byOwner map[string]int64, total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	byOwner = make(map[string]int64)
	for use, amount := range l.uses {
		byOwner[use.Owner] += amount.Bytes
	}
	return byOwner, l.total.Bytes
}

// Zero returns nil when everything has been given back, and else an error that is
// ErrLeak and names every use with something left, or with too much given back.
func (l *Ledger) Zero() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.uses) == 0 {
		return nil
	}
	order := slices.SortedFunc(maps.Keys(l.uses), func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Purpose, b.Purpose))
	})
	lines := make([]string, 0, len(order))
	for _, use := range order {
		u := l.uses[use]
		line := fmt.Sprintf("%s: %d objects, %d bytes", use, u.Objects, u.Bytes)
		if u.HostBytes != 0 {
			line += fmt.Sprintf(", %d bytes of pinned host memory", u.HostBytes)
		}
		lines = append(lines, line)
	}
	return fmt.Errorf("%w: %s", ErrLeak, strings.Join(lines, "; "))
}
