package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// ErrNameMissing means that the VPC resolver works and says that the name does
// not exist, or has no IPv4 address.
var ErrNameMissing = errors.New("the VPC does not know the name")

// Resolve asks the VPC resolver for another name, such as the tunneling
// endpoint's, through the link. private is true only if all addresses are
// private; they are then routed through the link. With a public address among
// them all are returned, for the caller to decide. The error wraps ErrNameMissing
// if the resolver says so, and os.ErrDeadlineExceeded if it is silent.
func (v *Verifier) Resolve(ctx context.Context, host string) (addrs []netip.Addr, private bool, err error) {
	path, ok := v.o.Path()
	if !ok {
		return nil, false, fmt.Errorf("resolving %s: the link carries no path", host)
	}
	r := v.o.Prober.askFor(ctx, v.ask, host, path)
	switch r.verdict(v.o.Endpoint.PrivateCIDRs) {
	case verdictSilent:
		return nil, false, fmt.Errorf("resolving %s: %w", host, r.Err)
	case verdictFailed:
		return nil, false, fmt.Errorf("resolving %s: %s", host, r.trouble())
	case verdictMissing:
		return nil, false, fmt.Errorf("resolving %s at %s: %w", host, r.Server, ErrNameMissing)
	case verdictPublic:
		return r.Addresses, false, nil
	}
	routeErr := v.o.Route(ctx, r.Addresses...)
	if err := v.leave(path, r.Addresses); err != nil {
		return nil, false, fmt.Errorf("routing %s: %w", host, errors.Join(err, routeErr))
	}
	return r.Addresses, true, nil
}
