package quota

import (
	"fmt"
	"time"

	"github.com/frameport/frameport/api/apierr"
)

// Refusal is why a client gets no more. Its text says what to do, for people.
type Refusal struct {
	Reason apierr.Reason
	Camera string // concerned; "" = none
	Limit  int    // that is reached
	// After is when trying again is of use; 0 = it depends on the client itself.
	After time.Duration

	text string
}

// Error implements error.
func (r *Refusal) Error() string { return r.text }

func refuse(reason apierr.Reason, limit int, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Limit: limit, text: fmt.Sprintf(format, args...)}
}
