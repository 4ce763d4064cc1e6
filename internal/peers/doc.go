// Package peers has RTSP servers that other people wrote serve video to
// Frameport: GStreamer's, go2rtc's and VLC's. Two ends of one library agree with
// each other even where both are wrong, and a server written by the author of the
// client shares his misreadings of a standard; these share neither code nor author.
//
// There are only tests here, behind the build tag "peers", because they need those
// servers installed: `make test-peers` sees to that. A peer that is missing is a
// failure, not a skip.
//
// Every picture that a peer sends carries a bar code, so that the tests know which
// picture arrived and, with GStreamer, when it was taken.
//
// Each server is a process of its own, in a process group that is killed when its
// test ends, and also when the test program dies.
package peers
