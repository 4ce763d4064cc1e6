package frame

import "sync/atomic"

// Account counts live frames and the bytes of picture memory behind them. Every
// pool and decoder books into one; several may share it. A nil *Account is valid
// and counts nothing.
type Account struct {
	frames atomic.Int64
	bytes  atomic.Int64 // of host memory
	device atomic.Int64
	total  *Account // also booked there; nil = none
}

// Sub returns a new account whose bookings are booked in a as well, so that a part
// (one camera) and the whole (the worker) can both be read.
func (a *Account) Sub() *Account { return &Account{total: a} }

// Book adds frames and bytes of host memory; negative numbers take them off.
func (a *Account) Book(frames, bytes int64) {
	for ; a != nil; a = a.total {
		a.frames.Add(frames)
		a.bytes.Add(bytes)
	}
}

// BookDevice adds bytes of device memory, which are counted apart from those of
// host memory; negative numbers take them off.
func (a *Account) BookDevice(bytes int64) {
	for ; a != nil; a = a.total {
		a.device.Add(bytes)
	}
}

// Frames returns the number of frames that are handed out now.
func (a *Account) Frames() int64 {
	if a == nil {
		return 0
	}
	return a.frames.Load()
}

// Bytes returns the bytes of host memory that are allocated for pictures now, in
// frames and in pools.
func (a *Account) Bytes() int64 {
	if a == nil {
		return 0
	}
	return a.bytes.Load()
}

// DeviceBytes returns the bytes of device memory that are allocated for pictures now.
func (a *Account) DeviceBytes() int64 {
	if a == nil {
		return 0
	}
	return a.device.Load()
}
