package agent

import (
	"errors"
	"io"
	"log/slog"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
)

func newTestDNS() *dnsService {
	return &dnsService{log: slog.New(slog.NewTextHandler(io.Discard, nil)), changed: make(chan struct{})}
}

// A lookup by way of an OS that is not pointed at the stub is a private name
// at a public server.
func TestPointedModeIsNoneUntilTheOSAsksTheStub(t *testing.T) {
	d := newTestDNS()
	d.seen(resolver.HostState{Mode: config.HostFile, Pointed: false})
	if got := d.pointedMode(); got != config.HostNone {
		t.Errorf("mode %q while trampled", got)
	}
	d.seen(resolver.HostState{Mode: config.HostFile, Pointed: true})
	if got := d.pointedMode(); got != config.HostFile {
		t.Errorf("mode %q while pointed", got)
	}
	d.try("pointing the OS at the DNS stub", errors.New("read-only file system"))
	if got := d.pointedMode(); got != config.HostNone {
		t.Errorf("mode %q after a failed apply", got)
	}
}

func TestDNSServiceAnnouncesWhatChanges(t *testing.T) {
	d := newTestDNS()
	changed := d.Changed()
	d.try("starting the DNS stub", errors.New("port 53 is taken by dnsmasq"))
	select {
	case <-changed:
	default:
		t.Error("a fault was not announced")
	}
	if s := d.State(); s.Pointed || s.Detail != "starting the DNS stub: port 53 is taken by dnsmasq" {
		t.Errorf("state %+v", s)
	}
	changed = d.Changed()
	d.try("starting the DNS stub", errors.New("port 53 is taken by dnsmasq"))
	select {
	case <-changed:
		t.Error("the same fault was announced twice")
	default:
	}
}
