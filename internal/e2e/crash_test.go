//go:build cgo

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/frameport/frameport/internal/camsim"
)

// A worker and a decoder process that crash while cameras play write nothing of their
// passwords, also with all that Go can say of a crash, and leave no core file. What the
// kernel shows of a decoder process has none, either.
func TestSecretsInACrash(t *testing.T) {
	v := vault{Site: NewSite(t, camsim.Config{})}
	digest := v.lock(v.Site, "digest", camsim.Camera{})
	basic := v.lock(v.Site, "basic", camsim.Camera{Auth: camsim.AuthBasic})
	sha := v.lock(v.Site, "sha", camsim.Camera{Auth: camsim.AuthDigestSHA256})
	for name, crash := range map[string]syscall.Signal{"abort": syscall.SIGABRT, "a fault in C": syscall.SIGSEGV} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, d := t.TempDir(), newWatchdog()
			config := filepath.Join(dir, "cameras.yaml")
			text := fmt.Sprintf("cameras:\n  file:\n    url: %s\n    credentials: {username: %s, password: '%s'}\n", basic, canaryUser, canary)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			w := start(t, []string{"CAMERA_URL_1=" + withLogin(digest, canary), "GOTRACEBACK=system"},
				"--config="+config, "--state-dir="+filepath.Join(dir, "state"), "--log-level=debug", "--log-format=text", "--decode-isolation=process")
			w.add("api", over(withLogin(sha, canary)))
			for _, id := range []string{"file", "camera-1", "api"} {
				w.running(id)
			}
			w.hidesMemory(true)
			for _, pid := range w.children() {
				for _, file := range []string{"environ", "cmdline"} {
					b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
					if err != nil && os.Geteuid() == 0 {
						t.Fatal(err)
					}
					d.hear("decoder process", append(b, ' ', ' '))
				}
				if err := syscall.Kill(pid, crash); err != nil {
					t.Fatal(err)
				}
			}
			until(t, "the worker to tell", func() bool { return childEnded.MatchString(w.log.String()) })
			if err := w.cmd.Process.Signal(crash); err != nil {
				t.Fatal(err)
			}
			<-w.exited
			if w.cmd.ProcessState.Success() {
				t.Error("it did not crash")
			}
			contains(t, w.log.String(), "goroutine ", "rtsp.")
			d.hear("log", []byte(w.log.String()))
			d.check(t, "log", "decoder process")
			for _, pattern := range []string{"core*", filepath.Join(dir, "core*")} {
				if found, err := filepath.Glob(pattern); err != nil || len(found) > 0 {
					t.Errorf("core files %v, %v", found, err)
				}
			}
		})
	}
}
