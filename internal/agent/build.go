package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/mqtt"
	"edgeagent/internal/resolver"
	"edgeagent/internal/status"
	"edgeagent/internal/tunnel"
	"edgeagent/internal/vpn"
)

// parts is everything that runs, wired.
type parts struct {
	board  *status.Board
	chain  *Chain
	dns    *dnsService
	link   *vpn.OpenVPN
	broker *mqtt.Session
	tunnel *tunnel.Manager
	links  []config.Link
}

// build wires the stages. It reads as the data flows: the link finds a path,
// the stub and the prober use it, the verifier proves what they found, the
// broker dials only what is proved, and its notifications open tunnels.
func build(o Options) (*parts, error) {
	cfg := o.Config
	gate, note := clock.NewGate(o.Build, filepath.Join(o.StateDir, "last-time"))
	if note != "" {
		o.Log.Warn(note)
	}
	board := status.NewBoard(cfg.Device.Thing, o.Version, stageNames()...)
	client := &resolver.Client{UDPTimeout: cfg.Probe.Timeout}
	prober := resolver.NewProber(resolver.ProberOptions{Host: cfg.Endpoint.Host, Client: client, Log: o.Log})

	p := &parts{board: board, links: cfg.Links}
	dns, err := newDNSService(o, board, client)
	if err != nil {
		return nil, err
	}
	p.dns = dns
	path := func() (resolver.Path, bool) {
		path, ok := p.link.Path()
		return resolver.Path(path), ok
	}
	p.link, err = newLink(o, gate, dns, prober, func() time.Time { return p.broker.Alive() })
	if err != nil {
		return nil, err
	}
	stage := resolver.NewStage(resolver.StageOptions{
		Prober: prober, Stub: dns.stub, Path: path, Pace: p.link.Pace,
		HostState: dns.State, HostChanged: dns.Changed,
		Private: cfg.Endpoint.PrivateCIDRs, Config: cfg.Resolver, Probe: cfg.Probe, Log: o.Log,
	})
	endpoint := resolver.NewVerifier(resolver.VerifierOptions{
		Endpoint: cfg.Endpoint, Domains: cfg.Resolver.Domains, Prober: prober, Client: client,
		Path: path, Route: p.link.Route, HostMode: dns.pointedMode, HostChanged: dns.Changed, Probe: cfg.Probe, Log: o.Log,
	})
	p.tunnel = tunnel.New(tunnel.Options{
		Thing: cfg.Device.Thing, Region: cfg.Device.Region, Tunnel: cfg.Tunnel,
		Resolve:      endpoint.Resolve,
		NameMissing:  func(err error) bool { return errors.Is(err, resolver.ErrNameMissing) },
		LookupUplink: dns.stub.LookupUplink,
		Device:       func() string { path, _ := p.link.Path(); return path.Device },
		Owner:        o.RuntimeDir,
		Log:          o.Log,
	})
	p.broker = mqtt.New(mqtt.Options{
		MQTT: cfg.MQTT, Endpoint: cfg.Endpoint, Thing: cfg.Device.Thing,
		Path: endpoint, Notify: p.notify(cfg), Clock: gate, Board: board, Log: o.Log,
	})
	p.chain = NewChain(board, o.Log,
		Step{Stage: p.link}, Step{Stage: stage}, Step{Stage: endpoint}, Step{Stage: p.broker},
		// An open tunnel ends on its own, at its time limit, or when the endpoint is lost.
		Step{Stage: p.tunnel, Outlives: 1})
	return p, nil
}

// newLink makes the first configured link, which carries the path.
func newLink(o Options, gate *clock.Gate, dns *dnsService, prober *resolver.Prober, alive func() time.Time) (*vpn.OpenVPN, error) {
	first := o.Config.Links[0]
	if first.Type != config.LinkOpenVPN {
		return nil, fmt.Errorf("link %q: type %s is not in this version; put a link of type %s first",
			first.Name, first.Type, config.LinkOpenVPN)
	}
	return vpn.NewOpenVPN(vpn.Options{
		Link: first, Probe: o.Config.Probe, Recovery: o.Config.Recovery, Servers: o.Config.Resolver.Servers,
		RuntimeDir: o.RuntimeDir,
		Lookup:     dns.stub.LookupUplink,
		ProbePath: func(ctx context.Context, path vpn.Path) (time.Duration, error) {
			return prober.Probe(ctx, resolver.Path(path))
		},
		Alive: alive, Clock: gate, Adopt: o.Adopt.link(first.Name), Log: o.Log,
	})
}
