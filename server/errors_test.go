package server

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/camera"
)

// Who is refused for want of processors must not look for memory on a GPU.
func TestEveryKindOfFullHasItsReason(t *testing.T) {
	s := newHarness(t, newFakeCameras(t), newFakeRenderer(10)).server
	for reason, err := range map[apierr.Reason]error{
		apierr.TooManyCameras:    camera.ErrTooMany,
		apierr.OutOfDeviceMemory: camera.ErrNoRoom,
		apierr.Overloaded:        camera.ErrOverloaded,
	} {
		err = fmt.Errorf("%w: and why", err)
		got := s.statusOf(t.Context(), err)
		wantReason(t, got, codes.ResourceExhausted, reason)
		if !strings.Contains(got.Error(), "and why") {
			t.Errorf("%s says %q", reason, got)
		}
	}
}
