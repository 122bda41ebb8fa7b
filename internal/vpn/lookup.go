package vpn

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
)

// servers finds the VPN server's addresses and takes turns among them. The
// addresses found last are kept: a site whose DNS is broken but whose internet
// is not gets its link back all the same.
type servers struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	random bool // prefix each name with a random label (remote-random-hostname)

	known map[string][]netip.Addr
	tried map[netip.Addr]int // turn at which an address was last used
	turn  int
}

// found is the outcome of one lookup.
type found struct {
	query remote
	addrs []netip.Addr
	err   error
}

// find looks the query's host up. It touches nothing of s but its settings, so
// that it can run beside the loop.
func (s *servers) find(ctx context.Context, query remote) found {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	addrs, err := s.lookup(ctx, s.name(query.host))
	if err != nil {
		err = fmt.Errorf("looking up %s: %w", query.host, err)
	} else if len(addrs) == 0 {
		err = fmt.Errorf("looking up %s: no address", query.host)
	}
	return found{query: query, addrs: addrs, err: err}
}

// randomBytes makes a label of 12 digits, as OpenVPN's own.
const randomBytes = 6

// name is the name to look up for host. OpenVPN hands out the plain one and
// leaves the random label to whoever answers its query.
func (s *servers) name(host string) string {
	if !s.random {
		return host
	}
	var label [randomBytes]byte
	rand.Read(label[:])
	return hex.EncodeToString(label[:]) + "." + host
}

// choose returns the address to try next: of those that fit the query the one
// whose last turn is longest ago.
func (s *servers) choose(f found) (netip.Addr, error) {
	if f.err == nil {
		s.known[f.query.host] = f.addrs
	}
	usable := slices.Clone(s.known[f.query.host])
	usable = slices.DeleteFunc(usable, func(a netip.Addr) bool { return !f.query.accepts(a) })
	if len(usable) == 0 {
		if f.err == nil {
			f.err = fmt.Errorf("looking up %s: no address for %s", f.query.host, f.query.proto)
		}
		return netip.Addr{}, f.err
	}
	addr := slices.MinFunc(usable, func(a, b netip.Addr) int { return s.tried[a] - s.tried[b] })
	s.turn++
	s.tried[addr] = s.turn
	return addr, nil
}
