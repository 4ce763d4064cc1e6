package invariant

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// Canary is a login whose password must show nowhere.
type Canary struct {
	User, Realm string // Realm is what the camera calls itself
	Password    string
	Mark        string // part of the password that is the same in a URL
}

// Forms are those in which the password could get out.
func (c Canary) Forms() []string {
	secret := []byte(c.User + ":" + c.Realm + ":" + c.Password)
	weak, strong := md5.Sum(secret), sha256.Sum256(secret)
	return []string{
		c.Mark,
		base64.StdEncoding.EncodeToString([]byte(c.Password)),
		base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password)),
		hex.EncodeToString(weak[:]), hex.EncodeToString(strong[:]),
	}
}
