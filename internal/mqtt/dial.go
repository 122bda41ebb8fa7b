package mqtt

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"time"

	"edgeagent/internal/status"
)

// dial connects to the first address that answers, beginning with the one after
// the last that was tried, and completes TLS with it.
func (s *Session) dial(ctx context.Context, id *identity) (*conn, *fault) {
	raw, fault := s.dialAny(ctx)
	if fault != nil {
		return nil, fault
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	secure := tls.Client(raw, id.config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, s.tlsFault(s.address.String(), err, id.leaf)
	}
	if err := s.o.Clock.Confirm(time.Now()); err != nil {
		s.o.Log.Warn("the time is right but cannot be remembered", "err", err)
	}
	return newConn(secure, raw, s.o.MQTT.KeepAlive), nil
}

func (s *Session) dialAny(ctx context.Context) (net.Conn, *fault) {
	addrs := s.o.Path.Addresses()
	if len(addrs) == 0 {
		return nil, unreachable("no proved private address of %s", s.o.Endpoint.Host)
	}
	var tried []string
	for range addrs {
		s.address = addrs[s.turn%len(addrs)]
		s.turn++
		conn, err := s.dialOne(ctx, s.address)
		if err == nil {
			return conn, nil
		}
		tried = append(tried, s.address.String()+": "+plain(err, DialTimeout))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &fault{
		reason: status.ReasonUnreachable, detail: strings.Join(tried, "; "), retry: RetryPath,
	}
}

func (s *Session) dialOne(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	conn, err := s.o.Path.Dial(ctx, addr)
	if tcp, ok := conn.(interface{ SetKeepAlive(bool) error }); ok && err == nil {
		_ = tcp.SetKeepAlive(false) // Go probes every 15 s: megabytes a month, and MQTT has its own
	}
	return conn, err
}
