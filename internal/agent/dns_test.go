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
	return &dnsService{
		log:    slog.New(slog.NewTextHandler(io.Discard, nil)),
		faults: map[step]string{}, changed: make(chan struct{}),
	}
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
	d.try(applying, errors.New("read-only file system"))
	if got := d.pointedMode(); got != config.HostNone {
		t.Errorf("mode %q after a failed apply", got)
	}
	d.seen(resolver.HostState{Mode: config.HostFile, Pointed: true})
	if got := d.pointedMode(); got != config.HostFile {
		t.Errorf("mode %q after a repair made up for the failed apply", got)
	}
	d.try(serving, errors.New("socket closed"))
	d.seen(resolver.HostState{Mode: config.HostFile, Pointed: true})
	if got := d.pointedMode(); got != config.HostNone {
		t.Errorf("mode %q while the stub is dead", got)
	}
}

func TestDNSServiceAnnouncesWhatChanges(t *testing.T) {
	d := newTestDNS()
	changed := d.Changed()
	d.try(serving, errors.New("port 53 is taken by dnsmasq"))
	select {
	case <-changed:
	default:
		t.Error("a fault was not announced")
	}
	if s := d.State(); s.Pointed || s.Detail != "serving DNS: port 53 is taken by dnsmasq" {
		t.Errorf("state %+v", s)
	}
	changed = d.Changed()
	d.try(serving, errors.New("port 53 is taken by dnsmasq"))
	select {
	case <-changed:
		t.Error("the same fault was announced twice")
	default:
	}
}
