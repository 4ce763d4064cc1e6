package server

import (
	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/rtsp"
)

// keptPassword stands for the stored password while a change is applied, so that a
// change that leaves it can be told from one that gives the same again. No camera has
// it: passwords with control characters are refused.
const keptPassword = "\x00kept"

// relocated applies change and refuses one that would take a password that is stored
// to where it has not been before: passwords can be set, not read, and who points the
// camera at a listener of their own would read it. Administrators may.
func relocated(caller *auth.Identity, before config.Camera, change func(config.Camera) (config.Camera, error)) (config.Camera, error) {
	if before.Password.Reveal() == "" || caller.May(Admin) == nil {
		return change(before)
	}
	marked := before.Clone()
	marked.Password = secret.New(keptPassword)
	after, err := change(marked)
	if err != nil || after.Password.Reveal() != keptPassword {
		return after, err
	}
	after.Password = before.Password
	if exposes(before, after) {
		return before, invalid(apierr.InvalidCredentials, "spec.credentials.password",
			"is stored for the address and protection that the camera has now, and this would send it elsewhere; give the password again")
	}
	return after, nil
}

// exposes reports whether the login of before, in after, goes to another host or
// port, or is protected in another way on the way there. A stricter way is none.
func exposes(before, after config.Camera) bool {
	if before.URL == after.URL && before.TLS == after.TLS {
		return false
	}
	from, _, err := rtsp.ParseURL(before.URL)
	if err != nil {
		return true
	}
	to, _, err := rtsp.ParseURL(after.URL)
	if err != nil {
		return true // it will be refused for that
	}
	switch {
	case from.Address() != to.Address():
		return true
	case from.Secure():
		return !to.Secure() || before.TLS != after.TLS && after.TLS.Mode != config.TLSVerify
	}
	return false
}
