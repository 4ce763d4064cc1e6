package testvideo

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed clips
var files embed.FS

// Manifest is the content of clips/clips.json, written by mkclips.
type Manifest struct {
	Encoder string  `json:"encoder"` // the program that coded the clips
	Clips   []Entry `json:"clips"`
}

// Entry describes one clip in the manifest.
type Entry struct {
	Name    string    `json:"name"`
	File    string    `json:"file"`
	Note    string    `json:"note"`  // what the clip is for
	Codec   string    `json:"codec"` // as media.Codec.String
	Camera  int       `json:"camera"`
	Width   int       `json:"width"`
	Height  int       `json:"height"`
	FPS     float64   `json:"fps"`
	Frames  int       `json:"frames"`
	PixFmt  string    `json:"pix_fmt"`           // FFmpeg's name of the decoded format
	Matrix  string    `json:"matrix"`            // as media.Matrix.String
	Range   string    `json:"range"`             // as media.Range.String
	Barcode bool      `json:"barcode"`           // false for plain colours
	Colors  [][3]byte `json:"colors,omitempty"`  // true RGB: one for plain clips, the bars from the left otherwise
	Display []int     `json:"display,omitempty"` // display number of each unit in decoding order, when they differ
	Golden  string    `json:"golden,omitempty"`  // file of frame hashes
	SHA256  string    `json:"sha256"`            // of File
	Command string    `json:"command"`           // how it was coded
}

// ReadManifest returns the embedded manifest.
func ReadManifest() (*Manifest, error) {
	raw, err := files.ReadFile("clips/clips.json")
	if err != nil {
		return nil, fmt.Errorf("testvideo: manifest missing, run go generate ./internal/testvideo: %w", err)
	}
	m := new(Manifest)
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("testvideo: manifest unreadable, run go generate ./internal/testvideo: %w", err)
	}
	return m, nil
}

// Names returns the clips' names in the order of their camera numbers.
func Names() []string {
	m, err := ReadManifest()
	if err != nil {
		return nil
	}
	names := make([]string, len(m.Clips))
	for i, e := range m.Clips {
		names[i] = e.Name
	}
	return names
}
