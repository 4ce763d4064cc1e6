package rtsp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/frameport/frameport/fault"
)

// Note: [Watchdogs]
//
// A camera that has frozen often goes on answering keepalives, and the kernel
// goes on acknowledging. So only media counts: not RTCP either, whose small packets
// pass where large ones do not. Two things are watched: packets of the track, and
// pictures that can be assembled from them. Pictures that are dropped count as well:
// a camera with a key frame every two minutes, or one behind a lossy link, is alive,
// and killing the connection would only start its wait anew. Cameras slower than
// the limits get three times their usual distance
// between pictures, which is announced (a=framerate) or learned.
//
// Some networks lose large datagrams, or the later ones of each burst, and pass small
// ones: the key frames never arrive, all else does, and nothing is ever shown. Such a
// stream looks alive to both watchdogs, so TransportAuto has a third: when nothing could
// be delivered for a while, and packets were lost again and again, it takes TCP.

// keepaliveBlame is how soon after a keepalive a lost connection is blamed on it.
const keepaliveBlame = 2 * time.Second

// watch waits for the end of a playing attempt.
func (a *attempt) watch(ctx context.Context) error {
	a.src.playing(a, true)
	defer a.src.playing(a, false)

	ended := make(chan error, 1)
	go func() { ended <- a.client.Wait() }()
	err := a.wait(ctx, ended)
	a.close()
	<-ended
	return err
}

func (a *attempt) wait(ctx context.Context, ended chan error) error {
	ticker := time.NewTicker(a.src.cfg.Timeouts.tick())
	defer ticker.Stop()
	var seen watched
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.failed:
			return a.explain("play", a.failureOr(errors.New("stopped")))
		case err := <-ended:
			ended <- err // for watch
			a.blameKeepalive()
			return a.explain("play", a.failureOr(err))
		case <-ticker.C:
			if err := a.inspect(&seen); err != nil {
				return err
			}
		}
	}
}

// blameKeepalive remembers cameras that hang up on GET_PARAMETER although they
// announce it; they get OPTIONS from now on.
func (a *attempt) blameKeepalive() {
	sent := a.keepalive.Load()
	if sent != 0 && time.Since(a.begun)-time.Duration(sent) < keepaliveBlame && a.failureOr(nil) == nil {
		a.src.plainKeepalive.Store(true)
	}
}

// watched is what the watchdogs have seen.
type watched struct {
	units  uint64        // assembled so far, delivered or not
	idle   time.Duration // how long packets have been coming without that rising
	packet int64         // lastRTP at the last look
	at     time.Duration // time of the last look, since begun

	delivered uint64        // units so far
	dry       time.Duration // when that rose, since begun
	lost      uint64        // packets so far
	holes     int           // how many looks have found more lost since then
}

// minHoles is how many looks must have found packets lost to blame UDP: after a single
// loss a stream with rare key frames waits for long, too.
const minHoles = 3

func (a *attempt) inspect(seen *watched) error {
	t := &a.src.cfg.Timeouts
	now := time.Since(a.begun)
	doubtful := a.src.cfg.Transport == TransportAuto && a.protocol == TransportUDP
	if doubtful && a.lastRTP.Load() == 0 {
		if now < t.UDPStart {
			return nil
		}
		return &switchTransport{TransportTCP, a.stalled("no packet has come over UDP within %v", t.UDPStart)}
	}
	gap := 3 * time.Duration(a.gap.Load())
	if limit := max(t.Bytes, gap); now-time.Duration(a.lastRTP.Load()) >= limit {
		return a.stalled("no media packet for %v", limit)
	}
	// time without packets is the other watchdog's
	if packet := a.lastRTP.Load(); packet != seen.packet {
		seen.idle += now - seen.at
		seen.packet = packet
	}
	seen.at = now
	if stream := a.stream.Load(); stream != nil {
		s := stream.Stats()
		if units := s.AccessUnits + s.DroppedUnits; units != seen.units {
			seen.units, seen.idle = units, 0
		}
		if s.PacketsLost != seen.lost {
			seen.lost = s.PacketsLost
			seen.holes++
		}
		if s.AccessUnits != seen.delivered || seen.dry == 0 {
			seen.delivered, seen.holes, seen.dry = s.AccessUnits, 0, now
		}
		if limit := max(t.UDPWhole, gap); doubtful && now-seen.dry >= limit && seen.holes >= minHoles {
			return &switchTransport{TransportTCP, a.stalled("only incomplete pictures have come over UDP for %v", limit)}
		}
	}
	if limit := max(t.Units, gap); seen.idle >= limit {
		err := a.stalled("packets arrive, but for %v no picture could be made of them", limit)
		if doubtful {
			return &switchTransport{TransportTCP, err}
		}
		return err
	}
	return nil
}

func (a *attempt) stalled(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if n := a.unreadable.Load(); n > 0 {
		text += fmt.Sprintf(" (%d packets were of another kind than announced)", n)
	}
	text += ": check the camera and the network to it"
	if !a.protocol.interleaved() {
		text += ", or set transport TCP"
	}
	return fault.New(fault.Stalled, "play", errors.New(text))
}
