package machine

import (
	"testing"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/lab/rootfs"
)

// behind is how far the device's clock lies before the time from which its
// certificates are valid.
const behind = 90 * time.Second

// A machine here shares this computer's clock, which cannot be set back. So the
// world is ahead of it instead, until the clock has caught up. A clock that is
// stepped from 1970 is tested on a kernel of its own (make test-arm-boot).
func TestBootWithAClockThatIsBehind(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	// Built now, so that the time it takes is not the test's.
	_, err := rootfs.Build(t.Context(), rootfs.Options{Release: rootfs.Trixie})
	must(t, err)
	valid := time.Now().Add(behind)
	ahead := []pki.Option{pki.Valid(valid, valid.Add(24*time.Hour))}
	m := installed(t, system{Release: rootfs.Trixie, Lab: lab.Options{
		VPNClientCert: ahead, VPNServerCert: ahead, DeviceCert: ahead, BrokerCert: ahead,
	}})
	configure(t, m, nil)
	must(t, m.Reboot(within(t, testTimeout)))
	c, err := m.WaitStage(within(t, testTimeout), "link", "down", "")
	must(t, err)
	if c.Reason != "clock" && c.Reason != "cert-not-yet-valid" {
		t.Errorf("the link is down for %s: %s", c.Reason, c.Detail)
	}
	if time.Now().After(valid) {
		t.Fatal("the clock has caught up before the test looked")
	}
	waitOK(t, m)
	if up := time.Now(); up.Before(valid) {
		t.Errorf("the path was up %s before its certificates were valid", valid.Sub(up))
	}
	figure(t, "clock right to connected", time.Since(valid))
	neverInTheOpen(t, m)
}
