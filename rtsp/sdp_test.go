package rtsp

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"

	"github.com/frameport/frameport/media"
)

// sdpCases are the oddities cameras are known for, written anew.
func sdpCases() map[string]string {
	video := "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t0\r\n"
	sets := "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=" + b64(testSPS) + "," + b64(testPPS) + "\r\n"
	return map[string]string{
		"plain":                     sdpHead + video + sets,
		"no header at all":          video + sets,
		"broken header":             "v=0\r\no=- 1001 1 IN \r\ns=a\r\ns=b\r\nc=IN\r\nt=x\r\nr=7d\r\n" + video + sets,
		"LF only, no end":           strings.TrimSuffix(strings.ReplaceAll(sdpHead+video+sets, "\r\n", "\n"), "\n"),
		"negative port":             strings.Replace(sdpHead+video+sets, "m=video 0", "m=video -1353744643", 1),
		"spaces":                    strings.NewReplacer("a=", "a = ", "m=", " m= ", "rtpmap:96 ", "rtpmap: 96  ").Replace(sdpHead + video + sets),
		"latin-1":                   "v=0\r\ns=K\xfcche\r\n" + video + sets,
		"broken audio first":        sdpHead + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic\r\na=fmtp:97 config\r\n" + video + sets,
		"payload without a map":     sdpHead + strings.Replace(video, "AVP 96", "AVP 98 96", 1) + sets,
		"smart":                     sdpHead + strings.Replace(video, "AVP 96", "AVP smart/1/90000", 1) + sets,
		"no payload":                sdpHead + strings.Replace(video, " RTP/AVP 96", "", 1) + sets,
		"fmtp below audio":          sdpHead + video + "m=audio 0 RTP/AVP 0\r\n" + sets,
		"no rtpmap":                 sdpHead + "m=video 0 RTP/AVP 96\r\na=control:t0\r\n" + sets,
		"back channel first":        sdpHead + "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000\r\na=sendonly\r\na=control:bad\r\n" + video + sets,
		"video marked sendonly":     sdpHead + video + "a=sendonly\r\n" + sets,
		"unsupported video first":   sdpHead + "m=video 0 RTP/AVP 97\r\na=rtpmap:97 AV1/90000\r\na=control:bad\r\n" + video + sets,
		"rubbish sets":              sdpHead + video + "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=%%%,====\r\n",
		"mid twice, FEC, crypto":    sdpHead + "a=group:FEC 1 2\r\n" + strings.Replace(video, "a=control", "a=mid:1!\r\na=key-mgmt:mikey ???\r\na=control", 1) + sets + "m=audio 0 RTP/AVP 0\r\na=mid:1!\r\n",
		"clock rate of zero":        sdpHead + strings.Replace(video, "H264/90000", "h264/0", 1) + sets,
		"payload type 35":           sdpHead + strings.ReplaceAll(video+sets, "96", "35"),
		"same payload type twice":   sdpHead + strings.Replace(video, "AVP 96", "AVP 96 96", 1) + sets,
		"control with a bad escape": sdpHead + strings.Replace(video, "t0", "t%zz0", 1) + sets,
	}
}

func TestSDPSalvage(t *testing.T) {
	t.Parallel()
	for name, text := range sdpCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parseSDP([]byte(text))
			v, err := s.chooseVideo()
			if err != nil {
				t.Fatal(err)
			}
			f := v.formats[0]
			if f.codec != media.CodecH264 || f.clockRate != 90000 {
				t.Errorf("format %+v, want H264 at 90000", f)
			}
			if name != "rubbish sets" && (len(f.sets) != 2 || !bytes.Equal(f.sets[0], testSPS) || !bytes.Equal(f.sets[1], testPPS)) {
				t.Errorf("parameter sets %x", f.sets)
			}
			if v.control == "bad" {
				t.Error("the wrong track was chosen")
			}
			libraryTakes(t, v)
		})
	}
}

// libraryTakes asserts that gortsplib parses the description that is written for it.
func libraryTakes(t *testing.T, v *videoTrack) {
	t.Helper()
	v.secure = false // MIKEY is the library's own business
	sd, err := sdpunmarshaler.Unmarshal(v.write("rtsp://camera/x"))
	if err != nil {
		t.Fatal(err)
	}
	var d description.Session
	if err := d.Unmarshal2(sd); err != nil {
		t.Fatal(err)
	}
	if len(d.Medias) != 1 || len(d.Medias[0].Formats) != len(v.formats) || d.Medias[0].IsBackChannel {
		t.Fatalf("the library sees %+v", d.Medias)
	}
	for i, f := range d.Medias[0].Formats {
		if f.PayloadType() != v.formats[i].payloadType {
			t.Fatalf("payload type %d, want %d", f.PayloadType(), v.formats[i].payloadType)
		}
	}
}

func TestSDPCodecs(t *testing.T) {
	t.Parallel()
	s := parseSDP([]byte(sdpHead + "m=video 0 RTP/AVP 98 26 96\r\na=rtpmap:98 HEVC/90000\r\na=rtpmap:96 H264/90000\r\n" +
		"a=fmtp:98 sprop-vps=QAE=; sprop-sps=\"QgE\";sprop-pps=RAE=;sprop-max-don-diff=2\r\na=framesize:26 2560-1440\r\na=framerate:12.5\r\n"))
	v, err := s.chooseVideo()
	if err != nil {
		t.Fatal(err)
	}
	if len(v.formats) != 3 || v.frameRate != 12.5 {
		t.Fatalf("%+v", v)
	}
	h265, jpeg, h264 := v.formats[0], v.formats[1], v.formats[2]
	if h265.codec != media.CodecH265 || len(h265.sets) != 3 || !h265.donl {
		t.Errorf("H.265: %+v", h265)
	}
	if jpeg.codec != media.CodecMJPEG || jpeg.width != 2560 || jpeg.height != 1440 {
		t.Errorf("MJPEG: %+v", jpeg)
	}
	if h264.codec != media.CodecH264 || !h264.singleNAL {
		t.Errorf("H.264: %+v", h264)
	}
	libraryTakes(t, v)
}

func TestControlURLs(t *testing.T) {
	t.Parallel()
	u, _, err := ParseURL("rtsp://camera:8554/live?ch=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ session, contentBase, location, control, aggregate, track string }{
		{"", "", "", "track1", "live?ch=1", "live?ch=1/track1"},
		{"*", "rtsp://camera:8554/live/", "", "track1", "live/", "live/track1"},
		{"", "rtsp://10.0.0.9:1/live/", "", "rtsp://192.168.0.1/live/t1", "live/", "live/t1"},
		{"", "/base/", "", "t", "base/", "base/t"},
		{"", "rtsp://rtsp://x/doubled/", "", "t", "doubled/", "doubled/t"},
		{"", "::ffff:1.2.3.4/x", "", "t", "live?ch=1", "live?ch=1/t"},
		{"", "rtsp://[::ffff:1.2.3.4:554/x/", "", "t", "x/", "x/t"},
		{"", "rtsp://h/%zz", "rtsp://h/loc/", "t", "loc/", "loc/t"},
		{"rtsp://h/agg", "rtsp://h/base/", "", "rtsp://h/agg/t", "agg", "agg/t"},
		{"agg", "rtsp://h/base/", "", "t", "base/agg", "base/agg/t"},
		{"", "", "", "", "live?ch=1", "live?ch=1"},
		{"", "rtsp://h/live/", "", "/t", "live/", "live/t"},
		{"", "rtsp://h/live", "", "?t=1", "live", "live?t=1"},
		{"", "rtsp://h", "", "t", "", "/t"},
		{"", "", "", "0 2 RTSP/1.0\t", "live?ch=1", "live?ch=1/0%202%20RTSP/1.0%09"},
		{"", "rtsp://h/b?a=0 2/", "", "rtsp://h/c?a=\x7f 1", "b?a=0%202/", "c?a=%7F%201"},
	} {
		at := u.aggregate(tc.session, tc.contentBase, tc.location)
		track, err := resolve(at, tc.control)
		if err != nil {
			t.Errorf("%+v: %v", tc, err)
			continue
		}
		trim := func(u *url.URL) string { return strings.TrimPrefix(u.String(), "rtsp://camera:8554/") }
		if tc.aggregate == "" {
			tc.aggregate, tc.track = "rtsp://camera:8554", "t"
		}
		if trim(at) != tc.aggregate || trim(track) != tc.track {
			t.Errorf("%+v: got %s and %s", tc, at, track)
		}
	}
	if _, err := resolve(u.aggregate("", "/x/", ""), "t%zz"); err == nil {
		t.Error("a control attribute that is no URL is accepted")
	}
}

func TestRewrites(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"abc":                     "abc;timeout=30",
		"abc;timeout=60":          "abc;timeout=30",
		"abc;timeout=20":          "abc;timeout=15",
		"abc; Timeout = 5 ;x=y":   "abc;timeout=7",
		"abc;timeout=0":           "abc;timeout=30",
		"abc;timeout=99999999999": "abc;timeout=30",
	} {
		h := base.Header{"Session": {in}}
		if rewriteSession(h); h["Session"][0] != want {
			t.Errorf("Session %q becomes %q, want %q", in, h["Session"][0], want)
		}
	}
	for in, want := range map[string]string{
		"RTP/AVP;unicast;source=1.2.3.4;client_port=2-3;server_port=4-5;ssrc=xyz;mode=play": "RTP/AVP;unicast;client_port=2-3;server_port=4-5",
		"rtp/avp/tcp;interleaved=0-1;destination=9.9.9.9":                                   "RTP/AVP/TCP;interleaved=0-1",
	} {
		h := base.Header{"Transport": {in}}
		if rewriteTransport(h, false); h["Transport"][0] != want {
			t.Errorf("Transport %q becomes %q, want %q", in, h["Transport"][0], want)
		}
	}
}

// TestMulticastDestination: the camera names a group, and nothing else.
func TestMulticastDestination(t *testing.T) {
	for destination, want := range map[string]bool{
		"239.255.1.1": true, "ff15::1": true, "192.0.2.9": false, "127.0.0.1": false, "0.0.0.0": false, "somewhere.example": false, "": false,
	} {
		h := base.Header{"Transport": {"RTP/AVP;multicast;destination=" + destination + ";port=5000-5001;ttl=1;source=192.0.2.7"}}
		kept := "RTP/AVP;multicast;port=5000-5001"
		if want {
			kept = "RTP/AVP;multicast;destination=" + destination + ";port=5000-5001"
		}
		if rewriteTransport(h, true); h["Transport"][0] != kept {
			t.Errorf("%q: %s", destination, h["Transport"][0])
		}
	}
}

func FuzzSDP(f *testing.F) {
	for _, text := range sdpCases() {
		f.Add([]byte(text), "rtsp://h/base/", "track%201")
	}
	u, _, err := ParseURL("rtsp://camera:8554/live?ch=1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte, contentBase, location string) {
		s := parseSDP(text)
		v, err := s.chooseVideo()
		if err != nil {
			if len(err.Error()) > 4096 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		at := u.aggregate(v.sessionControl, contentBase, location)
		track, err := resolve(at, v.control)
		if err != nil {
			return
		}
		if at.Host != "camera:8554" || track.Host != "camera:8554" || track.User != nil {
			t.Fatalf("the camera has moved us to %s and %s", at, track)
		}
		v.secure = false
		if strings.ContainsAny(track.String(), "\r\n") {
			t.Fatalf("line break in %q", track)
		}
		sd, err := sdpunmarshaler.Unmarshal(v.write(track.String()))
		if err != nil {
			t.Fatal(err)
		}
		var d description.Session
		if err := d.Unmarshal2(sd); err != nil {
			t.Fatal(err)
		}
		if len(d.Medias) != 1 || len(d.Medias[0].Formats) == 0 {
			t.Fatalf("the library sees %+v", d)
		}
	})
}
