package resolver

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// TestHelperLeavesWordOfAnObstacle: the daemon's sandbox shows everything
// read-only, so only the helper knows what is really in the way.
func TestHelperLeavesWordOfAnObstacle(t *testing.T) {
	r := newHostRig(t)
	originals()["file"](t, r)
	daemon := hostRigIn(r.dir)
	daemon.sandboxed = true
	d := decision{mode: config.HostNone, file: true, obstacle: "lies in a read-only file system"}
	if err := r.leaveWord(d); err != nil {
		t.Fatal(err)
	}
	s := daemon.State()
	if s.Mode != config.HostNone || s.Pointed || s.Detail != "resolv.conf lies in a read-only file system" {
		t.Errorf("the daemon says %+v", s)
	}
	h := health{resolver: config.Default().Resolver, last: Result{At: time.Now(), Addresses: mustAddrs("10.0.6.105")}, prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	if u := h.judge(s); u.Reason != status.ReasonHostTrampled || !strings.Contains(u.Detail, "read-only") || !strings.Contains(u.Hint, "remove what is in the way") {
		t.Errorf("status says %+v", u)
	}
	// The helper itself looks, and does not believe its own old word.
	if got := r.Mode(); got != config.HostFile {
		t.Errorf("the helper's mode is %s", got)
	}
	r.apply(t)
	if s := daemon.State(); s.Mode != config.HostFile || !s.Pointed {
		t.Errorf("with nothing in the way: %+v", s)
	}
	if _, err := os.Stat(r.obstacle.path); !os.IsNotExist(err) {
		t.Errorf("its word is still there: %v", err)
	}
}
