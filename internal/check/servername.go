package check

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
	"edgeagent/internal/vpn"
)

// lookUpLimits are short: all servers are asked at once, and the answer of a
// name server at the site takes milliseconds.
const (
	lookUpUDP = 1500 * time.Millisecond
	lookUpTCP = 1500 * time.Millisecond
)

// checkServerName asks the uplink's name servers, past the OS, for the names
// that bring the OpenVPN links up.
func checkServerName(ctx context.Context, x *examination) outcome {
	return x.softened(askServerNames(ctx, x))
}

func askServerNames(ctx context.Context, x *examination) outcome {
	names := serverNames(x.config)
	if len(names) == 0 {
		return skipped(say("name.none"))
	}
	servers := upstream(x)
	if len(servers) == 0 {
		return fault(say("name.servers"), say("name.servers.fix"))
	}
	found := list{between: "; "}
	for _, name := range names {
		addrs, why := lookUp(ctx, servers, name)
		if why != nil {
			return fault(say("name.fault", name, why), say("name.fix"))
		}
		if inside := privateOf(addrs); inside != "" && strings.HasSuffix(name, ".amazonaws.com") {
			return fault(say("name.inside", name, inside), say("name.inside.fix"))
		}
		found.parts = append(found.parts, say("name.is", name, texts(addrs)))
	}
	return ok(found)
}

// upstream are the name servers that this device has from its uplink.
func upstream(x *examination) []netip.AddrPort {
	return resolver.NewHost(resolver.HostOptions{Config: x.config.Resolver, RuntimeDir: x.o.RuntimeDir, Log: discard()}).Upstream()
}

func serverNames(c config.Config) []string {
	var all []string
	for _, l := range c.Links {
		if l.Config == "" {
			continue
		}
		names, err := vpn.Remotes(l.Config)
		if err != nil {
			continue // link.profile says why
		}
		all = append(all, names...)
	}
	return all
}

// lookUp asks all servers at once and takes the first one's answer, in their
// order. AWS answers a Client VPN name only under a random label; a server that
// wants none knows the bare name. The words are why there is no answer.
func lookUp(ctx context.Context, servers []netip.AddrPort, name string) ([]netip.Addr, words) {
	type answer struct {
		addrs []netip.Addr
		why   words
	}
	asks := []string{name, label() + "." + name}
	answers := make([]answer, len(servers)*len(asks))
	var running sync.WaitGroup
	for i := range answers {
		running.Go(func() {
			a := &answers[i]
			a.addrs, a.why = lookUpOne(ctx, servers[i/len(asks)], asks[i%len(asks)])
		})
	}
	running.Wait()
	why := list{between: "; "}
	for i, a := range answers {
		if a.why == nil {
			return a.addrs, nil
		}
		if i%len(asks) == 0 { // the bare name's: that of the other is most often the same
			why.parts = append(why.parts, a.why)
		}
	}
	return nil, why
}

func lookUpOne(ctx context.Context, server netip.AddrPort, name string) ([]netip.Addr, words) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	client := resolver.Client{UDPTimeout: lookUpUDP, TCPTimeout: lookUpTCP}
	r, err := client.Exchange(ctx, q, server, "")
	if err != nil {
		return nil, lookUpError(server.Addr(), err)
	}
	addrs := answersOf(r)
	switch {
	case len(addrs) > 0:
		return addrs, nil
	case r.Rcode == dns.RcodeSuccess:
		return nil, say("dns.empty", server.Addr())
	}
	return nil, say("dns.rcode", server.Addr(), dns.RcodeToString[r.Rcode])
}

// lookUpError says why a name server gave no answer.
func lookUpError(server netip.Addr, err error) words {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return say("dns.silent", server)
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("dns.refused", server)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return say("dns.noroute", server)
	}
	return foreign(err.Error())
}

func label() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// privateOf returns the first address that no Client VPN server has.
func privateOf(addrs []netip.Addr) string {
	for _, a := range addrs {
		if a.IsPrivate() || a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() {
			return a.String()
		}
	}
	return ""
}

func texts(addrs []netip.Addr) string {
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return strings.Join(list, ", ")
}
