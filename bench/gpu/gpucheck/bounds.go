package main

import "time"

// bounds say how much is measured.
type bounds struct {
	pictures   int           // per latency and JPEG time
	cycles     int           // of the leak check
	lifetimes  int           // per clip, of the creation time
	interval   time.Duration // of each rate
	cameras    []int         // whose memory is measured, ascending
	batches    []int         // frames of a batch, ascending
	sessions   []int         // whose rate is measured, ascending
	maximum    int           // sessions that are tried to be opened
	served     int           // cameras of the worker
	window     time.Duration // of each figure of the worker
	pace       time.Duration // between access units, where latency counts
	clips      []string      // all sizes and codecs
	rateClips  []string
	delayClips []string
}

// bounds of this driver. The simulated one shows only that everything runs.
func (b *bundle) bounds() bounds {
	if b.simulated {
		return bounds{
			pictures: 4, cycles: 20, lifetimes: 2, interval: 100 * time.Millisecond,
			cameras: []int{1, 2, 4}, batches: []int{1, 4}, sessions: []int{1, 2, 4}, maximum: 6, pace: 10 * time.Millisecond,
			served: 2, window: time.Second,
			clips: allClips(), rateClips: []string{"720p.h264", "720p.hevc"}, delayClips: []string{"720p.h264"},
		}
	}
	return bounds{
		pictures: 100, cycles: 1000, lifetimes: 10, interval: 1500 * time.Millisecond,
		cameras:  []int{1, 2, 4, 8, 16, 32, 64},
		batches:  []int{1, 4, 8, 16},
		sessions: []int{1, 2, 4, 7, 8, 16, 32, 64, 100, 150, 200},
		maximum:  400, pace: 20 * time.Millisecond,
		served: 16, window: 4 * time.Second,
		clips: allClips(), rateClips: []string{"1080p.h264", "1080p.hevc"},
		delayClips: []string{"720p.h264", "1080p.h264", "1080p.hevc"},
	}
}

func allClips() []string {
	return []string{"720p.h264", "720p.hevc", "1080p.h264", "1080p.hevc", "2160p.h264", "2160p.hevc"}
}
