package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// place is where a proxy may connect to.
type place struct {
	addrs  []netip.Addr
	device string // the link's device; "" lets the data use the internet
}

// locator finds the place before each launch, so that a zone that turned
// public or lost its record closes the path for the next tunnel.
type locator struct {
	o    Options
	host string

	mu    sync.Mutex
	last  place
	until time.Time // last may be used again
}

// newLocator returns a locator for o.Tunnel.Endpoint.
func newLocator(o Options) *locator {
	host, _, _ := net.SplitHostPort(o.Tunnel.Endpoint)
	return &locator{o: o, host: host}
}

// prepare has the service's private addresses routed before any tunnel is asked
// for: a program that is told one of them by the stub must not find the way of
// the uplink. Only the VPC is asked; what fails here is said when a tunnel opens.
func (l *locator) prepare(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	_, _, _ = l.o.Resolve(ctx, l.host)
}

// forget drops what was found while an earlier path stood.
func (l *locator) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Time{}
}

// find returns the place. Silence is waited out, for lookupWindow at most; an
// answer of any kind is final.
func (l *locator) find(ctx context.Context) (place, *fault) {
	if p, ok := l.recent(); ok {
		return p, nil
	}
	deadline := time.Now().Add(lookupWindow)
	pause := firstLookupPause
	for {
		p, err := l.ask(ctx)
		var final *fault
		switch {
		case err == nil:
			l.keep(p)
			return p, nil
		case errors.As(err, &final):
			return place{}, final
		case time.Until(deadline) < pause || !sleep(ctx, pause):
			return place{}, failure(status.ReasonNoAnswer, "%s does not resolve: %v", l.host, err)
		}
		pause = min(2*pause, lastLookupPause)
	}
}

// recent returns the last place while it may be used again. A link that has
// changed its device may lead into another VPC.
func (l *locator) recent() (place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().After(l.until) || l.last.device != l.o.Device() {
		return place{}, false
	}
	return l.last, true
}

// keep remembers a place inside the VPC. One outside is asked for anew each
// time: the private record may have come.
func (l *locator) keep(p place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.device != "" {
		l.last, l.until = p, time.Now().Add(placeTTL)
	}
}

// ask asks once. A *fault is final, any other error is worth another try.
func (l *locator) ask(ctx context.Context) (place, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, private, err := l.o.Resolve(ctx, l.host)
	// Silence is never a reason to look elsewhere, whatever allow_public says: an
	// answer from the uplink would then depend on who is slow.
	switch {
	case err != nil && l.o.NameMissing(err):
		return l.outside(ctx)
	case err != nil:
		return place{}, err
	case len(addrs) == 0:
		return place{}, fmt.Errorf("no address for %s", l.host)
	case private:
		return l.inside(ctx, addrs)
	case !l.o.Tunnel.AllowPublic:
		return place{}, l.public(addrs)
	}
	return place{addrs: addrs}, nil
}

// inside returns the place behind the link. An external program looks the name
// up itself and cannot be told the address, so for one the OS's own lookup must
// agree: where it does not, the data would leave in the open.
func (l *locator) inside(ctx context.Context, addrs []netip.Addr) (place, error) {
	device := l.o.Device()
	if device == "" {
		return place{}, errors.New("the link has no device")
	}
	if l.o.Tunnel.Proxy == config.ProxyBuiltin {
		return place{addrs: addrs, device: device}, nil
	}
	seen, err := l.o.LookupOS(ctx, l.host)
	if err != nil {
		return place{}, fmt.Errorf("this device's own lookup: %w", err)
	}
	for _, a := range seen {
		if !slices.Contains(addrs, a.Unmap()) {
			f := refusal("this device's own lookup of %s gives %s, the VPC's gives %v", l.host, a, addrs)
			f.hint = "`sudo edgeagent resolver apply`, so that " + l.o.Tunnel.Proxy +
				" finds the private address; or set `tunnel.proxy: builtin`, which does not need it."
			return place{}, f
		}
	}
	return place{addrs: addrs, device: device}, nil
}

// outside decides what happens when the VPC has no such name.
func (l *locator) outside(ctx context.Context) (place, error) {
	if !l.o.Tunnel.AllowPublic || l.o.LookupUplink == nil {
		f := failure(status.ReasonNameMissing, "the VPC resolver has no %s", l.host)
		f.hint = l.record()
		return place{}, f
	}
	addrs, err := l.o.LookupUplink(ctx, l.host)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("no address for %s", l.host)
	}
	return place{addrs: addrs}, err
}

// public is the refusal to send anything in the open. The hint names the private
// way first.
func (l *locator) public(addrs []netip.Addr) *fault {
	f := refusal("%s leads to the public address %s: nothing is sent", l.host, addrs[0])
	f.hint = l.record() + " Or allow the internet for tunnels with `tunnel.allow_public: true`."
	return f
}

// record is the next action when the private zone does not lead to the service.
func (l *locator) record() string {
	return fmt.Sprintf("create the interface endpoint com.amazonaws.%s.iot.tunneling.data in the VPC, "+
		"and in the private hosted zone the record %s that points to it.", l.o.Region, l.host)
}

// sleep waits for d. It is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
