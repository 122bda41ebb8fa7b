package lab

import (
	"os"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// TestTunnelExternalProxy names a program in tunnel.proxy: one that ends at
// once as if all were well, as the reference program does after a 403; one that
// works; and then none at all.
func TestTunnelExternalProxy(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	program := l.path("device", "localproxy")
	l.opts.Config = map[string]string{"tunnel.proxy": program}
	must(t, l.writeConfig())
	script := func(text string) { must(t, os.WriteFile(program, []byte("#!/bin/sh\n"+text+"\n"), 0o755)) }

	script("exit 0")
	a := startAgent(t, l)
	waitOK(t, a)
	notified(t, l, "SSH")
	c := waitStage(t, a, "tunnel", status.Degraded, status.ReasonProcessExited)
	if !strings.Contains(c.Detail, "exited with status 0") || !strings.Contains(c.Detail, "without connecting") {
		t.Errorf("the detail does not say how the program ended: %s", c.Detail)
	}
	tunnels := list(t, l)
	if len(tunnels) != 1 || tunnels[0].State != "connecting" {
		t.Fatalf("the list has %+v, want one that is connecting", tunnels)
	}
	if n := agentLog(t, l, "tunnel connected"); n > 0 {
		t.Errorf("%d tunnels were told to be connected", n)
	}
	edgeagent(t, l, 0, "tunnel", "close", tunnels[0].ID)
	if c := waitStage(t, a, "tunnel", status.OK, status.ReasonIdle); strings.Contains(c.Detail, "last") {
		t.Errorf("a tunnel that never was open is told as the last one: %s", c.Detail)
	}

	// With the reference program's options, and nobody to tell it an address.
	script("exec " + os.Getenv(BinEnv) + ` localproxy "$@"`)
	tunnel := open(t, l, "SSH")
	run(t, tunnel)
	must(t, tunnel.Close())

	must(t, os.Remove(program))
	notified(t, l, "SSH")
	waitStage(t, a, "tunnel", status.Down, status.ReasonProxyMissing)
	wantHint(t, a, "install "+program, "tunnel.proxy: builtin")
	stays(t, a)
	clean(t, l, "with an external proxy")
}
