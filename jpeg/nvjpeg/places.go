package nvjpeg

import (
	"os"
	"path/filepath"

	"github.com/frameport/frameport/gpu"
)

// names are the library's, newest first. Versions 11 to 13 have all that is used.
func names() []string {
	return []string{"libnvjpeg.so.13", "libnvjpeg.so.12", "libnvjpeg.so.11", "libnvjpeg.so"}
}

// candidates are all the files to try, in order: every name in every place. A name
// alone is looked up by the dynamic linker.
func candidates(cfg gpu.LibraryConfig) []string {
	var paths []string
	add := func(dir string) {
		for _, name := range names() {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	for _, dir := range cfg.Dirs() {
		if dir, err := filepath.Abs(dir); err == nil {
			add(dir)
		}
	}
	add("")
	for _, dir := range elsewhere(os.Getenv) {
		add(dir)
	}
	return paths
}

// elsewhere are the folders outside the dynamic linker's list where nvJPEG is
// installed: the CUDA toolkit's, and those of the wheels nvidia-nvjpeg-cu12
// (nvidia/nvjpeg/lib) and nvidia-nvjpeg (nvidia/cu13/lib). Only those that exist.
func elsewhere(env func(string) string) (dirs []string) {
	patterns := []string{
		"/usr/local/cuda/lib64", "/usr/local/cuda-*/lib64",
	}
	for _, root := range []string{
		env("VIRTUAL_ENV"), env("CONDA_PREFIX"), inHome(env("HOME")), "/usr/local", "/usr", "/opt/conda",
	} {
		if root == "" {
			continue
		}
		for _, packages := range []string{"site-packages", "dist-packages"} {
			for _, version := range []string{"python3*"} {
				base := filepath.Join(root, "lib", version, packages, "nvidia")
				patterns = append(patterns, filepath.Join(base, "cu13", "lib"), filepath.Join(base, "nvjpeg", "lib"))
			}
		}
	}
	seen := make(map[string]bool)
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // a folder's name with a bracket in it
		}
		for _, dir := range found {
			if !seen[dir] {
				seen[dir] = true
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// inHome is where pip installs for one user.
func inHome(home string) string {
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".local")
}
