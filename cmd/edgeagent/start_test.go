package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What packages prepare at their start is paid by every command, and by status
// on the smallest Pi first. GODEBUG=inittrace=1 is described in package runtime.
func TestPackagesStartWithLittle(t *testing.T) {
	const most = 32 << 10 // bytes a package
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line := regexp.MustCompile(`(?m)^init (edgeagent/\S+) .* (\d+) bytes,`)
	found := line.FindAllStringSubmatch(string(out), -1)
	if len(found) < 3 {
		t.Fatalf("%d packages in\n%s", len(found), out)
	}
	for _, m := range found {
		if strings.HasPrefix(m[1], "edgeagent/internal/lab") { // in tests only
			continue
		}
		if bytes, _ := strconv.Atoi(m[2]); bytes > most {
			t.Errorf("%s prepares %d bytes at each start, want at most %d", m[1], bytes, most)
		}
	}
	if text := string(out); !strings.Contains(text, "init edgeagent/internal/status ") {
		t.Errorf("package status is not in\n%s", text)
	}
}
