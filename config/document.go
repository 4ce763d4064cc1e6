package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

// document is a camera as files write it: the field names of the API. The password
// stands in the clear, so a document exists only on the way from or to a file.
type document struct {
	URL         string            `yaml:"url" json:"url"`
	Credentials *login            `yaml:"credentials" json:"credentials,omitempty"`
	Transport   Transport         `yaml:"transport" json:"transport,omitempty"`
	TLS         *tlsDocument      `yaml:"tls" json:"tls,omitempty"`
	Labels      map[string]string `yaml:"labels" json:"labels,omitempty"`
	Decode      decodeDocument    `yaml:"decode" json:"decode,omitzero"`
	Frame       frameDocument     `yaml:"frame" json:"frame,omitzero"`
	Backend     BackendKind       `yaml:"backend" json:"backend,omitempty"`
	Device      string            `yaml:"device" json:"device,omitempty"`
}

type login struct {
	Username string     `yaml:"username" json:"username,omitempty"`
	Password *clearText `yaml:"password" json:"password,omitempty"`
}

type tlsDocument struct {
	Mode      TLSMode `yaml:"mode" json:"mode,omitempty"`
	PinSHA256 string  `yaml:"pin_sha256" json:"pin_sha256,omitempty"`
}

type decodeDocument struct {
	Mode   DecodeMode   `yaml:"mode" json:"mode,omitempty"`
	MaxFPS float64      `yaml:"max_fps" json:"max_fps,omitempty"`
	Linger durationText `yaml:"linger" json:"linger,omitempty"`
}

type frameDocument struct {
	MaxWidth  int           `yaml:"max_width" json:"max_width,omitempty"`
	MaxHeight int           `yaml:"max_height" json:"max_height,omitempty"`
	RingSize  int           `yaml:"ring_size" json:"ring_size,omitempty"`
	Color     colorDocument `yaml:"color" json:"color,omitzero"`
}

type colorDocument struct {
	Matrix matrixName `yaml:"matrix" json:"matrix,omitempty"`
	Range  rangeName  `yaml:"range" json:"range,omitempty"`
}

// clearText is a password on its way from or to a protected file. It prints as
// "***" like [secret.String].
type clearText string

func (clearText) String() string             { return "***" }
func (clearText) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }
func (clearText) LogValue() slog.Value       { return slog.StringValue("***") }

// UnmarshalYAML takes a scalar as it is written: 0123 is a password, not a number.
func (t *clearText) UnmarshalYAML(n ast.Node) error {
	switch n := n.(type) {
	case *ast.StringNode:
		*t = clearText(n.Value)
	case *ast.LiteralNode:
		*t = clearText(n.Value.Value)
	case ast.ScalarNode:
		*t = clearText(n.GetToken().Value)
	default:
		return errors.New("password must be a text; put it in quotes")
	}
	return nil
}

// durationText is a time.Duration as Go writes it ("10s").
type durationText time.Duration

func (d durationText) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *durationText) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%.20q is no duration; write it like 10s or 1m30s", b)
	}
	*d = durationText(v)
	return nil
}

type matrixName media.Matrix

func matrixNames() []string { return []string{"UNSPECIFIED", "BT601", "BT709", "BT2020"} }

func (m matrixName) MarshalText() ([]byte, error) { return []byte(nameOf(int(m), matrixNames())), nil }

func (m *matrixName) UnmarshalText(b []byte) error {
	n, err := parseName(string(b), "COLOR_MATRIX_", "colour matrix", matrixNames())
	*m = matrixName(n)
	return err
}

type rangeName media.Range

func rangeNames() []string { return []string{"UNSPECIFIED", "LIMITED", "FULL"} }

func (r rangeName) MarshalText() ([]byte, error) { return []byte(nameOf(int(r), rangeNames())), nil }

func (r *rangeName) UnmarshalText(b []byte) error {
	n, err := parseName(string(b), "COLOR_RANGE_", "colour range", rangeNames())
	*r = rangeName(n)
	return err
}

func (d document) camera() Camera {
	c := Camera{
		URL:       d.URL,
		Transport: d.Transport,
		Labels:    d.Labels,
		Decode:    DecodePolicy{Mode: d.Decode.Mode, MaxFPS: d.Decode.MaxFPS, Linger: time.Duration(d.Decode.Linger)},
		Frame: FramePolicy{
			MaxWidth: d.Frame.MaxWidth, MaxHeight: d.Frame.MaxHeight, RingSize: d.Frame.RingSize,
			Color: media.Color{Matrix: media.Matrix(d.Frame.Color.Matrix), Range: media.Range(d.Frame.Color.Range)},
		},
		Backend: d.Backend,
		Device:  d.Device,
	}
	if d.Credentials != nil {
		c.Username = d.Credentials.Username
		if d.Credentials.Password != nil {
			c.Password = secret.New(string(*d.Credentials.Password))
		}
	}
	if d.TLS != nil {
		c.TLS = TLS{Mode: d.TLS.Mode, PinSHA256: d.TLS.PinSHA256}
	}
	return c
}

func documentOf(c Camera) document {
	d := document{
		URL:       c.URL,
		Transport: c.Transport,
		Labels:    c.Labels,
		Decode:    decodeDocument{c.Decode.Mode, c.Decode.MaxFPS, durationText(c.Decode.Linger)},
		Frame: frameDocument{
			c.Frame.MaxWidth, c.Frame.MaxHeight, c.Frame.RingSize,
			colorDocument{matrixName(c.Frame.Color.Matrix), rangeName(c.Frame.Color.Range)},
		},
		Backend: c.Backend,
		Device:  c.Device,
	}
	if c.Username != "" || c.Password.IsSet() {
		d.Credentials = &login{Username: c.Username}
		if c.Password.IsSet() {
			t := clearText(c.Password.Reveal())
			d.Credentials.Password = &t
		}
	}
	if c.TLS != (TLS{}) {
		d.TLS = &tlsDocument{c.TLS.Mode, c.TLS.PinSHA256}
	}
	return d
}

// EncodeCamera returns c as JSON with the field names of the API and the password
// in the clear. It is for protected files only.
func EncodeCamera(c Camera) ([]byte, error) { return json.Marshal(documentOf(c)) }

// DecodeCamera reads what EncodeCamera wrote. An unknown field is an error: it
// comes from a newer version and must not be dropped silently.
func DecodeCamera(data []byte) (Camera, error) {
	var d document
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Camera{}, fmt.Errorf("camera: %w", err)
	}
	if dec.More() {
		return Camera{}, errors.New("camera: data after the end")
	}
	return d.camera(), nil
}
