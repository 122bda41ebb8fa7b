package soak

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// logged is a log of mosquitto as it is written with log_type all.
const logged = `1763791000: mosquitto version 2.0.11 starting
1763791001: Received PUBLISH from mosq-x (d0, q1, r0, m1, '$aws/things/gw-042/tunnels/notify', ... (1024 bytes))
1763791001: Sending PUBLISH to gw-042 (d0, q1, r0, m1, '$aws/things/gw-042/tunnels/notify', ... (1024 bytes))
1763791001: Received PUBACK from gw-042 (Mid: 1, RC:0)
1763791002: Sending PUBLISH to gw-042 (d0, q1, r0, m2, '$aws/things/gw-042/tunnels/notify', ... (1025 bytes))
1763791003: mosquitto version 2.0.11 starting
1763791004: Sending PUBLISH to gw-042 (d1, q1, r0, m2, '$aws/things/gw-042/tunnels/notify', ... (1025 bytes))
1763791004: Received PUBACK from gw-042 (Mid: 2, RC:0)
1763791005: Sending PUBLISH to gw-042 (d0, q1, r0, m1, '$aws/things/gw-042/tunnels/notify', ... (200 bytes))
1763791005: Received PUBACK from gw-042 (Mid: 1, RC:0)
1763791006: Sending PUBLISH to gw-042 (d0, q1, r0, m2, '$aws/things/gw-042/tunnels/notify', ... (1026 bytes))
1763791006: Received PUBACK from another (Mid: 2, RC:0)
`

func TestLedger(t *testing.T) {
	l, err := readLedger(strings.NewReader(logged))
	if err != nil {
		t.Fatal(err)
	}
	if l.acked[0] != 1 || l.acked[1] != 1 || l.acked[2] != 0 || l.repeated != 1 {
		t.Errorf("acknowledged %v, %d sent again; want 1, 1, 0 and 1", l.acked[:3], l.repeated)
	}
	for _, c := range []struct {
		taken [3]int
		lost  int
	}{
		{[3]int{1, 1, 0}, 0}, {[3]int{1, 1, 1}, 1}, {[3]int{2, 1, 1}, 2}, {[3]int{0, 0, 0}, 0},
	} {
		if got := l.lost(c.taken[:]); got != c.lost {
			t.Errorf("taken %v: %d lost, want %d", c.taken, got, c.lost)
		}
	}
}

func TestAcknowledged(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	if acknowledged(name, size(name)) {
		t.Error("without a log")
	}
	must(t, os.WriteFile(name, []byte(logged), 0o600))
	last := int64(strings.LastIndex(logged, "Received PUBACK from gw-042"))
	if !acknowledged(name, 0) || !acknowledged(name, last) || acknowledged(name, last+1) || acknowledged(name, size(name)) {
		t.Error("the last acknowledgement is not told from what follows it")
	}
}

// TestMessages: each has a length of its own, and none begins a tunnel.
func TestMessages(t *testing.T) {
	for _, number := range []int{0, 1, lengths - 1} {
		m := string(message(number))
		if len(m) != firstLength+number || strings.Contains(m, "clientAccessToken") {
			t.Errorf("message %d has %d bytes: %.80s", number, len(m), m)
		}
	}
}
