package main

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/frameport/frameport/internal/testvideo"
)

// A crash here ends the test program, which is what it is for; the many are with
// `make bitstreams`.
func TestCases(t *testing.T) {
	p, err := newPlayer(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var all outcome
	for n := range 150 {
		o, err := p.play(t.Context(), n)
		if err != nil {
			t.Errorf("case %d: %v", n, err)
		}
		all.Frames, all.Pictures, all.Refused = all.Frames+o.Frames, all.Pictures+o.Pictures, all.Refused+o.Refused
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
	// They must reach the decoder's depths, and some must be beyond it.
	if all.Pictures < 150 || all.Refused < 20 {
		t.Errorf("the cases are too mild or too wild: %+v", all)
	}
}

// A number makes the same case again, and clips are left as they are.
func TestRepeatable(t *testing.T) {
	clip, err := testvideo.Load("h264_slices")
	if err != nil {
		t.Fatal(err)
	}
	other, err := testvideo.Load("vp8_odd")
	if err != nil {
		t.Fatal(err)
	}
	whole := func(s []unit) (out []byte) {
		for _, u := range s {
			out = append(out, u.bytes()...)
		}
		return out
	}
	made := func(n uint64) []byte {
		dice := rand.New(rand.NewPCG(3, n))
		return whole(mutate(dice, stream(dice, clip), other))
	}
	before := made(0)
	changed := 0
	for n := range uint64(200) {
		if !bytes.Equal(made(n), made(n)) {
			t.Fatalf("case %d differs from itself", n)
		}
		if !bytes.Equal(made(n), before) {
			changed++
		}
	}
	if changed < 190 {
		t.Errorf("only %d of 200 cases differ from the first", changed)
	}
	again, err := testvideo.Load("h264_slices")
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range again.Units {
		if !bytes.Equal(u.Data, clip.Units[i].Data) {
			t.Fatalf("unit %d of the clip was changed", i)
		}
	}
}
