package isolated

import (
	"fmt"
	"sync"
	"time"

	"github.com/frameport/frameport/decoder"
)

const (
	// maxKills is after how many children a stream is not decoded any more.
	maxKills = 3
	// forgiveAfter is how long a stream must behave until it is trusted again.
	forgiveAfter = 10 * time.Minute
)

// record is what streams have done to children. When several decoders of a child were at
// work as it died, all of them are under suspicion; each then gets a child of its own,
// where there is no doubt.
type record struct {
	now func() time.Time

	mu      sync.Mutex
	streams map[string]*suspicion // by camera
}

type suspicion struct {
	kills int
	last  time.Time
	how   string
}

// judge says whether a camera's stream must not share a child, or must not be decoded.
func (r *record) judge(camera string) (suspect bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[camera]
	switch {
	case s == nil:
		return false, nil
	case s.kills >= maxKills:
		return true, fmt.Errorf("%w: quarantined: %d decoder processes ended while they decoded this stream (the last one: %s); "+
			"look at the camera's firmware and codec settings, then update the camera, or remove and add it, to try again",
			decoder.ErrUnsupported, s.kills, s.how)
	case r.now().Sub(s.last) > forgiveAfter:
		delete(r.streams, camera)
		return false, nil
	}
	return true, nil
}

func (r *record) blame(camera, how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[camera]
	if s == nil {
		s = new(suspicion)
		r.streams[camera] = s
	}
	s.kills++
	s.last, s.how = r.now(), how
}

func (r *record) forgive(camera string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.streams, camera)
}

func (r *record) quarantined() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.streams {
		if s.kills >= maxKills {
			n++
		}
	}
	return n
}
