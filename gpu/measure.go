package gpu

import (
	"context"
	"fmt"
	"sync"
)

// Measure runs create, which makes something whose memory the driver takes on its
// own (a decoder, an encoder, a module), and books under use by how much the
// device's free memory went down, with this number of objects. Creations run one
// at a time; what this package allocates meanwhile is not counted twice. Other
// processes on the same GPU disturb the measurement.
//
// An error is create's own, or that ctx ended before create was called. create
// must neither call Measure nor release a Booking of the same device.
func (d *Device) Measure(ctx context.Context, use Use, objects int, create func() error) (*Booking, error) {
	select {
	case d.creating <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("gpu: wait to create %s: %w", use, context.Cause(ctx))
	}
	defer func() { <-d.creating }()
	before, err := d.unbooked()
	if err != nil {
		return nil, err
	}
	if err := create(); err != nil {
		return nil, err
	}
	amount := Usage{Objects: objects}
	// When the driver no longer answers, the device is lost and says so itself.
	if after, err := d.unbooked(); err == nil {
		amount.Bytes = max(0, before-after)
	}
	d.ledger.book(use, amount)
	return &Booking{device: d, use: use, amount: amount}, nil
}

// unbooked is the device's memory without what others took on their own: free,
// plus what we have booked. Our allocations leave it as it is.
func (d *Device) unbooked() (int64, error) {
	d.memory.Lock()
	defer d.memory.Unlock()
	free, _, err := d.MemInfo()
	return free + d.ledger.Total().Bytes, err
}

// Booking is an entry in the ledger for something that Measure saw made.
type Booking struct {
	device *Device
	use    Use
	amount Usage
	once   sync.Once
}

// Bytes is the device memory that was measured.
func (b *Booking) Bytes() int64 { return b.amount.Bytes }

// Release runs destroy, which gives the thing back, and takes it off the books;
// the second time it does nothing. It waits for creations in progress, so that
// they do not take the memory that comes back for their own.
func (b *Booking) Release(destroy func() error) error {
	var err error
	b.once.Do(func() {
		b.device.creating <- struct{}{}
		defer func() { <-b.device.creating }()
		err = destroy()
		b.device.ledger.book(b.use, b.amount.negative())
	})
	return err
}
