package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/history"
	"edgeagent/internal/modem"
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
	links  *vpn.Links
	broker *mqtt.Session
	tunnel *tunnel.Manager

	recorder *history.Recorder
	losses   map[string]int // of the stages, as the next Run is to know them
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
	meter := new(vpn.Meter)
	client := &resolver.Client{UDPTimeout: cfg.Probe.Timeout, Wrap: meter.Wrap}
	prober := resolver.NewProber(resolver.ProberOptions{Host: cfg.Endpoint.Host, Client: client, Log: o.Log})

	p := &parts{board: board, recorder: history.NewRecorder(board)}
	dns, err := newDNSService(o, board, client)
	if err != nil {
		return nil, err
	}
	p.dns = dns
	path := func() (resolver.Path, bool) {
		path, ok := p.links.Path()
		return resolver.Path(path), ok
	}
	var endpoint *resolver.Verifier
	p.links, err = vpn.NewLinks(vpn.LinksOptions{
		Links: cfg.Links, Probe: cfg.Probe, Recovery: cfg.Recovery, Servers: cfg.Resolver.Servers, RuntimeDir: o.RuntimeDir,
		Lookup: dns.stub.LookupUplink,
		ProbePath: func(ctx context.Context, path vpn.Path) (time.Duration, error) {
			return prober.Probe(ctx, resolver.Path(path))
		},
		Witness: func(ctx context.Context, path vpn.Path) (bool, error) {
			return endpoint.Reach(ctx, resolver.Path(path))
		},
		Alive:  func() time.Time { return p.broker.Alive() },
		Rescue: func(l config.Link) vpn.Rescue { return newRescue(o, l) },
		Meter:  meter, Adopt: o.Adopt.link, Carried: o.Adopt.carried(), Clock: gate, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	stage := resolver.NewStage(resolver.StageOptions{
		Prober: prober, Stub: dns.stub, Path: path, Pace: p.links.Pace,
		HostState: dns.State, HostChanged: dns.Changed,
		Private: cfg.Endpoint.PrivateCIDRs, Config: cfg.Resolver, Probe: cfg.Probe, Log: o.Log,
	})
	endpoint = resolver.NewVerifier(resolver.VerifierOptions{
		Endpoint: cfg.Endpoint, Domains: cfg.Resolver.Domains, Prober: prober, Client: client,
		Path: path, Route: p.links.Route, HostMode: dns.pointedMode, HostChanged: dns.Changed, Probe: cfg.Probe,
		Wrap: meter.Wrap, Log: o.Log,
	})
	p.tunnel = tunnel.New(tunnel.Options{
		Thing: cfg.Device.Thing, Region: cfg.Device.Region, Tunnel: cfg.Tunnel,
		Resolve:      endpoint.Resolve,
		NameMissing:  func(err error) bool { return errors.Is(err, resolver.ErrNameMissing) },
		LookupUplink: dns.stub.LookupUplink,
		Device:       func() string { path, _ := p.links.Path(); return path.Device },
		Owner:        o.RuntimeDir,
		Log:          o.Log,
	})
	p.broker = mqtt.New(mqtt.Options{
		MQTT: cfg.MQTT, Endpoint: cfg.Endpoint, Thing: cfg.Device.Thing,
		Path: endpoint, Notify: p.notify(cfg), Clock: gate, Board: board, Log: o.Log,
		OwnLoss:  func() bool { return ownLoss(board.Condition("link")) },
		KeptFile: filepath.Join(o.StateDir, "kept-session"),
	})
	p.chain = NewChain(board, o.Log,
		Step{Stage: p.links}, Step{Stage: stage}, Step{Stage: endpoint}, Step{Stage: p.broker},
		// An open tunnel ends on its own, at its time limit, or when the endpoint is lost.
		Step{Stage: p.tunnel, Outlives: 1})
	return p, nil
}

// newRescue makes what dials a link of type interface anew. As root it needs no
// helper.
func newRescue(o Options, l config.Link) *modem.Rescue {
	return modem.New(modem.Options{
		Link: l, Recovery: o.Config.Recovery, StateDir: o.StateDir, Direct: os.Geteuid() == 0, Log: o.Log,
	})
}
