package rival

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/lab"
)

// labTimeout bounds a test in a lab, however loaded the machine.
const labTimeout = 90 * time.Second

// binary is the edgeagent to play with, built if none is given.
func binary(t *testing.T) string {
	t.Helper()
	for _, why := range []string{lab.Unavailable(), Unavailable()} {
		if why != "" {
			t.Skip(why)
		}
	}
	bin, err := lab.Program(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// TestTheArticlesStackWorks goes through all that the comparison needs of it: it
// comes up and receives a message, opens a tunnel, and comes back from its MQTT
// client's death through its unit.
func TestTheArticlesStackWorks(t *testing.T) {
	t.Parallel()
	bin := binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), labTimeout)
	defer cancel()
	var s Sample
	err := inWorld(ctx, bin, startRival, &s, func(ctx context.Context, w world, o *office) error {
		ours := fmt.Sprintf("nameserver %s\n%s", lab.ResolverAddr, w.ResolvConf())
		resolvConf(t, w, "after the start", ours)
		hook(t, w, "down")
		resolvConf(t, w, "after down", w.ResolvConf())
		hook(t, w, "up", "foreign_option_1=dhcp-option DNS "+lab.ResolverAddr.String(), "foreign_option_2=block-outside-dns")
		hook(t, w, "up", "foreign_option_1=dhcp-option DNS "+lab.ResolverAddr.String())
		resolvConf(t, w, "after up without a down before it, as when OpenVPN was killed", ours)
		if conn, err := w.Uplink.Dial(ctx, "tcp", netip.AddrPortFrom(lab.TrapAddrs[0], lab.BrokerPort).String()); err == nil {
			conn.Close()
			t.Error("the public endpoint lets anybody in")
		}
		if _, err := w.tunnel(ctx); err != nil {
			return err
		}
		began := time.Now()
		w.killMQTT()
		if err := o.recovery(ctx, &s); err != nil {
			return err
		}
		return s.judge(ctx, w, began)
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Boot <= 0 || s.Recovered <= 0 || s.Recovered >= Limit {
		t.Errorf("it was up after %s and back after %s", s.Boot, s.Recovered)
	}
	if want := "gateway: Main process exited: signal: killed"; s.Said != want {
		t.Errorf("the supervisor said %q, want %q", s.Said, want)
	}
}

// hook runs the up and down script as OpenVPN does.
func hook(t *testing.T, w world, kind string, env ...string) {
	t.Helper()
	args := append([]string{"script_type=" + kind, "dev=tun0"}, env...)
	if _, err := w.Device.Run(t.Context(), "env", append(args, openvpnScript, "tun0", "1500", "0")...); err != nil {
		t.Error(err)
	}
}

// resolvConf holds the device's file against what it should be.
func resolvConf(t *testing.T, w world, when, want string) {
	t.Helper()
	if text, err := w.Device.ReadFile("/etc/resolv.conf"); err != nil || text != want {
		t.Errorf("resolv.conf %s is %q, %v, want %q", when, text, err, want)
	}
}

// TestTheAgentIsMeasured plays the same with the agent, whose status is its word.
func TestTheAgentIsMeasured(t *testing.T) {
	t.Parallel()
	bin := binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), labTimeout)
	defer cancel()
	c := &comparison{bin: bin, progress: io.Discard, rows: make([]Row, 1), faults: []fault{{
		name: "OpenVPN killed", inject: func(_ context.Context, w world) error { return signalOpenVPN(w, syscall.SIGKILL) },
	}}}
	s, err := c.faults[0].play(ctx, bin, startOurs, 0)
	c.record(job{0, 0}, true, s, err)
	row := c.rows[0]
	if len(row.Failed) > 0 || len(row.Agent) != 1 || len(row.Rival) != 0 {
		t.Fatalf("the row is %+v", row)
	}
	// The link may be back before the status is read, and what stood on it not.
	said := strings.HasPrefix(s.Said, "status: down link") || strings.HasPrefix(s.Said, "status: waiting ")
	if s.Leaks > 0 || s.Noticed < 0 || !said || s.Recovered >= Limit {
		t.Errorf("the agent: %+v", s)
	}
}
