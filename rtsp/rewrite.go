package rtsp

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// rewriteSession sets the keepalive period. The library sends one 5 s before the
// announced timeout, and every 30 s when none is announced; cameras have been
// seen to enforce 60 s without saying so, and to count loosely. So it is half
// the timeout, at most 25 s. An unreadable timeout is ignored.
func rewriteSession(h base.Header) {
	v := first(h, "Session")
	if v == "" {
		return
	}
	id, params, _ := strings.Cut(v, ";")
	timeout := 60
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), "timeout") {
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
				timeout = n
			}
		}
	}
	id = strings.TrimSpace(id)
	if end := strings.IndexFunc(id, unicode.IsControl); end >= 0 {
		id = id[:end] // lines that end with a line feed alone, after others that end well
	}
	const margin = 5 // the library's
	h["Session"] = base.HeaderValue{id + ";timeout=" + strconv.Itoa(max(min(timeout/2, 25), 1)+margin)}
}

// rewriteTransport keeps only what is needed of the answer to SETUP. The SSRC is
// often garbled and not used. A source address that is not the camera's own would
// make us send packets to, and take pictures from, a third party. A destination that is
// no group would make us listen where the camera wants, and ask DNS what it wants.
//
// Values are kept only when they are what they must be: behind a quotation mark in one,
// the library would read on, and find whatever else is in it.
func rewriteTransport(h base.Header, multicast bool) {
	v := first(h, "Transport")
	if v == "" {
		return
	}
	var kept []string
	for p := range strings.SplitSeq(v, ";") {
		key, value, _ := strings.Cut(p, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.Trim(value, " \t\"")
		switch {
		case strings.HasPrefix(key, "rtp/"):
			kept = append(kept, strings.ToUpper(key))
		case key == "unicast", key == "multicast":
			kept = append(kept, key)
		case isPorts(value) && (key == "interleaved" || key == "server_port" || key == "client_port" || multicast && key == "port"),
			multicast && key == "destination" && isGroup(value):
			kept = append(kept, key+"="+value)
		}
	}
	h["Transport"] = base.HeaderValue{strings.Join(kept, ";")}
}

// isPorts says whether text is a number, or two with a dash.
func isPorts(text string) bool { return text != "" && strings.Trim(text, "0123456789-") == "" }

// isGroup says whether text is the address of a multicast group.
func isGroup(text string) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && a.IsMulticast() && a.Zone() == ""
}

func parseRetryAfter(h base.Header) time.Duration {
	n, err := strconv.Atoi(first(h, "Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 3600)) * time.Second
}
