package converttest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// RunHash runs the suite of converters that are a [convert.Hasher].
func RunHash(t *testing.T, s Subject) {
	s = s.complete()
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"Truth", testHashTruth},
		{"Pixels", testHashPixels},
		{"Refused", testHashRefused},
		{"Concurrent", testHashConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

// hash compares the hash with the truth's and returns it.
func (r *rig) hash(src *frame.Frame) uint64 {
	r.t.Helper()
	want, err := convert.TruthHash(src)
	if err != nil {
		r.t.Fatal(err)
	}
	in := r.s.Upload(r.t, src)
	defer in.Release()
	got, err := r.hasher().Hash(r.t.Context(), in)
	if err != nil || got != want {
		r.t.Fatalf("%s: hash %x, %v, want %x", shape(src), got, err, want)
	}
	return got
}

func (r *rig) hasher() convert.Hasher {
	r.t.Helper()
	h, ok := r.c.(convert.Hasher)
	if !ok {
		r.t.Fatalf("%T makes no hashes", r.c)
	}
	return h
}

// testHashTruth: all widths around words and blocks, and real ones.
func testHashTruth(t *testing.T, s Subject) {
	r := newRig(t, s)
	for w := 1; w <= 40; w++ {
		src := picture([]media.PixelFormat{media.PixelI420, media.PixelNV12}[w%2], w, 1+w%19, colors()[w%6], noise(uint64(w)))
		r.hash(src)
		src.Release()
	}
	src := picture(media.PixelNV12, 1919, 271, colors()[2], noise(1))
	defer src.Release()
	r.hash(src)
}

// testHashPixels: any changed pixel is another hash, chroma and layout are not.
func testHashPixels(t *testing.T, s Subject) {
	r := newRig(t, s)
	const w, h = 53, 21
	planar, pairs := picture(media.PixelI420, w, h, colors()[2], noise(4)), picture(media.PixelNV12, w, h, colors()[2], noise(5))
	defer planar.Release()
	defer pairs.Release()
	for y := range h {
		copy(pairs.Planes[0].Data[y*pairs.Planes[0].Pitch:][:w], planar.Planes[0].Data[y*planar.Planes[0].Pitch:])
	}
	base := r.hash(planar)
	if v := r.hash(pairs); v != base {
		t.Errorf("NV12 with other chroma is %x, I420 %x", v, base)
	}
	seen := map[uint64]bool{base: true}
	for _, pixel := range rand.New(rand.NewPCG(1, 2)).Perm(w * h)[:100] {
		at := &planar.Planes[0].Data[pixel/w*planar.Planes[0].Pitch+pixel%w]
		*at ^= 1
		v := r.hash(planar)
		if seen[v] {
			t.Fatalf("the hash %x came twice", v)
		}
		seen[v] = true
		*at ^= 1
	}
}

func testHashRefused(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	in := s.Upload(t, src)
	defer in.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.hasher().Hash(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	rgb := frame.NewPool(0, nil).Get(media.PixelRGB24, 64, 36)
	defer rgb.Release()
	if _, err := r.hasher().Hash(t.Context(), rgb); !errors.Is(err, convert.ErrRequest) {
		t.Errorf("of RGB: %v", err)
	}
	r.hash(src)
	if err := r.c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.hasher().Hash(t.Context(), in); err == nil {
		t.Error("a closed converter makes hashes")
	}
}

func testHashConcurrent(t *testing.T, s Subject) {
	r := newRig(t, s)
	var work sync.WaitGroup
	for i := range 6 {
		work.Go(func() {
			src := picture(media.PixelNV12, 160+i, 90, colors()[2], noise(uint64(i)))
			defer src.Release()
			for range 20 {
				r.hash(src)
			}
		})
	}
	work.Wait()
}
