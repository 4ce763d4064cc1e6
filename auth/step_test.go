//go:build failpoint

package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/internal/failpoint"
)

// Rights end at a time of day: when the clock is set past it they are over within a
// minute, and when it is set back they are in force again.
func TestFailpointExpiryFollowsTheClock(t *testing.T) {
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	k, _ := open(t, one("role: view, expires: "+end.UTC().Format(time.RFC3339)))
	id := login(t, k)
	if after, needed := id.Recheck(); !needed || after > time.Minute {
		t.Errorf("rights that end in an hour are asked about again in %v, %v", after, needed)
	}
	undo := failpoint.StepClock(2 * time.Hour)
	defer undo()
	if err := id.May(auth.View); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("an hour after their end: %v", err)
	}
	undo()
	if err := id.May(auth.View); err != nil {
		t.Errorf("with the clock as it was: %v", err)
	}
	failpoint.SetClock(time.Unix(0, 0))
	if after, _ := id.Recheck(); id.May(auth.View) != nil || after > time.Minute {
		t.Errorf("in 1970: %v, asked again in %v", id.May(auth.View), after)
	}
}
