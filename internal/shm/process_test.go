package shm

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"testing"
)

// holdIn names the variable that makes this program a worker: it holds a region in a
// folder of its own until it is killed.
const holdIn = "FRAMEPORT_SHM_TEST_HOLD_IN"

func TestMain(m *testing.M) {
	if base := os.Getenv(holdIn); base != "" {
		hold(base)
	}
	os.Exit(m.Run())
}

func hold(base string) {
	f, err := OpenIn(base, 1<<20, slog.New(slog.DiscardHandler))
	if err == nil {
		var r *Region
		if r, err = f.Create(1 << 16); err == nil {
			_, err = r.Link(base)
		}
		if err == nil {
			fmt.Println(f.Path())
			_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed
			r.Bytes()[0] = 1
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// What a worker that was killed leaves behind is removed by the next one, and what a
// living one has is not.
func TestKilledWorker(t *testing.T) {
	base := t.TempDir()
	start := func() (*exec.Cmd, string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), holdIn+"="+base)
		cmd.Stderr = os.Stderr
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(out)
		if !scan.Scan() {
			t.Fatalf("the worker did not start: %v", cmd.Wait())
		}
		return cmd, scan.Text()
	}
	kill := func(cmd *exec.Cmd) {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	killed, dead := start()
	living, folder := start()
	defer kill(living)
	kill(killed)
	if left := names(t, dead); len(left) != 1 {
		t.Fatalf("the killed worker left %v", left)
	}
	f, err := OpenIn(base, 1<<20, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if links := linksIn(t, base); len(links) != 2 {
		t.Errorf("links %v", links)
	}
	RemoveDeadLinks(base, slog.New(slog.DiscardHandler))
	if links := linksIn(t, base); len(links) != 1 || links[0] != names(t, folder)[0] {
		t.Errorf("links %v, the living worker has %v", links, names(t, folder))
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the dead worker's folder: %v, %v", err, names(t, dead))
	}
	if left := names(t, folder); len(left) != 1 {
		t.Errorf("the living worker has %v", left)
	}
}
