//go:build cgo

package faults

import (
	"encoding/base64"
	"strings"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
)

// describe makes a camera that changes its session description.
func describe(change func(sdp string) string) camsim.Camera {
	return respond(func(q camsim.Request, r *camsim.Reply) {
		if q.Method == "DESCRIBE" && r.Status == 200 {
			r.Body = change(r.Body)
		}
	})
}

// replace replaces text that has to be there.
func replace(s *Scene, text, old, new string) string {
	if !strings.Contains(text, old) {
		s.Errorf("the session description has no %q:\n%s", old, text)
	}
	return strings.Replace(text, old, new, 1)
}

// No sets, an empty list, only the SPS; H.264 and H.265.
func row34(s *Scene) {
	for _, clip := range []string{small, "h265_bframes"} {
		s.Victim(clip, camsim.Camera{Behaviour: camsim.Behaviour{SDP: camsim.SDPNoParameters}}).Runs()
	}
	s.Victim(small, describe(func(sdp string) string {
		at := strings.Index(sdp, "sprop-parameter-sets=")
		end := at + strings.Index(sdp[at:], "\r\n")
		return sdp[:at] + "sprop-parameter-sets=" + sdp[end:]
	})).Runs()
	s.Victim(small, describe(func(sdp string) string {
		sets := strings.Index(sdp, "sprop-parameter-sets=")
		comma := sets + strings.Index(sdp[sets:], ",")
		end := sets + strings.Index(sdp[sets:], "\r\n")
		return sdp[:comma] + sdp[end:]
	})).Runs()
}

// The stream has none; and the connection is lost once.
func row35(s *Scene) {
	for _, clip := range []string{small, "h265_bframes"} {
		v := s.Victim(clip, camsim.Camera{Behaviour: camsim.Behaviour{StripParameters: true}})
		before := v.Runs()
		v.Sim.Drop(camsim.DropRST)
		v.Back(before)
	}
}

// Nonsense, start codes and foreign bytes where the sets should be.
func row36(s *Scene) {
	b64 := base64.StdEncoding.EncodeToString
	for _, clip := range []string{small, "h265_bframes"} {
		s.Victim(clip, camsim.Camera{Behaviour: camsim.Behaviour{SDP: camsim.SDPInvalidParameters}}).Runs()
	}
	c := s.Clip(small)
	for _, prefix := range [][]byte{{0, 0, 0, 1}, {0, 0, 1}} {
		camera := describe(func(sdp string) string {
			sdp = replace(s, sdp, b64(c.SPS), b64(append(prefix[:len(prefix):len(prefix)], c.SPS...)))
			return replace(s, sdp, b64(c.PPS), b64(append(c.PPS[:len(c.PPS):len(c.PPS)], 0, 0, 0)))
		})
		camera.Behaviour.StripParameters = true // what is in the description is all there is
		s.Victim(small, camera).Runs()
	}
}

// Lines that have made other clients refuse a stream.
func row37(s *Scene) {
	for name, change := range map[string]func(string) string{
		"short origin":    func(t string) string { return replace(s, t, "o=- 1 1 IN IP4", "o=- 1001 1 IN ") },
		"no origin":       func(t string) string { return replace(s, t, "o=- 1 1", "x=- 1 1") },
		"short address":   func(t string) string { return replace(s, t, "c=IN IP4 0.0.0.0", "c=IN") },
		"two names":       func(t string) string { return replace(s, t, "s=Frameport", "s=a\r\ns=b\r\ns=Frameport") },
		"unknown media":   func(t string) string { return t + "m=metadata 0 smart/1/90000\r\nm=\r\nm=x\r\n" },
		"negative port":   func(t string) string { return replace(s, t, "m=video 0", "m=video -1353744643") },
		"no last newline": func(t string) string { return strings.TrimRight(t, "\r\n") },
		"other charset":   func(t string) string { return replace(s, t, "s=Frameport", "s=\xff\xfe\x80") },
		"line feeds":      func(t string) string { return strings.ReplaceAll(t, "\r\n", "\n") },
		"blank lines":     func(t string) string { return strings.ReplaceAll(t, "\r\n", "\r\n\r\n") },
		"no version":      func(t string) string { return replace(s, t, "v=0\r\n", "") },
		"bad time":        func(t string) string { return replace(s, t, "t=0 0", "t=now later\r\nr=x\r\nz=") },
		"blanks":          func(t string) string { return strings.ReplaceAll(t, "\r\n", "  \r\n") },
	} {
		v := s.Victim(small, describe(change))
		v.Until("RUNNING with "+name, func(c camera.Snapshot) bool { return c.State == camera.StateRunning })
		v.Shows(3)
	}
}

// Tracks that nobody can read, before and behind the video.
func row38(s *Scene) {
	for _, bad := range []string{
		"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 mode=AAC-hbr\r\na=control:trackID=1\r\n",
		"m=audio 0 RTP/AVP 111\r\na=control:trackID=1\r\n",
		"m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata\r\na=control:trackID=1\r\n",
		"m=audio 0 RTP/AVP 98\r\na=rtpmap:98 X-PRIVATE/0\r\na=fmtp\r\n",
	} {
		s.Victim(small, describe(func(t string) string { return replace(s, t, "m=video", bad+"m=video") })).Runs()
		s.Victim(small, describe(func(t string) string { return t + bad })).Runs()
	}
}

// Two formats are announced; the second one comes, in each order.
func row39(s *Scene) {
	for _, list := range []string{"98 96", "96 98"} {
		s.Victim(small, describe(func(t string) string {
			t = replace(s, t, "RTP/AVP 96", "RTP/AVP "+list)
			return replace(s, t, "a=control:trackID=0", "a=rtpmap:98 VND.PRIVATE/90000\r\na=control:trackID=0")
		})).Runs()
	}
}

// Which track is taken, and what is said when there is none.
func row40(s *Scene) {
	audio := "m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n"
	s.Victim(small, describe(func(t string) string { return replace(s, t, "m=video", audio+"m=video") })).Runs()
	second := "m=video 0 RTP/AVP 100\r\na=rtpmap:100 H265/90000\r\na=control:trackID=9\r\n"
	s.Victim(small, describe(func(t string) string { return t + second })).Runs()
	unknown := "m=video 0 RTP/AVP 100\r\na=rtpmap:100 VC1/90000\r\na=control:trackID=9\r\n"
	s.Victim(small, describe(func(t string) string { return replace(s, t, "m=video", unknown+"m=video") })).Runs()
	for _, variant := range []camsim.SDPVariant{camsim.SDPAudioOnly, camsim.SDPEmpty} {
		h := s.Sim(nil, small, camsim.Camera{Behaviour: camsim.Behaviour{SDP: variant}})
		snap := s.Add(h, nil).Fails(camera.StateFailed, fault.Unsupported)
		if !strings.Contains(snap.Fault.Message, "track") {
			s.Errorf("%d: %s", variant, snap.Fault.Message)
		}
	}
}

// The video's sets stand below the audio; H.264 has a payload type of its own kind.
func row41(s *Scene) {
	moved := describe(func(t string) string {
		at := strings.Index(t, "a=fmtp:96")
		end := at + strings.Index(t[at:], "\r\n") + 2
		return t[:at] + t[end:] + "m=audio 0 RTP/AVP 0\r\n" + t[at:end] + "a=control:trackID=1\r\n"
	})
	moved.Behaviour.StripParameters = true // only the moved ones are left
	s.Victim(small, moved).Runs()
	static := describe(func(t string) string { return strings.NewReplacer("AVP 96", "AVP 35", ":96 ", ":35 ").Replace(t) })
	static.Behaviour.Packets = func(_ camsim.Picture, list []camsim.Packet) []camsim.Packet {
		for i := range list {
			list[i].Type = 35
		}
		return list
	}
	s.Victim(small, static).Runs()
}

// Mode 0 is said, fragments come. Over UDP it would be hopeless, so TCP is taken.
func row42(s *Scene) {
	said := describe(func(t string) string { return replace(s, t, "packetization-mode=1", "packetization-mode=0") })
	s.Victim("h264_change_a", said).Runs()
	v := s.Add(s.Sim(nil, "h264_change_a", said), Over(config.TransportAuto), "h264_change_a")
	if now := v.Runs(); now.Transport != "TCP" {
		s.Errorf("transport %s", now.Transport)
	}
}
