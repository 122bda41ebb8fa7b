package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
)

const (
	// osInterval is how often the OS is asked again after it agreed. Its
	// question may cost a packet on a metered link, hence the pace of such a link.
	osInterval = 5 * time.Minute
	// osTimeout lets the OS go from a dead first server to the second, which is
	// where leaks are: two tries of 5 s (resolv.conf(5)) and a little.
	osTimeout = 12 * time.Second
	// osDoubts is how many lookups in a row must fail, or differ among private
	// addresses, before it counts: a cache may be behind, a packet lost.
	osDoubts = 2
)

// osLookup asks as other programs do: /etc/hosts, then the servers of
// /etc/resolv.conf. Only for IPv4, see askOne. Go's resolver keeps no cache.
func osLookup(ctx context.Context, host string) ([]netip.Addr, error) {
	r := &net.Resolver{PreferGo: true, Dial: dialOnDevice}
	addrs, err := r.LookupNetIP(ctx, "ip4", dns.Fqdn(host)) // rooted: no search list
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// dialOnDevice keeps the question on this device, where the OS's resolver is as long
// as it asks the agent. The file may name the site's own again by the time it is
// read: when the agent is being stopped, or when somebody has just rewritten it.
func dialOnDevice(ctx context.Context, network, address string) (net.Conn, error) {
	server, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	if !onThisDevice(server) {
		return nil, fmt.Errorf("%s is not on this device, and is not told the name", server.Addr())
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// osView is what other programs on the device get for the endpoint's name.
type osView struct {
	asking bool
	due    time.Time // when to ask again
	doubts int       // answers in a row that did not fit
	known  bool      // there was an answer that counts
	fault  string    // why it counts against the device; "" when it agrees
}

// osAnswer is one lookup.
type osAnswer struct {
	addrs []netip.Addr
	err   error
}

// takeOS compares an answer of the OS with the proved addresses. A fault is
// looked at again soon until it is certain, then at the pace of probes: each
// look may well send the private name to the server that should not have it.
func (e *evidence) takeOS(a osAnswer, now time.Time) {
	o := &e.os
	o.asking = false
	if !e.answered() {
		return // meanwhile there is nothing to compare it with
	}
	fault, certain := osFault(a, e.answer.Addresses, e.endpoint.PrivateCIDRs)
	if fault == "" {
		*o = osView{known: true, due: now.Add(osInterval)}
		return
	}
	o.doubts++
	o.due = now.Add(e.probe.SuspectInterval)
	if certain || o.doubts >= osDoubts {
		o.known, o.fault, o.due = true, fault, now.Add(e.probe.Interval)
	}
}

// osFault says what is wrong with an answer of the OS, "" if nothing. A
// public address is certain at once.
func osFault(a osAnswer, proved []netip.Addr, prefixes []netip.Prefix) (fault string, certain bool) {
	got := sortAddrs(slices.Clone(a.addrs))
	switch open := notIn(prefixes, got); {
	case a.err != nil:
		return fmt.Sprintf("other programs on this device get no answer: %v", a.err), false
	case len(open) > 0:
		return "other programs on this device get " + joinAddrs(open), true
	case !slices.Equal(got, proved):
		return fmt.Sprintf("other programs on this device get %s, not %s", joinAddrs(got), joinAddrs(proved)), false
	}
	return "", false
}

// asksOS reports whether the OS is to be asked at all: without a host mode
// every lookup would send the private name to a public server.
func asksOS(mode string) bool { return mode != "" && mode != config.HostNone }

func joinAddrs(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "none"
	}
	return strings.Join(addrTexts(addrs), ", ")
}

func addrTexts(addrs []netip.Addr) []string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = a.String()
	}
	return out
}
