// Package clock makes one time line out of the three clocks of a camera stream:
// RTP timestamps, the wall clock in RTCP sender reports, and arrival here.
//
// PTS runs on RTP time, because it alone is free of network jitter; arrival time
// judges it and stands in where it is absurd. Capture time comes from sender
// reports while these are sane and steady, else from arrival. No picture is ever
// held back or dropped for want of a good clock.
//
// A [Clock] starts nothing and asks nobody for the time: the same calls give the
// same answers. Its methods may be called from any goroutine.
package clock
