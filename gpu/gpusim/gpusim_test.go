package gpusim_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/frameport/frameport/gpu/gpusim"
)

// leakStatus is the exit status of a program that leaked or broke a rule.
const leakStatus = 97

// simtest runs the program of folder simtest and returns its exit status and what
// it wrote.
func simtest(t *testing.T, env []string, stdin []byte, args ...string) (status int, stdout, stderr []byte) {
	t.Helper()
	dir := os.Getenv("FRAMEPORT_GPUSIM_DIR") // of the build with sanitizers
	if dir == "" {
		dir = "../../build/gpusim"
	}
	program := filepath.Join(dir, "simtest")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("the simulated driver is not built, run: make gpusim (%v)", err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.Bytes(), log.Bytes()
}

// TestRules runs one process per rule of the driver. Each breaks the rule, and the
// program fails when that is not noticed.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		name   string
		env    []string
		status int
	}{
		{name: "nothing_wrong"},
		{name: "no_context"},
		{name: "not_initialized"},
		{name: "pop_too_often"},
		{name: "release_too_often"},
		{name: "push_without_pop", status: leakStatus},
		{name: "use_after_destroy"},
		{name: "wrong_handle"},
		{name: "cross_context", env: []string{"DEVICES=2"}},
		{name: "null_stream"},
		{name: "null_stream_allowed", env: []string{"NULL_STREAM=allow"}},
		{name: "free_twice"},
		{name: "free_inside"},
		{name: "out_of_bounds"},
		{name: "fresh_and_freed_are_poisoned"},
		{name: "memory_has_an_end", env: []string{"MEMORY=0x40000000"}},
		{name: "missing_wait_shows"},
		{name: "events_order_streams"},
		{name: "threads_stay_few"},
		{name: "kernel_runs"},
		{name: "kernel_out_of_bounds"},
		{name: "kernel_of_another_device", env: []string{"DEVICES=2"}},
		{name: "kernel_misaligned"},
		{name: "kernel_bad_launch"},
		{name: "module_refusals"},
		{name: "injected_sticky", env: []string{"FAIL=cuLaunchKernel:2:700"}},
		{name: "sticky_stays", env: []string{"DEVICES=2", "FAIL=cuLaunchKernel:1:719,cuMemAlloc:4+:2"}},
		{name: "injected_once_and_from", env: []string{"FAIL=cuMemAlloc:2:2,cuMemAlloc:4+:2"}},
		{name: "injected_block", env: []string{"BLOCK=cuMemAlloc:1:50"}},
		{name: "init_error", env: []string{"INIT_ERROR=34"}},
		{name: "init_error", env: []string{"INIT_ERROR=803"}},
		{name: "init_error", env: []string{"INIT_ERROR=804"}},
		{name: "init_error", env: []string{"INIT_ERROR=18"}},
		{name: "device_unavailable", env: []string{"COMPUTE_MODE=2"}},
		{name: "device_unavailable", env: []string{"COMPUTE_MODE=3", "BUSY=1"}},
		{name: "nothing_wrong", env: []string{"COMPUTE_MODE=3"}},
		{name: "nothing_wrong", env: []string{"BUSY=1"}},
		{name: "no_device", env: []string{"DEVICES=0"}},
		{name: "leak", status: leakStatus},
		{name: "ipc"},
		{name: "thousand_cycles"},
		{name: "decoder_limits"},
		{name: "map_and_unmap_balance"},
		{name: "map_rules"},
		{name: "unmapped_memory_is_refused"},
		{name: "unmap_is_in_stream_order"},
		{name: "destroy_while_mapped"},
		{name: "broken_picture_is_told"},
		{name: "injected_decoder_faults", env: []string{"FAIL=cuvidCreateDecoder:2:2,cuvidMapVideoFrame64:2:205,decode_status:2:9"}},
		{name: "codec_is_missing", env: []string{"NO_CODEC=hevc,jpeg"}},
		{name: "no_engines", env: []string{"ENGINES=0"}},
		{name: "decoders_use_memory", env: []string{"MEMORY=0x20000000"}},
		{name: "reconfigure"},
		{name: "two_threads_on_a_decoder"},
		{name: "parser_rules"},
		{name: "jpeg_encodes"},
		{name: "jpeg_rules"},
		{name: "jpeg_handle_goes_last"},
		{name: "media_of_another_device", env: []string{"DEVICES=2"}},
		{name: "jpeg_is_missing", env: []string{"FAIL=nvjpegCreateSimple:0:7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report := filepath.Join(t.TempDir(), "report")
			env := []string{gpusim.ReportVariable + "=" + report}
			for _, e := range c.env {
				env = append(env, "FRAMEPORT_GPUSIM_"+e)
			}
			status, _, log := simtest(t, env, nil, c.name)
			if status != c.status {
				t.Fatalf("exit status %d, want %d:\n%s", status, c.status, log)
			}
			left, err := gpusim.ReadReport(report)
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "leak" && (left["memory"] != 1 || left["stream"] != 1 || !strings.Contains(string(log), "leak: 1 memory")) {
				t.Errorf("the leak is not told: %v\n%s", left, log)
			}
		})
	}
}
