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
	// maxNears is after how many children a stream that shared them is under suspicion. Who
	// has taken a child over can end it while others are at work, and these are blamed; but
	// it is near each time.
	maxNears = 2
)

// record is what streams have done to children. When several decoders of a child were at
// work as it died, all of them are under suspicion; each then gets a child of its own,
// where there is no doubt: what ends that child is that stream's, at work or not.
type record struct {
	now func() time.Time

	mu      sync.Mutex
	streams map[string]*suspicion // by camera
}

type suspicion struct {
	kills int
	nears int // children that ended beside it, and not from outside
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
	return s.kills > 0 || s.nears >= maxNears, nil
}

func (r *record) blame(camera, how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.noteLocked(camera)
	s.kills++
	s.how = how
}

// near notes that a child has ended with this stream in it, and another one is to blame.
func (r *record) near(camera string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noteLocked(camera).nears++
}

func (r *record) noteLocked(camera string) *suspicion {
	s := r.streams[camera]
	if s == nil {
		s = new(suspicion)
		r.streams[camera] = s
	}
	s.last = r.now()
	return s
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
