package render

import "time"

// Stats count since the renderer was made.
type Stats struct {
	Renders    uint64        // pictures made
	Shared     uint64        // callers that waited for a picture somebody else had asked for
	Hits       uint64        // callers that got a kept picture
	Failures   uint64        // pictures that could not be made, cancelled ones included
	RenderTime time.Duration // spent on the pictures made, waiting for a turn not included

	InFlight     int   // pictures being made, or waiting for their turn, now
	CacheEntries int   // pictures kept now
	CacheBytes   int64 // and their bytes
}

// Stats returns a snapshot.
func (r *Renderer) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.InFlight = len(r.making)
	s.CacheEntries, s.CacheBytes = r.order.Len(), r.bytes
	return s
}
