package rtsp

import (
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
)

// checkTransport: the library reads nothing in an answer to SETUP that would lead it to
// anybody but the camera.
func checkTransport(t *testing.T, v base.HeaderValue, multicast bool) {
	t.Helper()
	var h headers.Transport
	if len(v) == 0 || h.Unmarshal(v) != nil {
		return
	}
	if h.Source2 != nil || h.SSRC != nil || h.Mode != nil || h.TTL != nil {
		t.Fatalf("%q: the library sees %+v", v, h)
	}
	if to := h.Destination2; to != nil {
		if ip := net.ParseIP(*to); !multicast || ip == nil || !ip.IsMulticast() {
			t.Fatalf("%q: the library would listen at %q", v, *to)
		}
	}
}

// checkSession: the library can read it, asks often enough, and what it sends back is one
// line.
func checkSession(t *testing.T, v base.HeaderValue) {
	t.Helper()
	if len(v) != 1 || strings.TrimSpace(v[0]) == "" {
		return // there was none, or there were two, which the library refuses
	}
	var h headers.Session
	if err := h.Unmarshal(v); err != nil {
		t.Fatalf("%q: %v", v, err)
	}
	if h.Timeout == nil || *h.Timeout < 6 || *h.Timeout > 30 {
		t.Fatalf("%q: keepalives for a timeout of %v", v, h.Timeout)
	}
	if strings.ContainsAny(h.Session, "\r\n") {
		t.Fatalf("line break in session %q", h.Session)
	}
}

func checkRetryAfter(t *testing.T, h base.Header) {
	t.Helper()
	if d := parseRetryAfter(h); d < 0 || d > time.Hour {
		t.Fatalf("%q: %v", h["Retry-After"], d)
	}
}

// FuzzRewrites: headers of a camera after we have cut them to what the library may see,
// read by the library. What a plain camera says in them stays, whatever it says beside.
func FuzzRewrites(f *testing.F) {
	for _, text := range []string{
		"RTP/AVP;unicast;source=1.2.3.4;client_port=2-3;server_port=4-5;ssrc=xyz;mode=play",
		"rtp/avp/tcp;interleaved=0-1;destination=9.9.9.9",
		"RTP/AVP;multicast;destination=239.255.1.1;port=5000-5001;ttl=1",
		`RTP/AVP;unicast;client_port="2-3";server_port=4-5;mode="PLAY"`,
		"RTP/AVP/UDP;unicast; Server_Port = 6970 ;SSRC=0A0B0C0D",
	} {
		f.Add(text, "5A3F01;timeout=60", "30", "rtsp://camera:8554/other", uint16(6970))
	}
	f.Add("", " 1234 ; Timeout = 5 ;x=y", "-1", "rtsps://camera/live", uint16(0))
	f.Add(";;=;", ";timeout=99999999999", "99999999999", "/other?x=y", uint16(65534))
	plain, _, err := ParseURL("rtsp://camera:8554/live")
	if err != nil {
		f.Fatal(err)
	}
	secure, _, err := ParseURL("rtsps://camera/live")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, transport, session, retry, location string, port uint16) {
		for _, multicast := range []bool{false, true} {
			h := base.Header{"Transport": {transport}}
			rewriteTransport(h, multicast)
			checkTransport(t, h["Transport"], multicast)
			once := h["Transport"][0]
			if rewriteTransport(h, multicast); h["Transport"][0] != once {
				t.Fatalf("%q, then %q, then %q", transport, once, h["Transport"])
			}
		}
		checkPlain(t, transport, int(port))

		h := base.Header{"Session": {session}}
		rewriteSession(h)
		checkSession(t, h["Session"])
		checkRetryAfter(t, base.Header{"Retry-After": {retry}})

		for _, over := range []Transport{TransportTCP, TransportHTTP} {
			if to, err := plain.redirect(location, over); err == nil && (to.host != "camera" || to.port == 0) {
				t.Fatalf("%q leads to %s", location, to)
			}
			if to, err := secure.redirect(location, over); err == nil && (!strings.EqualFold(to.host, "camera") || !to.Secure() || to.port == 0) {
				t.Fatalf("%q leads to %s", location, to)
			}
		}
	})
}

// checkPlain: of a plain answer everything that is needed is left, though there is more in
// it than we know.
func checkPlain(t *testing.T, more string, port int) {
	t.Helper()
	more = strings.NewReplacer(";", ".", `"`, ".").Replace(more)
	for _, form := range []string{
		"RTP/AVP;unicast;x-more=%s;client_port=%d-%d;server_port=7000-7001",
		"RTP/AVP/TCP;unicast;x-more=%s;interleaved=%d-%d",
	} {
		h := base.Header{"Transport": {fmt.Sprintf(form, more, port, port+1)}}
		var before, after headers.Transport
		if err := before.Unmarshal(h["Transport"]); err != nil {
			t.Fatal(err)
		}
		rewriteTransport(h, false)
		if err := after.Unmarshal(h["Transport"]); err != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%+v becomes %+v in %q (%v)", before, after, h["Transport"], err)
		}
	}
}
