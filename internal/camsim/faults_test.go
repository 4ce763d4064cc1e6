package camsim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Every fault has a name of its own, and does something.
func TestFaultsHaveNames(t *testing.T) {
	before := ""
	for _, f := range Faults() {
		if f.Name <= before || f.Text == "" || (f.Set == nil) == (f.Run == nil) {
			t.Errorf("%q follows %q: %q", f.Name, before, f.Text)
		}
		before = f.Name
	}
}

// A reset comes every ten seconds, and the script ends with its context.
func TestScriptEnds(t *testing.T) {
	for _, f := range Faults() {
		if f.Run == nil {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			s := start(t, Config{})
			h := add(t, s, "cam", Camera{Clip: load(t, "color_red")})
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if err := f.Run(ctx, s, h); err != nil {
					t.Error(err)
				}
			})
		})
	}
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red")})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		for _, f := range Faults() {
			if f.Name == "freezes" {
				if err := f.Run(ctx, s, h); err != nil {
					t.Error(err)
				}
			}
		}
		if b := h.now(); !b.Freeze {
			t.Error("nothing was done within fifteen seconds")
		}
	})
}
