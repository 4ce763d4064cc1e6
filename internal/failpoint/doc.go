// Package failpoint makes faults happen at named places of the program, so that tests
// can see what follows. It has points only in builds with the tag failpoint.
//
// Without the tag there is nothing here to be changed: [Enabled] is a constant, and every
// function is one that the compiler replaces by what it returns, together with all that
// hangs on it. Places can so be marked where the fault would really arise, also in code
// that runs for every frame.
//
// With the tag, tests arm a [Point] with Arm and step the clock with StepClock, and the
// program reads the environment variable [Variable]:
//
//	FRAMEPORT_FAILPOINTS=decode-crash@gate:1/30s,clock:-1h/1m
//
// arms decode-crash once for the camera gate after 30 seconds, and sets the clock back by
// an hour after a minute. Without @ a point is for all cameras, without a number until the
// end, without / from the start. The clock takes +1h, -1h or 1970.
//
// Decoders may live in processes of their own, which know nothing of what was armed. What
// is to happen to one travels in place of its access unit: see [Carry].
//
// # Goroutines
//
// None, but for timers of clocks that [Variable] steps later. All functions may be called
// from any goroutine.
package failpoint
