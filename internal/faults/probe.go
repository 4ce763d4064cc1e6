package faults

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Usage is what this process holds.
type Usage struct {
	Goroutines  int
	Descriptors map[string]int // open ones by kind
	Heap        uint64         // of Go, live, in bytes
	Native      uint64         // anonymous memory that Go did not ask for, in bytes: C's heap and stacks
}

// Measure looks at the process. It collects garbage first.
func Measure() (Usage, error) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := Usage{Goroutines: runtime.NumGoroutine(), Heap: m.HeapAlloc, Descriptors: map[string]int{}}
	anonymous, err := residentAnonymous()
	if err != nil {
		return u, err
	}
	if own := m.Sys - m.HeapReleased; anonymous > own && !shadowed {
		u.Native = anonymous - own
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return u, err
	}
	for _, e := range list {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil {
			continue // the one that reads the folder
		}
		kind, _, _ := strings.Cut(to, ":")
		if strings.HasPrefix(kind, "/") {
			kind = "file"
		}
		u.Descriptors[kind]++
	}
	return u, nil
}

func residentAnonymous() (uint64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			n, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no RssAnon in /proc/self/status")
}

// Bounds of what may remain. Memory of C and Go is given back late and in pieces: after
// a hundred cameras at once the C library keeps its arenas. So these find a lost decoder
// of a large picture, and growth finds what is small, over a thousand rounds.
const (
	heapSlack   = 16 << 20
	nativeSlack = 256 << 20
)

// Left says what now holds beyond u, or nil. Sockets and goroutines must be gone:
// settle is how long they get.
func (u Usage) Left(settle time.Duration) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(settle); ; <-tick.C {
		now, err := Measure()
		if err != nil {
			return err
		}
		if err = u.left(now); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (u Usage) left(now Usage) error {
	var more []string
	if now.Goroutines > u.Goroutines {
		more = append(more, fmt.Sprintf("%d goroutines", now.Goroutines-u.Goroutines))
	}
	for kind, n := range now.Descriptors {
		if n > u.Descriptors[kind] && kind != "anon_inode" { // the runtime's own poller is one
			more = append(more, fmt.Sprintf("%d descriptors of kind %s", n-u.Descriptors[kind], kind))
		}
	}
	if now.Heap > u.Heap+heapSlack {
		more = append(more, fmt.Sprintf("%d MiB of Go's heap", (now.Heap-u.Heap)>>20))
	}
	if now.Native > u.Native+nativeSlack {
		more = append(more, fmt.Sprintf("%d MiB of C's memory", (now.Native-u.Native)>>20))
	}
	if more == nil {
		return nil
	}
	return fmt.Errorf("left: %s", strings.Join(more, ", "))
}
