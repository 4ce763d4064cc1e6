package rtsp

import (
	"reflect"
	"strings"
	"testing"
)

// One line holds as many challenges as the camera likes: commas inside quotation marks
// are none, and what stands inside them is no challenge.
func TestOffersOfOneLine(t *testing.T) {
	t.Parallel()
	const digest = `Digest realm="r", nonce="n"`
	for line, want := range map[string]challenges{
		`Basic realm="x", ` + digest:                        {digest: []string{digest}, basic: []string{`Basic realm="x"`}},
		digest + `, Basic realm="x"`:                        {digest: []string{digest}, basic: []string{`Basic realm="x"`}},
		`Basic realm="x",Digest realm="r",nonce="n"`:        {digest: []string{digest}, basic: []string{`Basic realm="x"`}},
		`Basic realm="x" Digest realm="r" nonce="n"`:        {digest: []string{digest}, basic: []string{`Basic realm="x"`}},
		`Basic, ` + digest:                                  {digest: []string{digest}, basic: []string{`Basic realm=""`}},
		"basic realm=IP Camera\t,\tDIGEST realm=r, nonce=n": {digest: []string{digest}, basic: []string{`Basic realm="IP Camera"`}},
		`Basic realm="a, b, Digest c=d, nonce=e"`:           {basic: []string{`Basic realm="a, b, Digest c=d, nonce=e"`}},
		`Basic realm="a, \", b", ` + digest:                 {digest: []string{digest}, basic: []string{`Basic realm=""`}},
		`Digest realm="a, Basic b=c", nonce="d, e", stale=TRUE , opaque="f, g"`: {
			digest: []string{`Digest realm="a, Basic b=c", nonce="d, e"`}, stale: true, opaque: "f, g",
		},
		`Negotiate, NTLM TlRMTVNT==, Bearer realm="x", error="a, b", ` + digest: {digest: []string{digest}},
		digest + `, Bearer nonce="other", opaque="other"`:                       {digest: []string{digest}},
		`Digest nonce="n", stale, realm="r", algorithm=MD5, Digest realm="r", nonce="m", algorithm=SHA-256, opaque=o`: {
			digest: []string{digest + `, algorithm="MD5"`, `Digest realm="r", nonce="m", algorithm="SHA-256"`}, opaque: "o",
		},
		`Digest realm="r", nonce="n", algorithm=SHA-512-256, Basic realm="x"`: {otherDigest: true, basic: []string{`Basic realm="x"`}},
		`realm="x", nonce="n"`: {},
		`"Basic", =, ="a`:      {},
	} {
		if got := parseChallenges([]string{line}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", line, got, want)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Digest realm="a, b", nonce="n", stale=TRUE, algorithm=MD5, opaque=x`, `Basic realm="x"`)
	f.Add(`digest nonce=n`, `Bearer`)
	f.Add(`Basic realm="a, \"b", Digest realm=c, nonce="d, e"`, `Negotiate, NTLM x==, digest nonce=`)
	f.Fuzz(func(t *testing.T, a, b string) {
		c := parseChallenges([]string{a, b})
		for _, v := range append(c.digest, c.basic...) {
			if strings.ContainsAny(v, "\r\n") {
				t.Fatalf("line break in %q", v)
			}
		}
		// A Digest that can be read is seen behind whatever ends before it.
		if strings.Count(a, `"`) == 0 && len(parseChallenges([]string{a + `, Digest realm="r", nonce="n"`}).digest) == 0 {
			t.Fatalf("no Digest behind %q", a)
		}
	})
}
