package server

import (
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
)

func TestMergedChangesAreCounted(t *testing.T) {
	added := time.Now()
	w := cameraWatch{told: map[string]camera.Snapshot{}, synced: true}
	look := func(changes uint64) []cameraEvent {
		events := w.difference([]camera.Snapshot{{ID: "door", AddedTime: added, Revision: changes, Changes: changes}})
		for _, e := range events {
			w.note(e)
		}
		return events
	}
	for _, c := range []struct {
		changes, merged uint64
	}{{3, 0}, {4, 0}, {9, 4}} {
		if got := look(c.changes); len(got) != 1 || got[0].merged != c.merged || got[0].message(nil).GetMerged() != c.merged {
			t.Errorf("after %d changes: %+v, want one event that stands for %d earlier ones", c.changes, got, c.merged)
		}
	}
	if got := look(9); len(got) != 0 {
		t.Errorf("nothing changed, but %+v", got)
	}
}
