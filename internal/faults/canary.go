package faults

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

// The login of cameras that ask for one. The password must show nowhere.
const (
	canaryUser     = "operator"
	canaryPassword = "c4n4ry/Frame port@1"
)

// canaries are the forms in which the password could get out.
func canaries() []string {
	secret := []byte(canaryUser + ":Frameport camera:" + canaryPassword)
	weak, strong := md5.Sum(secret), sha256.Sum256(secret)
	return []string{
		"c4n4ry", // in clear and percent-encoded
		base64.StdEncoding.EncodeToString([]byte(canaryPassword)),
		base64.StdEncoding.EncodeToString([]byte(canaryUser + ":" + canaryPassword)),
		hex.EncodeToString(weak[:]), hex.EncodeToString(strong[:]),
	}
}

// Secrets says where the password shows in what the worker wrote, or nil. What states
// say is looked at by each [Watch].
func (w *Worker) Secrets() error {
	for _, form := range canaries() {
		if lines := w.Log.Find(form); len(lines) > 0 {
			return fmt.Errorf("I10: the log holds a secret: %s", lines[0])
		}
	}
	return nil
}
