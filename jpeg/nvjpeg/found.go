package nvjpeg

import (
	"slices"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/dl"
)

// Found lists the files that [New] would try, in its order, for reports. They are
// loaded for that and stay so; whether they work is not known.
func Found(cfg gpu.LibraryConfig) []string {
	var files []string
	for _, path := range candidates(cfg) {
		l, err := dl.Open([]string{path}, nil)
		if err == nil && !slices.Contains(files, l.Path()) {
			files = append(files, l.Path())
		}
	}
	return files
}
