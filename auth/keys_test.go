package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func one(rights string) string {
	return fmt.Sprintf("tokens: [{name: app, hash: %s, %s}]", authtest.Hash("app-token"), rights)
}

func open(t *testing.T, text string) (*auth.Keys, string) {
	t.Helper()
	path := authtest.File(t, text)
	k, err := auth.OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func login(t *testing.T, k *auth.Keys) *auth.Identity {
	t.Helper()
	id, err := (&auth.Gate{Keys: k}).Authenticate(auth.Evidence{Token: secret.New("app-token")})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRolesIncludeThoseBefore(t *testing.T) {
	for role, may := range map[string][3]bool{"view": {true, false, false}, "control": {true, true, false}, "admin": {true, true, true}} {
		k, _ := open(t, one("role: "+role))
		id := login(t, k)
		for i, wanted := range []auth.Role{auth.View, auth.Control, auth.Admin} {
			if err := id.May(wanted); (err == nil) != may[i] || err != nil && !errors.Is(err, auth.ErrRole) {
				t.Errorf("%s may %v: %v", role, wanted, err)
			}
			if id.Sees(wanted, "door", nil) != may[i] {
				t.Errorf("%s sees as %v", role, wanted)
			}
		}
		if id.May(auth.Nobody) == nil {
			t.Errorf("%s may what nobody may", role)
		}
	}
	var nobody *auth.Identity
	if nobody.May(auth.View) == nil || nobody.Sees(auth.View, "door", nil) || nobody.SeesAll() || auth.FromContext(t.Context()) != nil {
		t.Error("nobody may something")
	}
}

func TestGate(t *testing.T) {
	k, _ := open(t, one("role: view"))
	token := func(s string) auth.Evidence { return auth.Evidence{Token: secret.New(s)} }
	socket := auth.Evidence{Unix: true}
	for name, tc := range map[string]struct {
		gate auth.Gate
		with auth.Evidence
		want error
	}{
		"token":                     {auth.Gate{Keys: k}, token("app-token"), nil},
		"wrong token":               {auth.Gate{Keys: k}, token("app-tokem"), auth.ErrUnknown},
		"longer token":              {auth.Gate{Keys: k}, token("app-token "), auth.ErrUnknown},
		"empty token":               {auth.Gate{Keys: k}, token(""), auth.ErrUnknown},
		"the hash is no token":      {auth.Gate{Keys: k}, token(authtest.Hash("app-token")), auth.ErrUnknown},
		"huge token":                {auth.Gate{Keys: k}, token(strings.Repeat("x", 1<<20)), auth.ErrUnknown},
		"nothing":                   {auth.Gate{Keys: k}, auth.Evidence{}, auth.ErrMissing},
		"trusted socket":            {auth.Gate{Keys: k, TrustUnix: true}, socket, nil},
		"socket":                    {auth.Gate{Keys: k}, socket, auth.ErrMissing},
		"wrong token over a socket": {auth.Gate{Keys: k, TrustUnix: true}, auth.Evidence{Token: secret.New("x"), Unix: true}, auth.ErrUnknown},
		"token without a file":      {auth.Gate{CertificateRole: auth.View}, token("x"), auth.ErrMissing},
	} {
		id, err := tc.gate.Authenticate(tc.with)
		if !errors.Is(err, tc.want) || (id == nil) != (err != nil) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestReloadChangesWhoIsIn(t *testing.T) {
	k, path := open(t, one("role: control"))
	id := login(t, k)
	nudged := make(chan struct{}, 1)
	stop := k.Watch(nudged)
	defer stop()
	if changed, err := k.Reload(); changed || err != nil || len(nudged) > 0 {
		t.Errorf("without a change: %v, %v", changed, err)
	}
	set := func(text string) error {
		authtest.Write(t, path, []byte(text))
		_, err := k.Reload()
		return err
	}
	// What can't be read leaves all as it was.
	for _, broken := range []string{"", "tokens: [", "tokens: [{name: app}]", one("role: king"), strings.Repeat("#", 2<<20)} {
		if err := set(broken); err == nil || id.May(auth.Control) != nil || len(nudged) > 0 {
			t.Errorf("%.20q: %v", broken, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Reload(); err == nil || id.May(auth.Control) != nil {
		t.Errorf("a file that is gone: %v", err)
	}
	if err := set(one("role: view, cameras: {ids: [door]}")); err != nil || len(nudged) != 1 {
		t.Errorf("%v, nudged %d times", err, len(nudged))
	}
	if !errors.Is(id.May(auth.Control), auth.ErrRole) || !id.Sees(auth.View, "door", nil) || id.Sees(auth.View, "yard", nil) || id.SeesAll() {
		t.Error("an identity keeps rights that were withdrawn")
	}
	if err := set("tokens: []"); err != nil || !errors.Is(id.May(auth.View), auth.ErrUnknown) || id.Sees(auth.View, "door", nil) {
		t.Errorf("%v, a withdrawn token goes on: %v", err, id.May(auth.View))
	}
}

func TestAuthFileOfEverybody(t *testing.T) {
	_, path := open(t, one("role: view"))
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenKeys(path); err == nil || !strings.Contains(err.Error(), "chmod 0644") {
		t.Errorf("a file that everybody can write: %v", err)
	}
	if _, err := auth.OpenKeys(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(time.Hour).Truncate(time.Second)
		k, _ := open(t, one("role: view, expires: "+end.UTC().Format(time.RFC3339)))
		id := login(t, k)
		if !id.Until().Equal(end) {
			t.Errorf("until %v, want %v", id.Until(), end)
		}
		time.Sleep(time.Until(end) - 1)
		if err := id.May(auth.View); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Nanosecond)
		if err := id.May(auth.View); !errors.Is(err, auth.ErrExpired) {
			t.Errorf("after its end: %v", err)
		}
		if _, err := (&auth.Gate{Keys: k}).Authenticate(auth.Evidence{Token: secret.New("app-token")}); !errors.Is(err, auth.ErrExpired) {
			t.Errorf("a new login: %v", err)
		}
	})
}

// The reloader looks by itself, goes on after an error, and says so once.
func TestReloader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, path := open(t, one("role: view"))
		id := login(t, k)
		var log bytes.Buffer
		r := &auth.Reloader{Keys: k, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		authtest.Write(t, path, []byte("tokens: [{hash: fpt_s3cr3t}]"))
		time.Sleep(time.Minute)
		if id.May(auth.View) != nil || r.KeysFailed() != 1 || r.CertificatesFailed() != 0 {
			t.Errorf("a broken file: %v, %d failures", id.May(auth.View), r.KeysFailed())
		}
		authtest.Write(t, path, []byte("tokens: []"))
		time.Sleep(5 * time.Second)
		if id.May(auth.View) == nil {
			t.Error("the file was not read within five seconds")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		text := log.String()
		if strings.Count(text, "auth file not reloaded, the old one stays in force") != 1 || strings.Count(text, "auth file reloaded") != 1 || strings.Contains(text, "s3cr3t") {
			t.Errorf("logged:\n%s", text)
		}
	})
}
