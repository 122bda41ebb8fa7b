package lab

import (
	"testing"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

func TestTunnelBySSH(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	tunnel, err := l.OpenTunnel(within(t, testTimeout), "SSH")
	must(t, err)
	t.Logf("proxy connected %s after the notification", tunnel.Connected.Sub(tunnel.Notified))
	out, err := tunnel.SSH(within(t, testTimeout), "hostname; echo from $SSH_CLIENT")
	must(t, err)
	if want := Thing + "\nfrom 127.0.0.1 "; len(out) < len(want) || out[:len(want)] != want {
		t.Errorf("ssh says %q, want it to begin with %q", out, want)
	}
	waitStage(t, a, "tunnel", status.OK, status.ReasonOpen)
	must(t, tunnel.Close())
	waitStage(t, a, "tunnel", status.OK, status.ReasonIdle)
	clean(t, l, "with a tunnel")
}

func TestTunnelThroughTheBrokerDouble(t *testing.T) {
	t.Parallel()
	l, _ := startOK(t, Options{AWSIoT: &awsiot.Quirks{}})
	tunnel, err := l.OpenTunnel(within(t, testTimeout), "SSH")
	must(t, err)
	out, err := tunnel.SSH(within(t, testTimeout), "hostname")
	must(t, err)
	if out != Thing+"\n" {
		t.Errorf("ssh says %q, want %q", out, Thing)
	}
	if v := l.AWS.Violations(); len(v) > 0 {
		t.Errorf("AWS would have closed the connection: %v", v)
	}
}

func TestTunnelNameHiddenByAZone(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{ShadowingZone: true})
	created := l.Tunneling.Open("SSH")
	must(t, l.Notify(t.Context(), created.DestinationToken, "SSH"))
	c, err := a.Wait(within(t, testTimeout), "tunnel", "the reason why there is no tunnel", func(c status.Condition) bool {
		return c.Reason == status.ReasonNameMissing
	})
	must(t, err)
	if c.State == status.OK {
		t.Errorf("a tunnel that cannot be opened leaves its stage ok: %s", c.Detail)
	}
	clean(t, l, "with the tunneling service's name hidden")
}
