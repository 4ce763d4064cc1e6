// Package hook is compiled by a test, which compares its two functions.
package hook

import (
	"errors"
	"time"

	"github.com/frameport/frameport/internal/failpoint"
)

// Marked has every kind of point.
//
//go:noinline
func Marked(camera string, data []byte, done <-chan struct{}) ([]byte, time.Time, error) {
	if failpoint.QueueFull.Hit(camera) {
		return nil, time.Time{}, errors.New("full")
	}
	if err := failpoint.Decoding(camera, data); err != nil {
		return nil, time.Time{}, err
	}
	failpoint.SendBlocks.Wait(done, camera)
	return failpoint.Carry(camera, data), failpoint.Now(), nil
}

// Unmarked is the same without.
//
//go:noinline
func Unmarked(_ string, data []byte, _ <-chan struct{}) ([]byte, time.Time, error) {
	return data, time.Now(), nil
}
