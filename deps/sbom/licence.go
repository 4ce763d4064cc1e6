package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var errLicence = errors.New("licence not recognised")

// licenceOf recognises the licence of a module by the text in its folder and returns its
// SPDX name.
func licenceOf(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var tried []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		if id := recognise(string(text)); id != "" {
			return id, nil
		}
		tried = append(tried, e.Name())
	}
	slices.Sort(tried)
	return "", fmt.Errorf("%w: %s (%s); read it and add it to deps/sbom/licence.go", errLicence, dir, strings.Join(tried, ", "))
}

// recognise knows the licences that modules of ours have; "" = another one.
func recognise(text string) string {
	text = strings.Join(strings.Fields(text), " ") // line ends differ
	has := func(parts ...string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
	}
	switch {
	case has("Apache License", "Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License Version 2.0"), has("Mozilla Public License, version 2.0"):
		return "MPL-2.0"
	case has("Permission to use, copy, modify, and/or distribute this software"), has("Permission to use, copy, modify, and distribute this software"):
		return "ISC"
	case has("Permission is hereby granted, free of charge", `THE SOFTWARE IS PROVIDED "AS IS"`):
		return "MIT"
	case has("Redistributions in binary form must reproduce", "Neither the name"):
		return "BSD-3-Clause"
	case has("Redistributions in binary form must reproduce"):
		return "BSD-2-Clause"
	}
	return ""
}
