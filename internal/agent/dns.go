package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
	"edgeagent/internal/status"
	"edgeagent/internal/vpn"
)

// Pauses of the DNS service.
const (
	listenAgain   = 5 * time.Second // after the stub's address was taken
	restoreWithin = 2 * time.Second // giving the OS its DNS back while stopping
)

// dnsService runs the stub for the daemon's whole life, not only while the
// link is up: private names must be answered with "no address" then, and the
// VPN server's name must be looked up to bring the link up. As root it also
// points the OS at the stub; else the unit's helper has done so.
type dnsService struct {
	stub *resolver.Stub
	host *resolver.Host
	root bool
	log  *slog.Logger

	mu      sync.Mutex
	state   resolver.HostState
	fault   string // why the OS is not pointed at the stub, if the agent knows
	changed chan struct{}
}

func newDNSService(o Options, board *status.Board, client *resolver.Client) (*dnsService, error) {
	host := resolver.NewHost(resolver.HostOptions{Config: o.Config.Resolver, RuntimeDir: o.RuntimeDir, Log: o.Log})
	d := &dnsService{
		host: host, root: os.Geteuid() == 0, log: o.Log,
		state: resolver.HostState{Mode: host.Mode()}, changed: make(chan struct{}),
	}
	var exempt []string
	for _, link := range o.Config.Links {
		if link.Config == "" {
			continue
		}
		names, err := vpn.Remotes(link.Config)
		if err != nil {
			return nil, err
		}
		exempt = append(exempt, names...)
	}
	d.stub = resolver.NewStub(resolver.StubOptions{
		Config: o.Config.Resolver, Exempt: exempt, Reverse: o.Config.Endpoint.PrivateCIDRs,
		Upstream: host.Upstream, Client: client, Cause: func() string { return closedBecause(board) }, Log: o.Log,
	})
	return d, nil
}

// closedBecause is what an Extended DNS Error says while the path is closed.
func closedBecause(board *status.Board) string {
	f := board.Snapshot().FixFirst
	if f == nil {
		return "edgeagent: the path is being opened"
	}
	return fmt.Sprintf("edgeagent: %s: %s", f.Stage, status.Title(f.Stage, f.Reason))
}

// run serves until ctx ends, then gives the OS its own DNS back.
func (d *dnsService) run(ctx context.Context) {
	if d.root {
		// What a killed daemon left behind would send the OS to a dead address.
		d.try("restoring the OS's DNS", d.host.Restore(ctx))
	}
	for {
		err := d.stub.Listen()
		if err == nil {
			break
		}
		d.try("starting the DNS stub", err)
		select {
		case <-time.After(listenAgain):
		case <-ctx.Done():
			return
		}
	}
	var running sync.WaitGroup
	running.Go(func() { d.try("serving DNS", d.stub.Serve(ctx)) })
	if d.root {
		d.try("pointing the OS at the DNS stub", d.host.Apply(ctx))
		defer d.restore(context.WithoutCancel(ctx))
	}
	running.Go(func() { d.try("watching the OS's DNS", d.host.Watch(ctx, d.seen)) })
	running.Wait()
}

func (d *dnsService) restore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, restoreWithin)
	defer cancel()
	d.try("restoring the OS's DNS", d.host.Restore(ctx))
}

// try publishes and logs a failed step; a step that works clears the fault.
func (d *dnsService) try(step string, err error) {
	fault := ""
	if err != nil {
		fault = fmt.Sprintf("%s: %v", step, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if fault == d.fault {
		return
	}
	d.fault = fault
	if err != nil {
		d.log.Error(step+" failed", "err", err)
	}
	d.announce()
}

// seen takes what the watch has found.
func (d *dnsService) seen(s resolver.HostState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s
	d.announce()
}

func (d *dnsService) announce() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// State returns how the OS is pointed at the stub.
func (d *dnsService) State() resolver.HostState {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	if d.fault != "" {
		s.Pointed, s.Detail = false, d.fault
	}
	return s
}

// pointedMode is the host mode while the OS asks the stub, else none: to ask the
// OS for a private name then would send it to a public server.
func (d *dnsService) pointedMode() string {
	if s := d.State(); s.Pointed {
		return s.Mode
	}
	return config.HostNone
}

// Changed returns a channel that is closed at the next change of State.
func (d *dnsService) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}
