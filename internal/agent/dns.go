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
	stub    *resolver.Stub
	sockets *StubSockets
	host    *resolver.Host
	root    bool
	ring    func(context.Context) error // asks the root helper to see to the OS
	leaving func() bool                 // the agent after this one wants the OS to stay pointed
	log     *slog.Logger

	mu      sync.Mutex
	state   resolver.HostState
	faults  map[step]string // why the OS is not served, by what failed
	changed chan struct{}
}

// step is something that the DNS service does.
type step string

const (
	serving   step = "serving DNS"
	applying  step = "pointing the OS at the DNS stub"
	watching  step = "watching the OS's DNS"
	restoring step = "restoring the OS's DNS"
)

func newDNSService(o Options, board *status.Board, client *resolver.Client) (*dnsService, error) {
	root := os.Geteuid() == 0
	options := resolver.HostOptions{Config: o.Config.Resolver, RuntimeDir: o.RuntimeDir, Log: o.Log}
	ring := resolver.RingForRepair(o.RuntimeDir)
	if !root {
		options.Repair = ring
	}
	host := resolver.NewHost(options)
	d := &dnsService{
		host: host, sockets: o.StubSockets, root: root, ring: ring, leaving: func() bool { return false }, log: o.Log,
		state: resolver.HostState{Mode: host.Mode()}, faults: map[step]string{}, changed: make(chan struct{}),
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
		Upstream: host.Upstream, Search: host.Search, Client: client, Cause: func() string { return closedBecause(board) }, Log: o.Log,
	})
	return d, nil
}

// closedBecause is what an Extended DNS Error says while the path is closed.
func closedBecause(board *status.Board) string {
	f := board.Snapshot().FixFirst
	if f == nil {
		return "edgeagent: the path is being opened"
	}
	return fmt.Sprintf("edgeagent: %s: %s", f.Stage, f.Title)
}

// run serves until ctx ends, then gives the OS its own DNS back.
func (d *dnsService) run(ctx context.Context) {
	// The stub outlives ctx until the OS has its own DNS back: no lookup in
	// between meets a dead address.
	serveCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	listening := make(chan struct{})
	running.Go(func() { d.serve(serveCtx, listening) })
	defer running.Wait()
	defer stop()
	select {
	case <-listening:
	case <-ctx.Done():
		return
	}
	if d.root {
		d.point(ctx)
		defer d.restore(context.WithoutCancel(ctx))
	}
	d.try(watching, d.host.Watch(ctx, d.seen))
}

// serve keeps the stub listening until ctx ends. It closes listening when it does
// so for the first time, and points the OS at the stub itself when it does again.
func (d *dnsService) serve(ctx context.Context, listening chan<- struct{}) {
	first := sync.OnceFunc(func() { close(listening) })
	for again := false; ; again = true {
		err := d.sockets.listen(d.stub, d.log)
		if err == nil {
			d.try(serving, nil)
			if again {
				d.point(ctx)
			}
			first()
			err = d.stub.Serve(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		d.try(serving, err)
		d.undo(ctx)
		select {
		case <-time.After(listenAgain):
		case <-ctx.Done():
			return
		}
	}
}

// point has the OS ask the stub.
func (d *dnsService) point(ctx context.Context) {
	if d.root {
		d.try(applying, d.host.Apply(ctx))
	} else {
		d.try(applying, d.ring(ctx))
	}
}

// undo gives the OS its own DNS back while the stub cannot be had: what a killed
// daemon left behind would send the OS to a dead address.
func (d *dnsService) undo(ctx context.Context) {
	switch {
	case d.root:
		d.try(restoring, d.host.Restore(ctx))
	case d.host.State().Pointed:
		d.try(restoring, d.ring(ctx))
	}
}

func (d *dnsService) restore(ctx context.Context) {
	if d.leaving() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, restoreWithin)
	defer cancel()
	d.try(restoring, d.host.Restore(ctx))
}

// try publishes and logs a failed step; a step that works clears its fault.
func (d *dnsService) try(what step, err error) {
	fault := ""
	if err != nil {
		fault = fmt.Sprintf("%s: %v", what, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if fault == d.faults[what] {
		return
	}
	d.faults[what] = fault
	if err != nil {
		d.log.Error(string(what)+" failed", "err", err)
	}
	d.announce()
}

// seen takes what the watch has found. An apply that failed may since have been
// made up for, by a repair or by hand.
func (d *dnsService) seen(s resolver.HostState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s
	if s.Pointed {
		d.faults[applying] = ""
	}
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
	for _, what := range []step{serving, applying, watching} {
		if fault := d.faults[what]; fault != "" {
			s.Pointed, s.Detail = false, fault
			break
		}
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
