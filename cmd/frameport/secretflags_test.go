package main

import (
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/config/statefile"
	"github.com/frameport/frameport/server/quota"
)

func TestLimitAndSecretFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "worker:\n  limits:\n    access_unit_memory: 64MiB\n  state_key_file: /of/the/file\n  core_dumps: true\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want config.Worker
	}{
		{nil, config.Worker{Limits: config.Limits{UnitMemory: 512 << 20}}},
		{[]string{"--config", file}, config.Worker{Limits: config.Limits{UnitMemory: 64 << 20}, StateKeyFile: "/of/the/file", CoreDumps: true}},
		{
			[]string{"--config", file, "--access-unit-memory=1GiB", "--state-key-file=/k"},
			config.Worker{Limits: config.Limits{UnitMemory: 1 << 30}, StateKeyFile: "/k", CoreDumps: true},
		},
		{[]string{"--core-dumps"}, config.Worker{Limits: config.Limits{UnitMemory: 512 << 20}, CoreDumps: true}},
	} {
		serve := parseServe(t, c.args)
		w, _, _, err := serve.settings(nil)
		if err != nil || w.Limits.UnitMemory != c.want.Limits.UnitMemory || w.StateKeyFile != c.want.StateKeyFile || w.CoreDumps != c.want.CoreDumps {
			t.Errorf("%q: %+v, %v", c.args, w, err)
		}
	}
	if _, errs, status := command(t, "", "serve", "--access-unit-memory=1MiB"); status != 1 || !strings.Contains(errs, "worker.limits.access_unit_memory") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// What one client may have comes from the file and from flags, which win.
func TestClientLimitFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "worker:\n  limits:\n    client_connections: 5\n    client_streams: 6\n    client_camera_streams: 7\n    client_changes: 8\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want quota.Limits
	}{
		{nil, quota.Limits{Connections: 16, Streams: 64, CameraStreams: 16, Changes: 120}},
		{[]string{"--config", file}, quota.Limits{Connections: 5, Streams: 6, CameraStreams: 7, Changes: 8}},
		{
			[]string{"--config", file, "--client-connections=1", "--client-streams=2", "--client-camera-streams=3", "--client-changes=4"},
			quota.Limits{Connections: 1, Streams: 2, CameraStreams: 3, Changes: 4},
		},
	} {
		serve := parseServe(t, c.args)
		w, _, _, err := serve.settings(nil)
		if got := quota.NewClients(clientLimits(w.Limits)).Limits(); err != nil || got != c.want {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
	for flag, key := range map[string]string{
		"--client-connections=-1": "client_connections", "--client-streams=1000001": "client_streams",
		"--client-camera-streams=-1": "client_camera_streams", "--client-changes=-5": "client_changes",
	} {
		if _, errs, status := command(t, "", "serve", flag); status != 1 || !strings.Contains(errs, "worker.limits."+key) {
			t.Errorf("%s: status %d: %s", flag, status, errs)
		}
	}
}

// The key of the state comes from one of three places, of which the last is asked for
// when nothing else is given; a variable that held it is gone.
func TestStateKey(t *testing.T) {
	dir := t.TempDir()
	good := hex.EncodeToString([]byte(strings.Repeat("k", statefile.KeyBytes)))
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(good+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	credentials := filepath.Join(dir, "credentials")
	if err := os.Mkdir(credentials, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(credentials, stateCredential), []byte(good), 0o440); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		file, variable, credentials string
		found                       bool
		text                        string // of the error
	}{
		"none":                {},
		"file":                {file: file, found: true},
		"variable":            {variable: good, found: true},
		"credential":          {credentials: credentials, found: true},
		"other credentials":   {credentials: dir},
		"file and credential": {file: file, credentials: credentials, found: true},
		"file and variable":   {file: file, variable: good, text: "give one of them"},
		"bad variable":        {variable: "c4n4ry", text: stateKeyVariable},
		"no such file":        {file: filepath.Join(dir, "x"), text: "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", tt.credentials)
			t.Setenv(stateKeyVariable, tt.variable)
			if tt.variable == "" {
				_ = os.Unsetenv(stateKeyVariable)
			}
			key, err := stateKey(tt.file)
			if (key != nil) != tt.found || (err != nil) != (tt.text != "") || err != nil && (!strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "c4n4ry")) {
				t.Errorf("%v, %v", key != nil, err)
			}
			if _, left := os.LookupEnv(stateKeyVariable); left {
				t.Error("the variable is still there")
			}
		})
	}
	f, _, err := openState(t.Context(), filepath.Join(dir, "state"), "")
	if err != nil {
		t.Fatal(err)
	}
	record := config.Record{ID: "c4n4ry", Removed: true}
	if err := errors.Join(f.Save(t.Context(), []config.Record{record}), f.Close()); err != nil {
		t.Fatal(err)
	}
	t.Setenv(stateKeyVariable, good)
	f, got, err := openState(t.Context(), filepath.Join(dir, "state"), "")
	if err != nil || len(got) != 1 || got[0].ID != record.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	if data, err := os.ReadFile(f.Path()); err != nil || strings.Contains(string(data), record.ID) {
		t.Errorf("after a start with a key the file is still plain: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openState(t.Context(), filepath.Join(dir, "state"), ""); !errors.Is(err, statefile.ErrKey) {
		t.Errorf("without the key: %v", err)
	}
}

func TestHideMemory(t *testing.T) {
	var log output
	hideMemory(slog.New(slog.NewTextHandler(&log, nil)))
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var core unix.Rlimit
	if rerr := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || rerr != nil || dumpable != 0 || core != (unix.Rlimit{}) || log.String() != "" {
		t.Errorf("dumpable %d, core %+v, %v, %v; %s", dumpable, core, err, rerr, log.String())
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Error(err)
	}
}
