package check

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"

	"edgeagent/internal/resolver"
)

// guessWait is for an address that may be the VPC's resolver.
const guessWait = 1500 * time.Millisecond

// maxGuesses bounds how many are asked.
const maxGuesses = 16

// servers are the VPC's resolvers: configured, else as the daemon knows them. If
// there is none to ask, those of the addresses that the agent has routed into the
// VPC which answer as one.
func servers(ctx context.Context, x *examination, path resolver.Path) []netip.Addr {
	if len(x.config.Resolver.Servers) > 0 {
		return x.config.Resolver.Servers
	}
	var list []netip.Addr
	c, asked := x.stage("link")
	texts, _ := c.Facts["servers"].([]any) // it came as JSON
	for _, t := range texts {
		s, _ := t.(string)
		if a, err := netip.ParseAddr(s); err == nil {
			list = append(list, a)
		}
	}
	if asked {
		return list
	}
	return answering(ctx, path.Device, x.config.Endpoint.Host, guesses(path.Index))
}

// guesses are addresses at which the VPC's resolver may be: those with a route of
// their own, and the second one of each range, which is where AWS puts it.
// https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
func guesses(index int) []netip.Addr {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4,
		&netlink.Route{LinkIndex: index, Protocol: agentProtocol}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil
	}
	var list []netip.Addr
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		a, _ := netip.AddrFromSlice(r.Dst.IP.To4())
		if ones, bits := r.Dst.Mask.Size(); ones < bits {
			a = a.Next().Next()
		}
		if a.IsValid() && !slices.Contains(list, a) && len(list) < maxGuesses {
			list = append(list, a)
		}
	}
	return list
}

// answering asks all addresses at once, through the link's device, and returns
// those that answer at all. What is no resolver refuses or keeps silent.
func answering(ctx context.Context, device, host string, all []netip.Addr) []netip.Addr {
	there := make([]bool, len(all))
	var running sync.WaitGroup
	for i, a := range all {
		running.Go(func() {
			client := resolver.Client{UDPTimeout: guessWait, TCPTimeout: guessWait}
			q := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
			_, err := client.Exchange(ctx, q, netip.AddrPortFrom(a, 53), device)
			there[i] = err == nil
		})
	}
	running.Wait()
	var list []netip.Addr
	for i, a := range all {
		if there[i] {
			list = append(list, a)
		}
	}
	return list
}
