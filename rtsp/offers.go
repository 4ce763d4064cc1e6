package rtsp

import (
	"fmt"
	"strings"
)

// challenges are the offers of a 401, as the library can read them.
type challenges struct {
	digest      []string // with MD5 or SHA-256
	otherDigest bool     // with another algorithm
	basic       []string
	stale       bool
	opaque      string
}

func parseChallenges(values []string) challenges {
	var c challenges
	for _, v := range values {
		for _, o := range splitOffers(v) {
			c.add(o)
		}
	}
	return c
}

func (c *challenges) add(o offer) {
	switch p := o.params; o.scheme {
	case "digest":
		if strings.EqualFold(p["stale"], "true") {
			c.stale = true
		}
		if p["nonce"] == "" {
			return
		}
		switch strings.ToUpper(p["algorithm"]) {
		case "", "MD5", "SHA-256":
			c.digest = append(c.digest, writeDigest(p))
			if c.opaque == "" || strings.EqualFold(p["algorithm"], "SHA-256") {
				c.opaque = p["opaque"]
			}
		default:
			c.otherDigest = true
		}
	case "basic":
		c.basic = append(c.basic, `Basic realm="`+p["realm"]+`"`)
	}
}

func writeDigest(p map[string]string) string {
	s := fmt.Sprintf(`Digest realm="%s", nonce="%s"`, p["realm"], p["nonce"])
	if alg := p["algorithm"]; alg != "" {
		s += fmt.Sprintf(`, algorithm="%s"`, alg)
	}
	return s
}

// offer is one challenge of a header line. The scheme and the keys are in lower case.
type offer struct {
	scheme string
	params map[string]string
}

// splitOffers reads 'Basic realm="a, b", Digest realm=a, nonce=b': a line may hold several
// (RFC 9110, 11.6.1), and commas stand between them as well as inside of them. Cameras
// forget commas, so what tells is what follows a word: an equals sign makes it a key, and
// anything else a scheme. A word alone is a scheme only when it is a known one.
func splitOffers(s string) (out []offer) {
	for {
		if s = strings.TrimLeft(s, " \t,"); s == "" {
			return out
		}
		end := strings.IndexAny(s, " \t,=\"")
		if end < 0 {
			end = len(s)
		}
		word, rest := strings.ToLower(s[:end]), strings.TrimLeft(s[end:], " \t")
		switch known := word == "basic" || word == "digest"; {
		case strings.HasPrefix(rest, "="):
			var value string
			value, s = cutValue(strings.TrimLeft(rest[1:], " \t"))
			if len(out) == 0 || strings.ContainsAny(value, "\"\r\n") {
				continue
			}
			if p := out[len(out)-1].params; !hasKey(p, word) {
				p[word] = value
			}
		case word == "": // a text that is nobody's
			_, s = cutValue(rest)
		case known || rest != "" && rest[0] != ',':
			out, s = append(out, offer{word, map[string]string{}}), rest
		default:
			s = rest
		}
	}
}

func hasKey(p map[string]string, key string) bool {
	_, ok := p[key]
	return ok
}

// cutValue reads a value, which ends with its quotation mark or before the next comma.
func cutValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			end = len(s)
		}
		return strings.TrimSpace(s[:end]), s[end:]
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++ // what it stands before is no end
		case '"':
			return s[1:i], s[i+1:]
		}
	}
	return s[1:], ""
}
