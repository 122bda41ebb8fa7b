package metrics

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// healthy is a snapshot as the daemon makes it.
func healthy() status.Snapshot {
	at := time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)
	stage := func(name string, reason status.Reason, facts status.Facts) status.Condition {
		return status.Condition{Stage: name, State: status.OK, Reason: reason, Since: at, Losses: 2, Facts: facts}
	}
	return status.Snapshot{
		Version: "0.1.0", Device: `gw"042`, State: status.OK, Started: at, Now: at.Add(time.Hour),
		Stages: []status.Condition{
			stage("link", status.ReasonConnected, status.Facts{
				"link": "vpn", "type": "openvpn", "device": "tun0", "bytes_in": uint64(1234), "bytes_out": uint64(567),
				"probe_rtt_ms": 12.5, "ping_s": 1, "cert_expires": "2027-11-21T08:30:00Z", "failovers": 1,
				"links": []map[string]any{
					{"name": "vpn", "active": true, "agent_bytes_day": 77000, "rungs": 4, "recoveries": 2},
					{"name": "canal", "active": false, "agent_bytes_day": 5, "rungs": 0, "recoveries": 0},
				},
			}),
			stage("dns", status.ReasonReady, status.Facts{"rtt_ms": int64(12)}),
			stage("broker", status.ReasonConnected, status.Facts{"rtt_ms": int64(41), "connects": 3, "cert_expires": "2049-12-31T23:59:59Z"}),
			stage("tunnel", status.ReasonOpen, status.Facts{"open": []struct{ ID string }{{"a"}, {"b"}}, "opened": 5, "failed": 1, "refused": 2}),
		},
	}
}

func text(t *testing.T, s status.Snapshot, format Format) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, s, Process{Goroutines: 30, OpenFDs: 25, Resident: 14 << 20}, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	for name, s := range map[string]status.Snapshot{
		"healthy":  healthy(),
		"starting": status.NewBoard("gw-042", "0.1.0", "link", "dns").Snapshot(),
	} {
		if name == "starting" {
			s.Started, s.Stages[0].Since, s.Stages[1].Since = time.Unix(0, 0), time.Unix(1, 0), time.Unix(2, 500e6)
		}
		golden(t, name+".txt", text(t, s, OpenMetrics))
		golden(t, name+".prom", text(t, s, Text))
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestAccepted(t *testing.T) {
	for accept, want := range map[string]Format{
		"": OpenMetrics, "*/*": OpenMetrics, "text/plain": Text, "text/plain;version=0.0.4;q=0.5,*/*;q=0.1": Text,
		// Prometheus 2.42:
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": OpenMetrics,
	} {
		if got := Accepted(accept); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}

// line is the grammar of the format, as far as it is used here.
var line = regexp.MustCompile(`^(# (TYPE|UNIT|HELP) edgeagent_[a-z_]+ .+|edgeagent_[a-z_]+(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)*\})? [-+0-9.eInfNa]+|# EOF)$`)

// TestGrammar: every line is one of the format's, each family stands together,
// a unit ends its name, and nothing follows the end.
func TestGrammar(t *testing.T) {
	s := healthy()
	s.Device = "a\\b\n\"c\xff"
	lines := strings.Split(strings.TrimSuffix(text(t, s, OpenMetrics), "\n"), "\n")
	seen := map[string]bool{}
	family := ""
	for i, l := range lines {
		if !line.MatchString(l) {
			t.Errorf("line %d: %q", i+1, l)
		}
		if l == "# EOF" && i != len(lines)-1 {
			t.Errorf("line %d is the end", i+1)
		}
		f := strings.Fields(l)
		switch {
		case strings.HasPrefix(l, "# TYPE "):
			if family = f[2]; seen[family] {
				t.Errorf("family %s comes twice", family)
			}
			seen[family] = true
		case strings.HasPrefix(l, "# UNIT ") && !strings.HasSuffix(f[2], "_"+f[3]):
			t.Errorf("unit %s does not end the name %s", f[3], f[2])
		case !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, family):
			t.Errorf("%s stands in family %s", l, family)
		}
	}
	for _, f := range families(Process{}) {
		if !seen["edgeagent_"+f.name] {
			t.Errorf("no sample of %s", f.name)
		}
	}
	if lines[len(lines)-1] != "# EOF" {
		t.Error("there is no end")
	}
}
