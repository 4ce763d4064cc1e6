package auth

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/frameport/frameport/internal/secret"
)

// Keys is an auth file in force.
type Keys struct {
	current atomic.Pointer[set]
	file    file
	name    string

	mu       sync.Mutex
	watchers []chan<- struct{}
}

// OpenKeys reads an auth file for the first time.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{
		file: file{path: path, forbidden: 0o022, why: "can be written by other users"},
		name: filepath.Base(path),
	}
	if _, err := k.Reload(); err != nil {
		return nil, fmt.Errorf("auth file: %w", err)
	}
	return k, nil
}

// Reload reads the file again and says whether other rights are in force now. After an
// error those before are.
func (k *Keys) Reload() (changed bool, err error) {
	data, changed, err := k.file.read()
	if err != nil || !changed {
		return false, err
	}
	s, err := parse(data, k.name)
	if err != nil {
		return false, err
	}
	k.current.Store(s)
	k.nudge()
	return true, nil
}

func (k *Keys) nudge() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ch := range k.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Watch puts something into ch, which has room for one, when rights may have changed,
// until stop is called.
func (k *Keys) Watch(ch chan<- struct{}) (stop func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watchers = append(k.watchers, ch)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if i := slices.Index(k.watchers, ch); i >= 0 {
			k.watchers = slices.Delete(k.watchers, i, i+1)
		}
	}
}

// token finds who holds a token.
func (k *Keys) token(token secret.String) (*Identity, error) {
	if text := token.Reveal(); text == "" || len(text) > maxToken {
		return nil, ErrUnknown
	}
	digest := DigestOf(token)
	return k.identity(&Identity{match: func(s *set) *grant { return s.token(digest) }})
}

// certificate finds whose certificate it is.
func (k *Keys) certificate(c *x509.Certificate) (*Identity, error) {
	return k.identity(&Identity{match: func(s *set) *grant { return s.certificate(c) }, notAfter: c.NotAfter})
}

func (k *Keys) identity(i *Identity) (*Identity, error) {
	i.keys = k
	if err := i.May(View); err != nil {
		return nil, err
	}
	i.name = i.grant().name
	return i, nil
}
