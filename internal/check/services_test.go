package check

import (
	"net"
	"testing"

	"edgeagent/internal/config"
)

// serving is the address of a service that says a line to everybody.
func serving(t *testing.T, says string) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(says))
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// closed is an address where nothing listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestServices(t *testing.T) {
	sshd, web, nothing := serving(t, "SSH-2.0-OpenSSH_9.2p1\r\n"), serving(t, "220 hello\r\n"), closed(t)
	for name, tc := range map[string]struct {
		services map[string]string
		state    State
		words    string
	}{
		"sshd on its own port":      {map[string]string{"SSH": sshd}, OK, "SSH at " + sshd},
		"any service":               {map[string]string{"WEB": web}, OK, "WEB at " + web},
		"another one on SSH's port": {map[string]string{"SSH": web}, Error, `connects, but does not speak SSH ("220 hello")`},
		"nothing there":             {map[string]string{"SSH": nothing}, Error, "SSH at " + nothing + ": connection refused"},
		"one of two":                {map[string]string{"SSH": sshd, "VNC": nothing}, Error, "VNC at " + nothing},
		"none":                      {nil, Warning, "`tunnel.services` is empty"},
	} {
		x := newExamination(Options{})
		x.config.Tunnel = config.Tunnel{Enabled: true, Services: tc.services}
		want(t, name, checkServices(t.Context(), x), tc.state, tc.words)
	}
	want(t, "disabled", checkServices(t.Context(), newExamination(Options{})), Skipped, "tunnels are disabled")
}
