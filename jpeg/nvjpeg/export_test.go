package nvjpeg

import "context"

// NewFrom is New with these files only, whatever else there is on the machine.
func NewFrom(ctx context.Context, cfg Config, paths []string) (*Encoder, error) {
	return newEncoder(ctx, cfg, paths)
}

// Candidates are the files that New tries.
var Candidates = candidates
