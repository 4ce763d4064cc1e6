package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/config/statefile"
)

const (
	// stateKeyVariable holds the key itself.
	stateKeyVariable = "FRAMEPORT_STATE_KEY"
	// stateCredential is its name among systemd's credentials (systemd.exec(5)).
	stateCredential = "frameport-state-key"
)

// secretFlags are the flags about what keeps secrets secret. A flag that was given wins
// over the configuration file.
type secretFlags struct {
	StateKeyFile *string `name:"state-key-file" env:"FRAMEPORT_STATE_KEY_FILE" help:"File with the key that the saved cameras are encrypted with. Default: the key in FRAMEPORT_STATE_KEY, or the systemd credential frameport-state-key, or none." placeholder:"FILE"`
	CoreDumps    bool    `name:"core-dumps" env:"FRAMEPORT_CORE_DUMPS" help:"Let a crash leave the worker's memory in a file, and debuggers of its user attach. It holds the cameras' passwords."`
}

// apply lays the flags over w.
func (f secretFlags) apply(w *config.Worker) {
	if f.StateKeyFile != nil {
		w.StateKeyFile = *f.StateKeyFile
	}
	w.CoreDumps = w.CoreDumps || f.CoreDumps
}

// openState opens the state in dir with the key that is given, if one is. A file from
// before there was a key is encrypted at once: cameras may not change for months.
func openState(ctx context.Context, dir, keyFile string) (*statefile.File, []config.Record, error) {
	key, err := stateKey(keyFile)
	if err != nil {
		return nil, nil, err
	}
	file, records, err := statefile.Open(dir, key)
	if err != nil || !file.Plain() {
		return file, records, err
	}
	if err := file.Save(ctx, records); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("encrypt the saved cameras: %w", err), file.Close())
	}
	return file, records, nil
}

// stateKey finds the key of the state: in file, in the environment, among systemd's
// credentials; nil = there is none. The variable is gone then, so that no child has it.
func stateKey(file string) (*statefile.Key, error) {
	text, inEnviron := os.LookupEnv(stateKeyVariable)
	if err := os.Unsetenv(stateKeyVariable); err != nil {
		return nil, err
	}
	credentials := os.Getenv("CREDENTIALS_DIRECTORY")
	switch {
	case file != "" && inEnviron:
		return nil, fmt.Errorf("state key: there is one in %s and one in %s; give one of them", file, stateKeyVariable)
	case file != "":
		return statefile.ReadKeyFile(file, false)
	case inEnviron:
		key, err := statefile.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("state key in %s: %w", stateKeyVariable, err)
		}
		return key, nil
	case credentials != "":
		key, err := statefile.ReadKeyFile(filepath.Join(credentials, stateCredential), true)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil //nolint:nilnil // no key is no error
		}
		return key, err
	}
	return nil, nil //nolint:nilnil // no key is no error
}

// hideMemory keeps the worker's memory from leaving it: no core dump when it crashes, no
// reading of its memory and environment by other processes of its user. What can't be
// had is logged; the worker runs all the same.
func hideMemory(log *slog.Logger) {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("core dumps could not be turned off", "error", err)
	}
	// A core dump can also go to a program (core(5)), which the limit does not stop.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		log.Warn("the worker's memory could not be closed to others", "error", err)
	}
}
