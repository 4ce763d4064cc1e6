package render

import (
	"container/list"
	"time"

	"github.com/frameport/frameport/frame"
)

// key says which picture of which frame. Handles are used again for later
// frames, so the address alone would not do; while a key is kept, the address
// can't become another stream's.
type key struct {
	frame   *frame.Frame
	id      frame.ID
	decoded int64
	out     Output
}

func keyOf(f *frame.Frame, out Output) key { return key{f, f.ID, f.Decoded.UnixNano(), out} }

// cache holds the pictures of each stream's newest rendered frame.
type cache struct {
	limit   int64
	age     time.Duration
	bytes   int64
	entries map[key]*list.Element
	streams map[frame.Memory]*stream
	order   *list.List // of *entry, the oldest first
}

type stream struct {
	newest  frame.ID
	entries map[*list.Element]struct{}
}

type entry struct {
	key     key
	memory  frame.Memory
	picture *Picture
	made    time.Time
}

func newCache(limit int64, age time.Duration) cache {
	c := cache{limit: limit, age: age}
	c.clear()
	return c
}

func (c *cache) get(k key, now time.Time) *Picture {
	c.expire(now)
	if e, ok := c.entries[k]; ok {
		return e.Value.(*entry).picture
	}
	return nil
}

// put keeps a picture, unless the stream has a newer frame, and drops what it
// makes stale.
func (c *cache) put(k key, memory frame.Memory, id frame.ID, p *Picture, now time.Time) {
	c.expire(now)
	size := int64(len(p.Data))
	if size > c.limit {
		return
	}
	s := c.streams[memory]
	switch {
	case s == nil:
		s = &stream{newest: id, entries: map[*list.Element]struct{}{}}
		c.streams[memory] = s
	case s.newest.After(id):
		return
	case id.After(s.newest):
		for e := range s.entries {
			c.drop(e)
		}
		s.newest = id
		c.streams[memory] = s // dropping its last entry has removed it
	}
	if e, ok := c.entries[k]; ok { // begun twice, because everybody had left
		c.drop(e)
		c.streams[memory] = s
	}
	e := c.order.PushBack(&entry{k, memory, p, now})
	c.entries[k] = e
	s.entries[e] = struct{}{}
	c.bytes += size
	for c.bytes > c.limit {
		c.drop(c.order.Front())
	}
}

// expire drops what is too old; the order is that of age.
func (c *cache) expire(now time.Time) {
	for e := c.order.Front(); e != nil && now.Sub(e.Value.(*entry).made) > c.age; e = c.order.Front() {
		c.drop(e)
	}
}

func (c *cache) drop(e *list.Element) {
	v := c.order.Remove(e).(*entry)
	delete(c.entries, v.key)
	c.bytes -= int64(len(v.picture.Data))
	s := c.streams[v.memory]
	if delete(s.entries, e); len(s.entries) == 0 {
		delete(c.streams, v.memory)
	}
}

func (c *cache) clear() {
	c.bytes = 0
	c.entries = map[key]*list.Element{}
	c.streams = map[frame.Memory]*stream{}
	c.order = list.New()
}
