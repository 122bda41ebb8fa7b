package agent

import (
	"context"
	"errors"

	"edgeagent/internal/resolver"
	"edgeagent/internal/vpn"
)

// witness asks the endpoint and the VPN server's own address in the tunnel, both
// at once: whoever answers first says that the path carries packets both ways.
// Silence counts if the endpoint was asked. A VPN server need not answer pings.
func witness(ctx context.Context, path vpn.Path, endpoint *resolver.Verifier, meter *vpn.Meter) (asked bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type word struct {
		asked bool
		err   error
	}
	words := make(chan word, 2)
	go func() {
		asked, err := endpoint.Reach(ctx, resolver.Path(path))
		words <- word{asked, err}
	}()
	go func() {
		words <- word{err: vpn.Echo(ctx, path, func(n int) { meter.Add(path.Device, n) })}
	}()
	for range cap(words) {
		w := <-words
		if w.err == nil {
			return true, nil
		}
		asked, err = asked || w.asked, errors.Join(err, w.err)
	}
	return asked, err
}
