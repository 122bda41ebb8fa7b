package metrics

import (
	"os/exec"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// reparse has the parsers of the official Python client read both formats.
const reparse = `
import sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser
text = sys.stdin.read()
parse = {"open": open_parser, "text": parser}[sys.argv[1]].text_string_to_metric_families
for family in parse(text):
    for s in family.samples:
        print(family.type, s.name, *sorted("%s=%s" % p for p in s.labels.items()), float(s.value))
`

// debianPython is the one that Debian's packages are for.
const debianPython = "/usr/bin/python3"

// TestOfficialParsers: what others make of the text is what was meant.
func TestOfficialParsers(t *testing.T) {
	if err := exec.Command(debianPython, "-c", "import prometheus_client.openmetrics.parser").Run(); err != nil {
		t.Skip("needs Debian's python3-prometheus-client:", err)
	}
	for format, want := range map[string][]string{
		"open": {
			"counter edgeagent_stage_losses_total stage=link 2.0", "gauge edgeagent_link_probe_seconds 0.0125",
			`info edgeagent_agent_info device=gw"042 version=0.1.0 1.0`, "counter edgeagent_link_rungs_total link=vpn 4.0",
		},
		"text": {
			"counter edgeagent_stage_losses_total stage=link 2.0", "gauge edgeagent_link_probe_seconds 0.0125",
			`gauge edgeagent_agent_info device=gw"042 version=0.1.0 1.0`, "counter edgeagent_link_rungs_total link=vpn 4.0",
		},
	} {
		cmd := exec.CommandContext(t.Context(), debianPython, "-c", reparse, format)
		cmd.Stdin = strings.NewReader(text(t, healthy(), map[string]Format{"open": OpenMetrics, "text": Text}[format]))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", format, err, out)
		}
		for _, line := range want {
			if !strings.Contains(string(out), line+"\n") {
				t.Errorf("%s: no %q in\n%s", format, line, out)
			}
		}
	}
}

// inState is a path whose first stage is in that state, for a reason that comes
// with it.
func inState(state status.State) status.Snapshot {
	b := status.NewBoard("gw-042", "0.1.0", "link", "dns", "endpoint", "broker", "tunnel")
	b.Set("link", status.Update{State: state, Reason: status.ReasonNoAnswer, Detail: "said\n\"so\""})
	return b.Snapshot()
}

// TestPromtool: Prometheus' own linter has nothing to say about the text format,
// however the path is, and without a daemon.
func TestPromtool(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("needs Debian's prometheus:", err)
	}
	paths := map[string]status.Snapshot{"healthy": healthy(), "no daemon": {Version: "0.1.0", Device: "gw-042", State: status.Down}}
	for _, state := range []status.State{status.Waiting, status.Starting, status.OK, status.Degraded, status.Down} {
		paths[string(state)] = inState(state)
	}
	for name, s := range paths {
		cmd := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
		cmd.Stdin = strings.NewReader(text(t, s, Text))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
