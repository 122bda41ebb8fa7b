package vpn

import (
	"strings"
	"testing"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// watchUplink counts what is for the VPC and reaches the server by the cable.
func (s *site) watchUplink() {
	s.nft("add", "table", "ip", "trap")
	s.nft("add", "chain", "ip", "trap", "in", "{ type filter hook prerouting priority -400; }")
	s.nft("add", "counter", "ip", "trap", "trap")
	s.nft("add", "rule", "ip", "trap", "in", "iifname", "eth0", "ip", "daddr", "10.0.0.0/16", "counter", "name", "trap")
}

// expectNoLeak fails the test if there was any.
func (s *site) expectNoLeak() {
	s.t.Helper()
	if got := s.run("ip", "netns", "exec", s.server, "nft", "list", "counters"); !strings.Contains(got, "packets 0 ") {
		s.t.Errorf("packets for the VPC left by the uplink: %s", got)
	}
}

// The server has another address from now on. OpenVPN is replaced for it; its device
// goes with it, and what is for the VPC is refused meanwhile.
func TestSystemServerMoves(t *testing.T) {
	s := newSite(t)
	s.links = []config.Link{s.link}
	s.watchUplink()
	s.serve()
	a := s.start(s.awsFile(""))
	up := a.expect(status.OK, status.ReasonConnected, "to 203.0.113.10")
	if got := a.do("route 10.0.6.105"); !strings.HasSuffix(got, "<nil>") {
		t.Fatal(got)
	}
	stop := s.shout()
	defer stop()
	s.nft("add", "table", "ip", "move")
	s.nft("add", "chain", "ip", "move", "old", "{ type filter hook prerouting priority -300; }")
	s.nft("add", "chain", "ip", "move", "new", "{ type nat hook prerouting priority dstnat; }")
	s.nft("add", "rule", "ip", "move", "new", "ip", "daddr", "203.0.113.77", "dnat", "to", "203.0.113.10")
	s.nft("add", "rule", "ip", "move", "old", "ip", "daddr", "203.0.113.10", "drop")
	s.write("names", "*.vpn.example 203.0.113.77\n")
	s.killClient("RESTART")
	told := time.Now()
	a.expect(status.Down, status.ReasonConnecting, "asked for a new connection")
	again := a.expect(status.OK, status.ReasonConnected, "to 203.0.113.77")
	t.Logf("up again %v after the server sent it away", time.Since(told).Round(10*time.Millisecond))
	if pidOf(again) == pidOf(up) || again.Path.Index == up.Path.Index {
		t.Errorf("path %+v of process %d after %+v of %d", again.Path, pidOf(again), up.Path, pidOf(up))
	}
	for _, r := range a.past {
		if r.Reason == status.ReasonProcessExited {
			t.Errorf("told as a failure of the process: %s", r.Detail)
		}
	}
	stop() // before the agent: what it guards is nobody's affair after it
	s.expectNoLeak()
}

// With a choice of servers OpenVPN asks which, and goes on at the next second.
func TestSystemChoiceOfServers(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(strings.Replace(s.awsFile(""), "remote vpn.example 443\n", "remote vpn.example 443\nremote 203.0.113.10 443\n", 1))
	a.expect(status.OK, status.ReasonConnected, "to 203.0.113.10")
	if n := s.said("CMD 'remote MOD 203.0.113.10 443'"); n != 1 {
		t.Errorf("answered %d times", n)
	}
	if n := s.said("CMD 'pid'"); n != 1 {
		t.Errorf("woken %d times", n)
	}
}
