package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/frameport/frameport/internal/secret"
)

// Note: [Why a plain hash]
//
// Passwords are stored under a slow function (argon2, bcrypt) because people choose
// ones that can be guessed. A token is made by [NewToken] from 256 random bits: nobody
// finds it by trying, however fast the hash is, and a slow one would let strangers
// spend our processor with wrong tokens. So it is SHA-256.

const (
	// tokenPrefix lets people and scanners of repositories see what it is.
	tokenPrefix = "fpt_"
	tokenBytes  = 32
	// maxToken bounds what is hashed for a stranger.
	maxToken = 512
)

// Digest is the SHA-256 of a token's text.
type Digest [sha256.Size]byte

// NewToken makes a token of 256 random bits.
func NewToken() secret.String {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return secret.New(tokenPrefix + base64.RawURLEncoding.EncodeToString(b))
}

// DigestOf is what an auth file says of a token.
func DigestOf(token secret.String) Digest { return sha256.Sum256([]byte(token.Reveal())) }

// String returns the digest as it stands in an auth file.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }
