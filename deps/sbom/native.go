package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// native is a library or header file that is no Go module.
type native struct {
	name, pkg string // of the project, and for pkg-config
	licence   string // SPDX
	site      string
	scope     string // what of it is in the binary
}

func natives() []native {
	return []native{
		{"FFmpeg", "libavcodec", "LGPL-2.1-or-later", "https://ffmpeg.org", "linked statically, built by deps/ffmpeg.sh with deps/ffmpeg.flags: decoders of libavcodec, libavutil, libswscale; of libavformat, libavfilter, libavdevice and libswresample the functions that the bindings name, without formats, protocols, filters and devices"},
		{"libjpeg-turbo", "libturbojpeg", "IJG AND BSD-3-Clause AND Zlib", "https://libjpeg-turbo.org", "libturbojpeg, linked statically"},
		{"nv-codec-headers", "ffnvcodec", "MIT", "https://github.com/FFmpeg/nv-codec-headers", "headers only; the driver's libraries are opened at run time"},
	}
}

func (n native) component() (component, error) {
	version, err := pkgConfig("--modversion", n.pkg)
	if err != nil {
		return component{}, err
	}
	c := component{
		Type: "library", Name: n.name, Version: version, Ref: "pkg:generic/" + strings.ToLower(n.name) + "@" + version,
		Licences: []licence{{Expression: n.licence}}, References: []reference{{Type: "website", URL: n.site}},
		Properties: []property{{"frameport:use", n.scope}},
	}
	if n.pkg != "libavcodec" {
		c.PURL = c.Ref
		return c, nil
	}
	// pkg-config has the library's version; FFmpeg's own is beside its licence. One that
	// the machine had already does not say it.
	c.Properties = append(c.Properties, property{"frameport:libavcodec", version})
	prefix, err := pkgConfig("--variable=prefix", n.pkg)
	if err != nil {
		return component{}, err
	}
	release, err := os.ReadFile(filepath.Join(prefix, "share/doc/ffmpeg/RELEASE"))
	switch {
	case err == nil:
		c.Version = strings.TrimSpace(string(release))
	case errors.Is(err, os.ErrNotExist):
		c.Version = "libavcodec " + version
	default:
		return component{}, err
	}
	c.Ref = "pkg:generic/ffmpeg@" + strings.ReplaceAll(c.Version, " ", "-")
	c.PURL = c.Ref
	return c, nil
}

func pkgConfig(args ...string) (string, error) {
	var said strings.Builder
	cmd := exec.Command("pkg-config", args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("pkg-config %s: %w: %s; run: make sbom", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
