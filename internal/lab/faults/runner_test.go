package faults

import (
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/lab"
)

// quick are played in every run of the tests; the others by make faults.
var quick = []string{"openvpn killed", "daemon killed"}

func TestQuickRows(t *testing.T) {
	if why := lab.Unavailable(); why != "" {
		t.Skip(why)
	}
	bin := program(t)
	for _, row := range Rows() {
		if !slices.Contains(quick, row.Name) {
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			row.Options.Config = map[string]string{topicKey: `""`} // its messages come 10 s apart
			r := row.Run(t.Context(), bin)
			if r.Err != nil || r.Lost > 0 || r.Trap > 0 || len(r.Leaks) > 0 { // not the times: this machine may be busy
				t.Error(strings.Join(r.Red(), "; "))
			}
			if r.Sent == 0 || r.Said == "" || r.Recovered == 0 {
				t.Errorf("nothing was seen: %d messages, back after %s, status said %q", r.Sent, r.Recovered, r.Said)
			}
		})
	}
}

// TestARowCanBeRed plays a fault that nothing brings back.
func TestARowCanBeRed(t *testing.T) {
	row := Row{Name: "wrong", How: "a program that is none", Inject: typed("true")}
	if why := lab.Unavailable(); why != "" {
		t.Skip(why)
	}
	if r := row.Run(t.Context(), "/nonexistent/edgeagent"); len(r.Red()) == 0 {
		t.Error("a row without an agent is not red")
	}
}

// program is the edgeagent to play with, built if none is given.
func program(t *testing.T) string {
	t.Helper()
	bin, err := lab.Program(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return bin
}
