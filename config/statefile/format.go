package statefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/frameport/frameport/config"
)

const (
	formatName    = "frameport-state"
	formatVersion = 1
)

type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Bytes   int    `json:"bytes"`
	SHA256  string `json:"sha256"`
	Cipher  string `json:"cipher,omitempty"` // of a sealed file; see Note: [Sealing]
	Key     string `json:"key,omitempty"`    // which key
	Salt    []byte `json:"salt,omitempty"`
}

type record struct {
	ID      string          `json:"camera_id"`
	Added   *time.Time      `json:"added,omitempty"`
	Removed bool            `json:"removed,omitempty"`
	Spec    json.RawMessage `json:"spec,omitempty"`
}

// encoder makes the file of records. It keeps each camera's line until the camera
// changes: every change writes all of them.
type encoder struct {
	lines map[string]line
}

type line struct {
	of   config.Record
	text []byte
}

// encode returns the file: a line for the header, and one for each camera.
func (e *encoder) encode(records []config.Record) ([]byte, error) {
	lines := make(map[string]line, len(records))
	body := []byte("[")
	for i, r := range records {
		l, known := e.lines[r.ID]
		if !known || !l.says(r) {
			text, err := encodeRecord(r)
			if err != nil {
				return nil, fmt.Errorf("camera %s: %w", r.ID, err)
			}
			r.Spec = r.Spec.Clone()
			l = line{r, text}
		}
		lines[r.ID] = l
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(body, '\n'), l.text...)
	}
	e.lines = lines
	body = append(body, "\n]\n"...)
	head, err := header{Format: formatName, Version: formatVersion}.encode(body)
	if err != nil {
		return nil, err
	}
	return append(head, body...), nil
}

// says whether the line is that of the record.
func (l line) says(r config.Record) bool {
	return l.of.Removed == r.Removed && l.of.Added.Equal(r.Added) && l.of.Spec.Equal(r.Spec)
}

func encodeRecord(r config.Record) ([]byte, error) {
	out := record{ID: r.ID, Removed: r.Removed}
	if !r.Added.IsZero() {
		added := r.Added.UTC()
		out.Added = &added
	}
	if !r.Removed {
		spec, err := config.EncodeCamera(r.Spec)
		if err != nil {
			return nil, err
		}
		out.Spec = spec
	}
	return json.Marshal(out)
}

func (h header) encode(body []byte) ([]byte, error) {
	sum := sha256.New()
	if h.Cipher != "" {
		_, _ = sum.Write(h.bound())
	}
	_, _ = sum.Write(body)
	h.Bytes, h.SHA256 = len(body), hex.EncodeToString(sum.Sum(nil))
	line, err := json.Marshal(h)
	return append(line, '\n'), err
}

// decode reads what encode wrote, sealed or not, and nothing else: every altered byte is
// seen.
func decode(data []byte, key *Key) ([]config.Record, error) {
	head, body, err := split(data)
	if err != nil {
		return nil, err
	}
	if head.Version == sealedVersion {
		plain, err := unseal(head, body, key)
		if err != nil {
			return nil, err
		}
		if head, body, err = split(plain); err != nil {
			return nil, err
		}
	}
	if head.Version != formatVersion || head.Cipher != "" || head.Key != "" || head.Salt != nil {
		return nil, fmt.Errorf("%w: its header makes no sense", ErrDamaged)
	}
	return decodeBody(body)
}

// split checks the header and returns it with what follows.
func split(data []byte) (head header, body []byte, err error) {
	line, body, complete := bytes.Cut(data, []byte("\n"))
	if err := json.Unmarshal(line, &head); err != nil || head.Format != formatName {
		if len(data) == 0 {
			return head, nil, fmt.Errorf("%w: it is empty", ErrDamaged)
		}
		if bytes.HasPrefix([]byte(`{"format":"`+formatName+`"`), data) || bytes.HasPrefix(data, []byte(`{"format":"`+formatName+`"`)) {
			return head, nil, fmt.Errorf("%w: its header is torn", ErrDamaged)
		}
		return head, nil, ErrForeign
	}
	if head.Version > sealedVersion {
		return head, nil, fmt.Errorf("%w: it has version %d, this program knows %d", ErrNewer, head.Version, sealedVersion)
	}
	if len(body) != head.Bytes {
		return head, nil, fmt.Errorf("%w: it should have %d bytes after the header and has %d", ErrDamaged, head.Bytes, len(body))
	}
	want, err := head.encode(body)
	if err != nil {
		return head, nil, err
	}
	if !complete || !bytes.Equal(want, data[:len(line)+1]) {
		return head, nil, fmt.Errorf("%w: its checksum is wrong, so it was altered after it was written", ErrDamaged)
	}
	return head, body, nil
}

func decodeBody(body []byte) (records []config.Record, err error) {
	var list []record
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	records = make([]config.Record, 0, len(list))
	for _, r := range list {
		out := config.Record{ID: r.ID, Removed: r.Removed}
		if r.Added != nil {
			out.Added = *r.Added
		}
		if !r.Removed {
			if out.Spec, err = config.DecodeCamera(r.Spec); err != nil {
				return nil, fmt.Errorf("%w: camera %s: %w", ErrDamaged, r.ID, err)
			}
		}
		records = append(records, out)
	}
	return records, nil
}
