package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"edgeagent/internal/lab/tunneling"
)

// tunnelingPort is where the secure tunneling service listens.
const tunnelingPort = 443

// startTunneling starts the secure tunneling service, in the VPC and at its
// public address.
func (l *Lab) startTunneling() error {
	cert, err := l.certs.tunneling.TLS()
	if err != nil {
		return fmt.Errorf("starting the tunneling service: %w", err)
	}
	l.arrivals = make(arrivals, 16)
	l.Tunneling = tunneling.NewService(tunneling.Options{Certificate: cert, Log: slog.New(l.arrivals)})
	ctx, cancel := context.WithCancel(context.Background())
	l.atClose(cancel)
	for node, addr := range map[*Node]netip.Addr{l.VPC: TunnelingAddr, l.Uplink: PublicTunnelingAddr} {
		listener, err := node.Listen(netip.AddrPortFrom(addr, tunnelingPort).String())
		if err != nil {
			return fmt.Errorf("starting the tunneling service: %w", err)
		}
		go l.Tunneling.Serve(ctx, listener) // it ends with ctx only
	}
	return nil
}

// Tunnel is an open secure tunnel with the office's side connected.
type Tunnel struct {
	tunneling.Tunnel
	Notified  time.Time // right before the notification was published
	Connected time.Time // when the device's proxy had its WebSocket

	lab    *Lab
	source *tunneling.Source
}

// OpenTunnel does what the office does: it opens a tunnel for the services,
// which notifies the device, waits for the device's proxy and connects its own.
// Only one may be opening at a time.
func (l *Lab) OpenTunnel(ctx context.Context, services ...string) (*Tunnel, error) {
	l.arrivals.drain()
	t := &Tunnel{Tunnel: l.Tunneling.Open(services...), lab: l, Notified: time.Now()}
	if err := l.Notify(ctx, t.DestinationToken, services...); err != nil {
		return nil, err
	}
	var err error
	if t.Connected, err = l.arrivals.wait(ctx); err != nil {
		return nil, fmt.Errorf("opening a tunnel: %w", err)
	}
	return t, t.connect(ctx)
}

// connect connects the office's side, which listens for each service.
func (t *Tunnel) connect(ctx context.Context) error {
	l, listen := t.lab, map[string]string{}
	for _, service := range t.Services {
		listen[service] = "127.0.0.1:0"
	}
	t.source = tunneling.NewSource(tunneling.SourceOptions{
		Endpoint: fmt.Sprintf("%s:%d", TunnelingHost, tunnelingPort),
		Token:    t.SourceToken, Listen: listen, Roots: l.certs.iotCA.Pool(),
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return l.VPC.Dial(ctx, network, netip.AddrPortFrom(TunnelingAddr, tunnelingPort).String())
		},
		ListenFunc: func(_, addr string) (net.Listener, error) { return l.VPC.Listen(addr) },
	})
	if err := t.source.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("opening a tunnel: %w", err)
	}
	l.atClose(func() { t.source.Close() })
	return nil
}

// SSH runs a command on the device through the tunnel's service SSH.
func (t *Tunnel) SSH(ctx context.Context, command string) (string, error) {
	addr, ok := t.source.Addr("SSH").(*net.TCPAddr)
	if !ok {
		return "", fmt.Errorf("running %s through a tunnel: it has no service SSH", command)
	}
	return t.lab.SSH(ctx, addr.AddrPort().Port(), command)
}

// Close closes the tunnel as the office does. Both proxies end.
func (t *Tunnel) Close() error {
	err := t.lab.Tunneling.Close(t.ID)
	_ = t.source.Close() // its connection is closed already
	return err
}

// arrivals learns from the tunneling service's log when a device's proxy has
// connected.
type arrivals chan time.Time

// Enabled implements slog.Handler.
func (arrivals) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (a arrivals) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "connected" {
		return nil
	}
	r.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "mode" && attr.Value.String() == "destination" {
			select {
			case a <- r.Time:
			default: // nobody has waited for the last ones
			}
		}
		return true
	})
	return nil
}

// WithAttrs implements slog.Handler.
func (a arrivals) WithAttrs([]slog.Attr) slog.Handler { return a }

// WithGroup implements slog.Handler.
func (a arrivals) WithGroup(string) slog.Handler { return a }

// drain forgets earlier arrivals, which an OpenTunnel that failed has left.
func (a arrivals) drain() {
	for {
		select {
		case <-a:
		default:
			return
		}
	}
}

// wait returns when the next proxy connected.
func (a arrivals) wait(ctx context.Context) (time.Time, error) {
	select {
	case at := <-a:
		return at, nil
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("waiting for the device's proxy: %w", context.Cause(ctx))
	}
}
