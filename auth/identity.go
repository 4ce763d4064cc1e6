package auth

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/internal/failpoint"
)

// Why somebody is refused.
var (
	// ErrMissing: the call brings nothing that says who calls.
	ErrMissing = errors.New("no token")
	// ErrUnknown: nobody has this token or certificate, or not any more.
	ErrUnknown = errors.New("unknown token or certificate")
	// ErrExpired: its time is over.
	ErrExpired = errors.New("expired")
	// ErrRole: the role does not include this.
	ErrRole = errors.New("not allowed in this role")
)

// Identity is who makes a call. What it may do is looked up at every question, so
// that a call that is under way loses the rights that are withdrawn.
type Identity struct {
	name  string
	fixed *grant // without keys
	keys  *Keys
	match func(*set) *grant // its entry in a set; nil = there is none
	known atomic.Pointer[known]
	// notAfter is the end of its certificate, which a connection can outlive.
	notAfter time.Time
	// trusted says that nobody asked who it is.
	trusted bool
}

// known is what match said of a set.
type known struct {
	set   *set
	grant *grant
}

// Trusted is an identity that may do everything: of a listener that is protected in
// another way.
func Trusted(name string) *Identity {
	return &Identity{name: name, trusted: true, fixed: &grant{name: name, role: Admin, scope: everything()}}
}

// grant are the rights in force; nil = there are none.
func (i *Identity) grant() *grant {
	if i.keys == nil {
		return i.fixed
	}
	s := i.keys.current.Load()
	if k := i.known.Load(); k != nil && k.set == s {
		return k.grant
	}
	g := i.match(s)
	i.known.Store(&known{s, g})
	return g
}

// Name is who it is, for logs: the name of the entry, or one in the certificate.
func (i *Identity) Name() string {
	if i == nil {
		return "nobody"
	}
	return i.name
}

// Account is a name that no other identity has, of whichever kind: the same for all who
// share an entry or a certificate's name.
func (i *Identity) Account() string {
	switch {
	case i == nil:
		return "nobody"
	case i.keys != nil:
		return "entry " + i.name
	case i.trusted:
		return "trusted " + i.name
	}
	return "certificate " + i.name
}

// Trusted says whether it is one of [Trusted]: nothing is known of it but where it comes
// from.
func (i *Identity) Trusted() bool { return i != nil && i.trusted }

// MaxCameras is how many cameras there may be that it can change; not limited says that
// its entry does not say. Who has no rights may have none.
func (i *Identity) MaxCameras() (n int, limited bool) {
	g, err := i.allowed(View)
	switch {
	case err != nil:
		return 0, true
	case g.maxCameras == nil:
		return 0, false
	}
	return *g.maxCameras, true
}

// May says whether the identity has a role now: nil, [ErrUnknown], [ErrExpired] or
// [ErrRole]. A nil identity has none.
func (i *Identity) May(role Role) error {
	_, err := i.allowed(role)
	return err
}

func (i *Identity) allowed(role Role) (*grant, error) {
	if i == nil {
		return nil, ErrMissing
	}
	g := i.grant()
	switch now := failpoint.Now(); {
	case g == nil || role == Nobody:
		return nil, ErrUnknown
	case g.expired(now), !i.notAfter.IsZero() && now.After(i.notAfter):
		return nil, ErrExpired
	case g.role < role:
		return nil, ErrRole
	}
	return g, nil
}

// Sees says whether the identity has a role now for the camera with this id and these
// labels.
func (i *Identity) Sees(role Role, id string, labels map[string]string) bool {
	g, err := i.allowed(role)
	return err == nil && g.scope.includes(id, labels)
}

// SeesAll says whether no camera is hidden from the identity.
func (i *Identity) SeesAll() bool {
	g, err := i.allowed(View)
	return err == nil && g.scope.all
}

// Scope says in words, for people, which cameras are not hidden from the identity.
func (i *Identity) Scope() string {
	g, err := i.allowed(View)
	if err != nil {
		return "no camera"
	}
	return g.scope.String()
}

// Until is when the rights in force end by themselves; zero = never.
func (i *Identity) Until() time.Time {
	g, err := i.allowed(View)
	switch {
	case err != nil:
		return failpoint.Now()
	case g.expires.IsZero(), !i.notAfter.IsZero() && i.notAfter.Before(g.expires):
		return i.notAfter
	}
	return g.expires
}

// recheck is how long rights may go unasked that end at a time of day.
const recheck = time.Minute

// Recheck is after what time to ask again whether the rights in force still are: when they
// end, but within a minute, since somebody may set the clock of this machine forward.
// False = they don't end by themselves.
func (i *Identity) Recheck() (after time.Duration, needed bool) {
	until := i.Until()
	if until.IsZero() {
		return 0, false
	}
	return min(until.Sub(failpoint.Now()), recheck), true
}

type contextKey struct{}

// NewContext returns a context of calls that i makes.
func NewContext(ctx context.Context, i *Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// FromContext returns who makes the call; nil = nobody was let in, and a nil identity
// may do nothing.
func FromContext(ctx context.Context) *Identity {
	i, _ := ctx.Value(contextKey{}).(*Identity)
	return i
}
