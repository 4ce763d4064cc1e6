package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// manifestName is the file that says what is in a bundle.
const manifestName = "manifest.json"

// manifest is what a bundle is made of.
type manifest struct {
	Version string         `json:"version"`
	Bytes   int64          `json:"bytes"`
	Files   []manifestFile `json:"files"`
}

type manifestFile struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// writeManifest lists the bundle's files.
func writeManifest(b bundle, version string) error {
	m := manifest{Version: version}
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == manifestName {
			return err
		}
		name, err := filepath.Rel(b.dir, path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		sum := sha256.New()
		n, err := io.Copy(sum, f)
		m.Bytes += n
		m.Files = append(m.Files, manifestFile{name, n, hex.EncodeToString(sum.Sum(nil))})
		return err
	})
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(b.path(manifestName), append(raw, '\n'), 0o644)
}

// readVersion is the version of the bundle.
func readVersion(b bundle) string {
	var m manifest
	raw, err := os.ReadFile(b.path(manifestName))
	if err != nil || json.Unmarshal(raw, &m) != nil || m.Version == "" {
		return "unknown"
	}
	return m.Version
}
