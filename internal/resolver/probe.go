package resolver

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const dnsPort = 53

var errNoServers = errors.New("no VPC resolver is known: set resolver.servers")

// asker is what the Client does; tests answer in its place.
type asker interface {
	Exchange(ctx context.Context, q *dns.Msg, server netip.AddrPort, device string) (*dns.Msg, error)
}

// ProberOptions say what is asked, and how.
type ProberOptions struct {
	Host   string // endpoint.host
	Client *Client
	Log    *slog.Logger
}

// Prober asks the VPC resolver for the endpoint's address. One query serves
// three ends: the link learns that packets come back, the dns stage that the
// resolver answers, the endpoint stage which addresses to prove. Probes of one
// link never run side by side; who asks meanwhile shares the answer.
type Prober struct {
	host string
	ask  asker
	log  *slog.Logger

	mu      sync.Mutex
	lanes   map[string]*lane // by name of the link
	last    Result
	count   uint64 // of results
	changed chan struct{}
}

// lane is what is known and under way on one link. Links are probed apart: a
// standby that fails says nothing of the one that carries the path.
type lane struct {
	last   Result
	good   netip.Addr // the server that answered last
	spared bool       // each question is paid for
	flight *flight
}

type flight struct {
	path   Path
	landed chan struct{} // closed when result and err are set
	result Result
	err    error // the prober gave up, the result is void
}

// NewProber returns a Prober; it asks nothing by itself.
func NewProber(o ProberOptions) *Prober {
	return &Prober{
		host: o.Host, ask: o.Client, log: o.Log,
		lanes: map[string]*lane{}, changed: make(chan struct{}),
	}
}

// Probe asks the path's resolvers, the last good one first, until one answers.
// The error is nil if anything came back through the device: an answer of any
// kind, or a closed port. The time is that of the answer's round trip.
func (p *Prober) Probe(ctx context.Context, path Path) (time.Duration, error) {
	r, err := p.result(ctx, path)
	if err != nil {
		return 0, err
	}
	if !r.alive() {
		return 0, r.Err
	}
	return r.RTT, nil
}

// Last returns the newest result of all links, zero before the first.
func (p *Prober) Last() Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// Changed returns a channel that is closed at the next result. Take it before
// reading a result, or one in between is missed.
func (p *Prober) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// lastOver returns the newest result over this very path.
func (p *Prober) lastOver(path Path) (Result, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[path.Link]
	if l == nil || l.last.At.IsZero() || !l.last.Path.same(path) {
		return Result{}, false
	}
	return l.last, true
}

// result joins the probe under way or starts one. The error says that ctx
// ended first.
func (p *Prober) result(ctx context.Context, path Path) (Result, error) {
	for {
		f, mine := p.board(path)
		if mine {
			p.fly(ctx, f)
			return f.result, f.err
		}
		select {
		// A flight over the path's old device, or one that was broken off, says
		// nothing of this one.
		case <-f.landed:
			if f.err == nil && f.path.same(path) {
				return f.result, nil
			}
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
	}
}

// board returns the link's flight, and whether the caller is to fly it.
func (p *Prober) board(path Path) (f *flight, mine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lane(path)
	if l.flight != nil {
		return l.flight, false
	}
	l.flight = &flight{path: path, landed: make(chan struct{})}
	return l.flight, true
}

// fly asks, and lands the flight whatever comes of it.
func (p *Prober) fly(ctx context.Context, f *flight) {
	r := p.askFor(ctx, p.ask, p.host, f.path)
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[f.path.Link]
	l.flight = nil
	// A caller that went away proves nothing; one whose time was up met silence.
	if errors.Is(ctx.Err(), context.Canceled) && !r.alive() {
		f.err = ctx.Err()
	} else {
		p.keep(l, r)
	}
	f.result = r
	close(f.landed)
}

// keep publishes a result; p.mu is held.
func (p *Prober) keep(l *lane, r Result) {
	if l.last.Err == nil && r.Err != nil {
		p.log.Debug("probe failed", "link", r.Path.Link, "server", r.Server, "err", r.Err)
	}
	if r.decisive() {
		l.good = r.Server
	}
	p.count++
	r.seq = p.count
	l.last, p.last = r, r
	close(p.changed)
	p.changed = make(chan struct{})
}

// askFor asks the path's servers for a name, in the way that finds one that answers.
func (p *Prober) askFor(ctx context.Context, ask asker, host string, path Path) Result {
	servers := slices.Clone(path.Servers)
	p.mu.Lock()
	l := p.lane(path)
	if i := slices.Index(servers, l.good); i > 0 {
		servers = slices.Insert(slices.Delete(servers, i, i+1), 0, l.good)
	}
	// As long as none answers, one that is dead for good must not hold up the news
	// that another is back.
	one, apart := askOne, askApart
	if !l.last.At.IsZero() && l.last.Path.same(path) && !l.last.decisive() {
		apart = 0
		if !l.spared {
			one = insist
		}
	}
	p.mu.Unlock()
	return askAll(ctx, one, apart, ask, host, path, servers)
}

// spare says whether each question over the path's link is paid for.
func (p *Prober) spare(path Path, spared bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lane(path).spared = spared
}

// lane returns what is known of the path's link; p.mu is held.
func (p *Prober) lane(path Path) *lane {
	l := p.lanes[path.Link]
	if l == nil {
		l = &lane{spared: true} // until the link is known
		p.lanes[path.Link] = l
	}
	return l
}
