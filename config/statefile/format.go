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
}

type record struct {
	ID      string          `json:"camera_id"`
	Added   *time.Time      `json:"added,omitempty"`
	Removed bool            `json:"removed,omitempty"`
	Spec    json.RawMessage `json:"spec,omitempty"`
}

func encode(records []config.Record) ([]byte, error) {
	list := make([]record, 0, len(records))
	for _, r := range records {
		out := record{ID: r.ID, Removed: r.Removed}
		if !r.Added.IsZero() {
			added := r.Added.UTC()
			out.Added = &added
		}
		if !r.Removed {
			spec, err := config.EncodeCamera(r.Spec)
			if err != nil {
				return nil, fmt.Errorf("camera %s: %w", r.ID, err)
			}
			out.Spec = spec
		}
		list = append(list, out)
	}
	body, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	head, err := encodeHeader(body)
	if err != nil {
		return nil, err
	}
	return append(head, body...), nil
}

func encodeHeader(body []byte) ([]byte, error) {
	sum := sha256.Sum256(body)
	head, err := json.Marshal(header{formatName, formatVersion, len(body), hex.EncodeToString(sum[:])})
	return append(head, '\n'), err
}

// decode reads what encode wrote, and nothing else: every altered byte is seen.
func decode(data []byte) ([]config.Record, error) {
	line, body, complete := bytes.Cut(data, []byte("\n"))
	var head header
	if err := json.Unmarshal(line, &head); err != nil || head.Format != formatName {
		if len(data) == 0 {
			return nil, fmt.Errorf("%w: it is empty", ErrDamaged)
		}
		if bytes.HasPrefix([]byte(`{"format":"`+formatName+`"`), data) || bytes.HasPrefix(data, []byte(`{"format":"`+formatName+`"`)) {
			return nil, fmt.Errorf("%w: its header is torn", ErrDamaged)
		}
		return nil, ErrForeign
	}
	if head.Version > formatVersion {
		return nil, fmt.Errorf("%w: it has version %d, this program knows %d", ErrNewer, head.Version, formatVersion)
	}
	if len(body) != head.Bytes {
		return nil, fmt.Errorf("%w: it should have %d bytes after the header and has %d", ErrDamaged, head.Bytes, len(body))
	}
	want, err := encodeHeader(body)
	if err != nil {
		return nil, err
	}
	if !complete || !bytes.Equal(want, data[:len(line)+1]) {
		return nil, fmt.Errorf("%w: its checksum is wrong, so it was altered after it was written", ErrDamaged)
	}
	var list []record
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	records := make([]config.Record, 0, len(list))
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
