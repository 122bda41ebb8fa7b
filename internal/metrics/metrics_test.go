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
				"probe_rtt_ms": 12.5, "ping_s": 1, "cert_expires": "2027-11-21T08:30:00Z", "agent_bytes_day": int64(77000),
			}),
			stage("dns", status.ReasonReady, status.Facts{"rtt_ms": int64(12)}),
			stage("broker", status.ReasonConnected, status.Facts{"rtt_ms": int64(41), "connects": 3}),
			stage("tunnel", status.ReasonOpen, status.Facts{"open": []struct{ ID string }{{"a"}, {"b"}}}),
		},
	}
}

func text(t *testing.T, s status.Snapshot) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, s); err != nil {
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
		got := text(t, s)
		golden := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
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
	lines := strings.Split(strings.TrimSuffix(text(t, s), "\n"), "\n")
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
	if lines[len(lines)-1] != "# EOF" {
		t.Error("there is no end")
	}
}
