package statefile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
)

// Note: [Sealing]
//
// A sealed file is a plain one, header and all, encrypted with AES-256-GCM of the
// standard library under a header of its own. Each file has a key of its own, derived
// from the given one and 32 random bytes in the header (HKDF, RFC 5869), so no two files
// share a key and nonce however often they are saved. The header also names the key, by
// four bytes of a hash, so that a wrong key is told from a damaged file. It is covered
// by its own checksum and, as additional data, by the seal.

const (
	sealedVersion = 2
	sealCipher    = "AES-256-GCM"
	saltBytes     = 32
)

// isSealed says whether a file that was decoded is a sealed one.
func isSealed(data []byte) bool {
	var head header
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return json.Unmarshal(line, &head) == nil && head.Version == sealedVersion
}

// seal encrypts a plain file.
func seal(plain []byte, key *Key) ([]byte, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	head := header{Format: formatName, Version: sealedVersion, Cipher: sealCipher, Key: key.id(), Salt: salt}
	aead, err := head.aead(key)
	if err != nil {
		return nil, err
	}
	body := aead.Seal(nil, nil, plain, head.bound())
	line, err := head.encode(body)
	return append(line, body...), err
}

// unseal returns the plain file. The checksum has been compared.
func unseal(head header, body []byte, key *Key) ([]byte, error) {
	switch {
	case head.Cipher != sealCipher || len(head.Salt) != saltBytes:
		return nil, fmt.Errorf("%w: it says nothing of how it is encrypted", ErrDamaged)
	case key == nil:
		return nil, fmt.Errorf("%w, and none is given: give its key %s with --state-key-file, FRAMEPORT_STATE_KEY or the systemd credential frameport-state-key", ErrKey, head.Key)
	case head.Key != key.id():
		return nil, fmt.Errorf("%w: it is encrypted with the key %s, and the one that is given is %s", ErrKey, head.Key, key.id())
	}
	aead, err := head.aead(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, body, head.bound())
	if err != nil {
		return nil, fmt.Errorf("%w: it was altered by somebody who has no key", ErrDamaged)
	}
	return plain, nil
}

// aead returns the cipher of the file with this header. Nonces are random and stand in
// front of what is encrypted.
func (h header) aead(key *Key) (cipher.AEAD, error) {
	derived, err := key.derive(h.Salt)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// bound is what of the header the seal covers.
func (h header) bound() []byte {
	return fmt.Appendf(nil, "%s %d %s %s %x", h.Format, h.Version, h.Cipher, h.Key, h.Salt)
}
