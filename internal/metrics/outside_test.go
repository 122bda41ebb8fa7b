package metrics

import (
	"os/exec"
	"strings"
	"testing"
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

// TestPromtool: Prometheus' own linter has nothing to say about the text format.
func TestPromtool(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("needs Debian's prometheus:", err)
	}
	cmd := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(text(t, healthy(), Text))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
