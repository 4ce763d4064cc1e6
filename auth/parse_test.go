package auth

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/internal/secret"
)

func hash(token string) string { return DigestOf(secret.New(token)).String() }

func TestParse(t *testing.T) {
	s, err := parse(fmt.Appendf(nil, `# who may what
tokens:
  - name: dashboard
    hash: sha256:%s
    role: view
    cameras: {labels: "site=north,!test"}
    expires: 2030-01-31
  - {name: installer, hash: %s, role: Control, cameras: {ids: [yard, door, yard]}, expires: "2030-01-31T12:00:00+01:00"}
  - {name: operator, hash: %s, role: admin}
certificates:
  - {name: recorder, san: "spiffe://example.org/recorder", role: view}
  - {name: local, san: "::ffff:192.0.2.1", role: view}
`, hash("a"), strings.ToUpper(hash("b")), hash("c")), "auth.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := s.tokens[0], s.tokens[1], s.tokens[2]
	if a.name != "dashboard" || a.role != View || !a.expires.Equal(time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)) || b.role != Control ||
		!b.expires.Equal(time.Date(2030, 1, 31, 11, 0, 0, 0, time.UTC)) || c.role != Admin || !c.expires.IsZero() {
		t.Errorf("%+v %+v %+v", a, b, c)
	}
	for i, want := range []struct{ door, yard, gate bool }{{true, false, false}, {true, true, false}, {true, true, true}} {
		got := s.tokens[i].scope
		if got.includes("door", map[string]string{"site": "north"}) != want.door || got.includes("yard", map[string]string{"site": "north", "test": ""}) != want.yard ||
			got.includes("gate", nil) != want.gate {
			t.Errorf("cameras of %s", s.tokens[i].name)
		}
	}
	for i, token := range []string{"a", "b", "c"} {
		if s.token(DigestOf(secret.New(token))) != s.tokens[i] {
			t.Errorf("token %s is not found", token)
		}
	}
	if g := s.token(DigestOf(secret.New("d"))); g != nil {
		t.Errorf("a token that is not there is that of %s", g.name)
	}
	if _, err := parse([]byte(`{"tokens": [{"name": "x", "hash": "`+hash("x")+`", "role": "view"}]}`), "auth.json"); err != nil {
		t.Error(err)
	}
	if s, err := parse([]byte("tokens: []"), "auth.yaml"); err != nil || len(s.tokens) != 0 {
		t.Error("nobody can be locked out on purpose")
	}
}

// TestEmptyListIsNoCamera: who is taken the last camera does not get all of them.
func TestEmptyListIsNoCamera(t *testing.T) {
	s, err := parse([]byte("tokens: [{name: a, role: control, hash: "+hash("a")+", cameras: {ids: []}}]"), "auth.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if g := s.tokens[0]; g.scope.includes("door", nil) || g.scope.includes("", map[string]string{"site": "north"}) {
		t.Error("it is for cameras")
	}
	if (scope{}).includes("door", nil) {
		t.Error("a scope that nobody has set is for a camera")
	}
}

func TestScopeInWords(t *testing.T) {
	s, err := parse([]byte("tokens: [{name: a, role: control, hash: "+hash("a")+", cameras: {ids: [yard, door]}}, "+
		"{name: b, role: view, hash: "+hash("b")+", cameras: {labels: 'site=north,!test'}}, "+
		"{name: c, role: view, hash: "+hash("c")+", cameras: {ids: []}}, {name: d, role: view, hash: "+hash("d")+"}]"), "auth.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"the cameras door, yard", "cameras with labels site=north,!test", "no camera", "all cameras"} {
		if got := s.tokens[i].scope.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := (scope{}).String(); got != "no camera" {
		t.Errorf("a scope that nobody has set is for %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	ok := "hash: " + hash("a")
	for text, want := range map[string]string{
		"":                                  "neither tokens nor certificates",
		"# nothing\n":                       "neither tokens nor certificates",
		"tokens:\n":                         "neither tokens nor certificates",
		"tokens: {":                         "auth.yaml:1:",
		"tokens: 5":                         "auth.yaml:1:",
		"users: []":                         `unknown field "users"`,
		"tokens: []\n---\ntokens: []":       "more than one YAML document",
		"tokens: [{" + ok + ", rol: x}]":    `unknown field "rol"`,
		"tokens: [{role: view," + ok + "}]": "tokens[0]: name must have 1 to 64",
		"tokens: [{name: 'a b', role: view, " + ok + "}]":                                             "name must have",
		"tokens: [{name: a, " + ok + "}]":                                                             "tokens[0] (a): role is no role; use one of view, control, admin",
		"tokens: [{name: a, role: root, " + ok + "}]":                                                 "role is no role",
		"tokens: [{name: a, role: nobody, " + ok + "}]":                                               "role is no role",
		"tokens: [{name: a, role: view}]":                                                             "hash must be the SHA-256",
		"tokens: [{name: a, role: view, hash: fpt_s3cr3t}]":                                           "hash must be the SHA-256",
		"tokens: [{name: a, role: view, hash: abcd}]":                                                 "hash must be the SHA-256",
		"tokens: [{name: a, role: view, san: x, " + ok + "}]":                                         "a san, which is for certificates",
		"tokens: [{name: a, role: view, expires: soon, " + ok + "}]":                                  "expires must be a time such as 2027",
		"tokens: [{name: a, role: view, cameras: {}, " + ok + "}]":                                    "either ids or labels",
		"tokens: [{name: a, role: view, cameras: {ids: [x], labels: y}, " + ok + "}]":                 "either ids or labels",
		"tokens: [{name: a, role: view, cameras: {labels: ''}, " + ok + "}]":                          "labels is empty",
		"tokens: [{name: a, role: view, cameras: {labels: 'a=b,'}, " + ok + "}]":                      "ends where a key is expected",
		"tokens: [{name: a, role: view, cameras: , " + ok + "}]":                                      "tokens[0] (a): cameras stands there without a value",
		"tokens:\n- name: a\n  role: view\n  " + ok + "\n  cameras:\n":                                "cameras stands there without a value",
		"tokens: [{name: a, role: view, expires: null, " + ok + "}]":                                  "expires stands there without a value",
		"tokens: [{name: a, role: view, expires: '', " + ok + "}]":                                    "expires stands there without a value",
		"certificates: [{name: a, role: view, san: x, cameras: ~}]":                                   "cameras stands there without a value",
		"certificates: [{name: a, role: view, san: x, cameras: &c ~}]":                                "auth.yaml:1:",
		"tokens: [{name: a, role: view, cameras: {ids: [007]}, " + ok + "}]":                          "cameras.ids has 7, which is no text in YAML; write it between quotes",
		"tokens: [{name: a, role: view, cameras: {ids: [0x10]}, " + ok + "}]":                         "between quotes",
		"tokens: [{name: a, role: view, cameras: {ids: [yes, true]}, " + ok + "}]":                    "cameras.ids has true",
		"tokens: [{name: a, role: view, cameras: {ids: !!set {door: }}, " + ok + "}]":                 "no YAML that can be read", // the library panics
		"tokens: [{name: a, role: view, cameras: {ids: ['A B']}, " + ok + "}]":                        `"A B", which can't be a camera's id`,
		"tokens: [{name: a, role: admin, cameras: {ids: [x]}, " + ok + "}]":                           "role admin is for all cameras",
		"tokens: [{name: a, role: view, " + ok + "}, {name: a, role: view, hash: " + hash("b") + "}]": "the name stands twice",
		"tokens: [{name: a, role: view, " + ok + "}, {name: b, role: admin, " + ok + "}]":             "a and b have the same hash",
		"tokens: [{name: a, role: control, max_cameras: , " + ok + "}]":                               "max_cameras stands there without a value",
		"tokens: [{name: a, role: control, max_cameras: -1, " + ok + "}]":                             "max_cameras is -1; give 0 or more",
		"tokens: [{name: a, role: control, max_cameras: many, " + ok + "}]":                           "auth.yaml:1:",
		"tokens: [{name: a, role: view, max_cameras: 5, " + ok + "}]":                                 "max_cameras is for role control",
		"tokens: [{name: a, role: admin, max_cameras: 5, " + ok + "}]":                                "max_cameras is for role control",
		"certificates: [{name: a, role: view}]":                                                       "san is missing",
		"certificates: [{name: a, role: view, san: x, " + ok + "}]":                                   "a hash, which is for tokens",
		"certificates: [{name: a, role: view, san: x.y}, {name: b, role: view, san: X.Y}]":            "a and b have the same san",
		"tokens: [" + strings.Repeat("{name: a, role: view, "+ok+"},", maxEntries+1) + "]":            "1025 entries; 1024 are allowed",
	} {
		s, err := parse([]byte(text), "auth.yaml")
		if err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("what may be a token is in the error %v", err)
		}
	}
}

// max_cameras says how many, 0 is none, and without it there is no bound.
func TestMaxCameras(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.yaml")
	text := "tokens:\n"
	for name, more := range map[string]string{"none": ", max_cameras: 0", "some": ", max_cameras: 7", "free": ""} {
		text += "- {name: " + name + ", role: control, hash: " + hash(name) + more + "}\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	accounts := map[string]bool{}
	for name, want := range map[string]int{"none": 0, "some": 7, "free": -1} {
		id, err := (&Gate{Keys: keys}).Authenticate(Evidence{Token: secret.New(name)})
		if err != nil {
			t.Fatal(err)
		}
		n, limited := id.MaxCameras()
		if limited != (want >= 0) || limited && n != want {
			t.Errorf("%s: %d, %v", name, n, limited)
		}
		accounts[id.Account()] = true
		if id.Trusted() {
			t.Errorf("%s is trusted without a look", name)
		}
	}
	// A program that is trusted under the name of an entry, and a certificate, are others.
	for _, id := range []*Identity{Trusted("some"), {name: "some", fixed: &grant{role: View}}, nil} {
		accounts[id.Account()] = true
		if n, limited := id.MaxCameras(); limited != (id == nil) || n != 0 {
			t.Errorf("%s: %d, %v", id.Account(), n, limited)
		}
	}
	if len(accounts) != 6 {
		t.Errorf("accounts %v", accounts)
	}
}

func TestNewToken(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a.Equal(b) || !strings.HasPrefix(a.Reveal(), "fpt_") || len(a.Reveal()) != 4+43 || strings.Contains(fmt.Sprint(a), a.Reveal()) {
		t.Errorf("tokens of %d bytes", len(a.Reveal()))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("tokens: [{name: a, role: view, hash: " + hash("a") + ", cameras: {labels: a=b}, expires: 2030-01-01}]"))
	f.Add([]byte("certificates: [{name: a, role: control, san: x}]\ntokens: []"))
	f.Add([]byte(`{"tokens": [1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse(data, "f")
		if (s == nil) == (err == nil) {
			t.Fatalf("%v, %v", s, err)
		}
		if s == nil {
			return
		}
		for _, g := range append(s.tokens, s.certificates...) {
			if g.role < View || g.role > Admin || !validName(g.name) {
				t.Errorf("%+v", g)
			}
		}
	})
}
