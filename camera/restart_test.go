package camera_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/config/statefile"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// awaySource never connects.
type awaySource struct{}

func (awaySource) Stats() rtsp.Stats { return rtsp.Stats{} }

func (awaySource) Run(ctx context.Context, _ func(*media.AccessUnit) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// What the API did survives a restart, passwords included.
func TestRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	session := func(do func(*camera.Manager)) []camera.Snapshot {
		file, records, err := statefile.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := camera.NewManager(camera.ManagerConfig{
			NewSource: func(config.Camera, *slog.Logger) (camera.Source, error) { return awaySource{}, nil },
			Store:     file, Restored: records,
			Declared: []config.Declared{{ID: "declared", Spec: config.Camera{URL: "rtsp://file/x"}, Origin: "c.yaml:2"}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = m.Run(ctx)
		}()
		list := m.List()
		do(m)
		cancel()
		<-done
		if err := file.Close(); err != nil {
			t.Error(err)
		}
		return list
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var added camera.Snapshot
	session(func(m *camera.Manager) {
		_, err := m.Add(t.Context(), "a", config.Camera{URL: "rtsp://u:p%40ss@h/x"})
		must(err)
		_, err = m.Add(t.Context(), "b", config.Camera{URL: "rtsp://h/y"})
		must(err)
		added, err = m.Update(t.Context(), "a", func(c config.Camera) (config.Camera, error) {
			c.Decode.Mode = config.DecodeKeyframes
			return c, nil
		})
		must(err)
		must(m.Remove(t.Context(), "b"))
		must(m.Remove(t.Context(), "declared"))
	})
	list := session(func(*camera.Manager) {})
	if len(list) != 1 || list[0].ID != "a" || !list[0].Spec.Equal(added.Spec) || !list[0].AddedTime.Equal(added.AddedTime) {
		t.Fatalf("%+v", list)
	}
	if p := list[0].Spec.Password; !p.Equal(secret.New("p@ss")) {
		t.Error("the password is another one")
	}
}
