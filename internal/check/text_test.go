package check

import (
	"strings"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// TestCommandsAreWhole: what is to be copied stands on a line of its own, once.
func TestCommandsAreWhole(t *testing.T) {
	const command = "sudo install -g edgeagent -m 640 FILE /etc/edgeagent/openvpn/a-name-that-is-longer-than-the-column.ovpn"
	missing := config.Fault{Commands: []string{command}}
	fix := mending(config.Errors{missing, missing}, say("files.fix"))
	r, err := runChecks(t.Context(), Options{}, []check{gives("files", fault(say("files.unreadable"), fix))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []status.Language{status.English, status.Japanese} {
		if got := r.TextIn(in); strings.Count(got, "\n  "+command+"\n") != 1 {
			t.Errorf("the command is not there once:\n%s", got)
		}
	}
	if !strings.HasSuffix(r.Checks[0].Fix, ":\n"+command) {
		t.Errorf("JSON has %q", r.Checks[0].Fix)
	}
	if got := mending(config.Errors{{}}, say("files.fix")).in(english()); got != english().texts["files.fix"] {
		t.Errorf("without a command: %q", got)
	}
}
