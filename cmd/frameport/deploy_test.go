package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The unit takes from the service what it does not need.
func TestServiceUnit(t *testing.T) {
	path := filepath.Join(root, "deploy", "systemd", "frameport.service")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			set[key] = strings.TrimSpace(set[key] + " " + value)
		}
	}
	for key, want := range map[string]string{
		"DynamicUser": "yes", "UMask": "0077", "StateDirectoryMode": "0700", "LimitCORE": "0", "TasksMax": "4096",
		"CapabilityBoundingSet": "", "AmbientCapabilities": "", "NoNewPrivileges": "yes",
		"ProtectSystem": "strict", "ProtectHome": "yes", "ProtectProc": "invisible", "ProcSubset": "pid", "ProtectKernelLogs": "yes",
		"ProtectKernelModules": "yes", "ProtectKernelTunables": "yes", "ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes",
		"PrivateTmp": "yes", "PrivateDevices": "yes", "PrivateUsers": "yes", "PrivateMounts": "yes",
		"MemoryDenyWriteExecute": "yes", "LockPersonality": "yes", "RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes",
		"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX AF_NETLINK", "SystemCallArchitectures": "native",
		"SystemCallFilter": "@system-service ~@privileged @resources seccomp", "RemoveIPC": "yes",
	} {
		if got, ok := set[key]; !ok || got != want {
			t.Errorf("%s=%s, want %q", key, got, want)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // the rest is systemd's own opinion
	}
	out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=15", path).CombinedOutput()
	if err != nil && strings.Contains(string(out), "Overall exposure level") { // else it is too old to look at files
		t.Errorf("systemd finds the unit too exposed:\n%s", out)
	}
}
