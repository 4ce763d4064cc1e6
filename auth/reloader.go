package auth

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// reloadInterval is how often files are looked at. It bounds how long a right lasts
// that was withdrawn.
const reloadInterval = 2 * time.Second

// Reloader looks at the files of keys and certificates, either of which may be nil, until
// ctx ends. It reads them, since neither a time stamp nor a notice of the kernel is to be
// relied on for every file system and every way to replace a file.
type Reloader struct {
	Keys         *Keys
	Certificates *Certificates
	Logger       *slog.Logger

	failing [2]string // the error that was logged last, so that it is logged once
	failed  [2]atomic.Int64
}

// Run looks at them until ctx ends, and returns nil then.
func (r *Reloader) Run(ctx context.Context) error {
	tick := time.NewTicker(reloadInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.look(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// look looks at all files once.
func (r *Reloader) look(ctx context.Context) {
	if r.Keys != nil {
		changed, err := r.Keys.Reload()
		r.note(ctx, 0, "auth file", changed, err)
	}
	if r.Certificates != nil {
		changed, err := r.Certificates.Reload()
		r.note(ctx, 1, "certificate", changed, err)
	}
}

func (r *Reloader) note(ctx context.Context, i int, what string, changed bool, err error) {
	switch {
	case err != nil && r.failing[i] != err.Error():
		r.failed[i].Add(1)
		r.failing[i] = err.Error()
		r.Logger.ErrorContext(ctx, what+" not reloaded, the old one stays in force", "error", err)
	case changed:
		r.Logger.InfoContext(ctx, what+" reloaded")
	}
	if err == nil {
		r.failing[i] = ""
	}
}

// KeysFailed is how often the auth file was found changed and broken.
func (r *Reloader) KeysFailed() int64 { return r.failed[0].Load() }

// CertificatesFailed is the same of the certificate's files.
func (r *Reloader) CertificatesFailed() int64 { return r.failed[1].Load() }
