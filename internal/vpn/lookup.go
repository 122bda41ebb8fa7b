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
	tried map[netip.Addr]int // turn at which an address was last used, or trusted
	turn  int
}

// trusted stands for a turn before all others.
const trusted = -1

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

// note keeps what a lookup has found.
func (s *servers) note(f found) {
	if f.err == nil {
		s.known[f.query.host] = f.addrs
	}
}

// usable are the known addresses that fit the query.
func (s *servers) usable(query remote) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(s.known[query.host]), func(a netip.Addr) bool { return !query.accepts(a) })
}

// choose returns the address to try next: of those that fit the query the one
// whose last turn is longest ago.
func (s *servers) choose(f found) (netip.Addr, error) {
	s.note(f)
	usable := s.usable(f.query)
	if len(usable) == 0 {
		if f.err == nil {
			f.err = fmt.Errorf("looking up %s: no address for %s", f.query.host, f.query.proto)
		}
		return netip.Addr{}, f.err
	}
	addr := slices.MinFunc(usable, func(a, b netip.Addr) int { return s.tried[a] - s.tried[b] })
	s.use(addr)
	return addr, nil
}

// use gives addr its turn.
func (s *servers) use(addr netip.Addr) {
	s.turn++
	s.tried[addr] = s.turn
}

// trust has addr come first the next time, once: a path has been proved by it.
func (s *servers) trust(addr netip.Addr) { s.tried[addr] = trusted }

// trusts reports whether addr has not been tried since its path was proved.
func (s *servers) trusts(addr netip.Addr) bool { return s.tried[addr] == trusted }
