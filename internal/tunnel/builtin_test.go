package tunnel

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/status"
)

// office is a tunneling service on this machine, and this program's own
// localproxy to connect to it.
type office struct {
	*tunneling.Service
	program string
	ca      *pki.CA
	caFile  string
	addr    *net.TCPAddr
}

const tunnelingHost = "data.tunneling.iot.ap-northeast-1.amazonaws.com"

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{program: buildProgram(t)}
	var err error
	if o.ca, err = pki.NewCA("tunneling"); err != nil {
		t.Fatal(err)
	}
	if o.caFile, err = o.ca.WriteCert(t.TempDir(), "ca"); err != nil {
		t.Fatal(err)
	}
	pair, err := o.ca.Server(tunnelingHost)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.addr = listener.Addr().(*net.TCPAddr)
	o.Service = tunneling.NewService(tunneling.Options{Certificate: cert})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = o.Serve(ctx, listener) }()
	t.Cleanup(func() { cancel(); <-done })
	return o
}

// buildProgram builds cmd/edgeagent as it ships: without cgo.
func buildProgram(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "edgeagent")
	build := exec.Command("go", "build", "-o", program, "edgeagent/cmd/edgeagent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building edgeagent: %v\n%s", err, out)
	}
	return program
}

// options points a device at the office, as if it were in the VPC.
func (o *office) options(services map[string]string) func(*Options) {
	return func(opt *Options) {
		opt.Executable = o.program
		opt.Tunnel.CA, opt.Tunnel.Services = o.caFile, services
		opt.Tunnel.Endpoint = fmt.Sprintf("%s:%d", tunnelingHost, o.addr.Port)
		opt.Device = func() string { return "lo" }
		opt.Resolve = func(context.Context, string) ([]netip.Addr, bool, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, true, nil
		}
	}
}

// join connects the office's side of t and returns a connection to a service.
func (o *office) join(t testing.TB, tun tunneling.Tunnel, service string) net.Conn {
	t.Helper()
	source := tunneling.NewSource(tunneling.SourceOptions{
		Endpoint: fmt.Sprintf("%s:%d", tunnelingHost, o.addr.Port), Token: tun.SourceToken, Roots: o.ca.Pool(),
		Listen: map[string]string{service: "127.0.0.1:0"},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, o.addr.String())
		},
	})
	if err := source.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	conn, err := net.Dial("tcp", source.Addr(service).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// echoServer is a service of the device.
func echoServer(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); _, _ = io.Copy(conn, conn) }()
		}
	}()
	return listener.Addr().String()
}

// echo sends some bytes and wants them back.
func echo(t testing.TB, conn net.Conn, n int) {
	t.Helper()
	sent, got := make([]byte, n), make([]byte, n)
	_, _ = rand.Read(sent)
	go func() { _, _ = conn.Write(sent) }()
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(sent, got) {
		t.Fatalf("the echo through the tunnel: %v", err)
	}
}

// The whole way: a notification, the shipped program, bytes both ways, a
// rotated token, and the end by the service.
func TestBuiltinProxy(t *testing.T) {
	o := newOffice(t)
	d := newDevice(t, o.options(map[string]string{"SSH": echoServer(t), "VNC": echoServer(t)}))
	other := o.Open("VNC")
	d.notify(other.DestinationToken, "VNC")
	first := o.Open("SSH")
	d.notify(first.DestinationToken, "SSH")
	d.eventually("two tunnels", func() bool { return d.log.count("tunnel connected", "channel_id=channel-") == 2 })

	vnc := o.join(t, other, "VNC")
	echo(t, vnc, 1000)
	echo(t, o.join(t, first, "SSH"), 300_000)
	d.eventually("figures in status", func() bool {
		return strings.Contains(d.said().Detail, "SSH, 0 s, 0.3 MB in, 0.3 MB out") || strings.Contains(d.said().Detail, "0.3 MB in, 0.3 MB out")
	})
	if list := d.List(); len(list) != 2 || list[1].Connections != 1 || list[1].BytesIn != 300_000 {
		t.Errorf("%+v", list)
	}

	rotated, err := o.Rotate(first.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	d.notify(rotated.DestinationToken, "SSH")
	d.eventually("the rotated token", func() bool { return d.log.count("tunnel connected") == 3 && len(d.List()) == 2 })
	echo(t, o.join(t, rotated, "SSH"), 1000)
	echo(t, vnc, 1000) // the other tunnel noticed nothing

	for _, id := range []string{first.ID, other.ID} {
		if err := o.Close(id); err != nil {
			t.Fatal(err)
		}
	}
	d.eventually("the end", func() bool { return d.said().Reason == status.ReasonIdle })
	if u := d.said(); u.State != status.OK || len(d.List()) != 0 {
		t.Errorf("closed by the service: %+v", u)
	}
}

// A token that the service refuses is a plain reason, and no process is left: the
// longest that is taken from a notification still fits into the handshake.
func TestBuiltinProxyRefused(t *testing.T) {
	for name, token := range map[string]string{
		"unknown": "not-a-token-of-this-service", "longest": strings.Repeat("x", maxToken),
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			d := newDevice(t, o.options(map[string]string{"SSH": echoServer(t)}))
			d.notify(token, "SSH")
			d.eventually("the refusal", func() bool { return d.said().Reason == status.ReasonRefused })
			if u := d.said(); u.State != status.Degraded || !strings.Contains(u.Detail, "403") || len(d.List()) != 0 {
				t.Errorf("%+v", u)
			}
		})
	}
}

// BenchmarkNotificationToConnected measures from Handle to the event that the
// proxy's WebSocket is up: parse, launch, TLS and upgrade over loopback.
func BenchmarkNotificationToConnected(b *testing.B) {
	o := newOffice(b)
	opt := testOptions(&logBuffer{})
	o.options(map[string]string{"SSH": "127.0.0.1:22"})(&opt)
	if opt.Tunnel.Proxy != config.ProxyBuiltin {
		b.Fatal("not the built-in proxy")
	}
	m := New(opt)
	connected := make(chan time.Time, 1)
	inner := m.launch
	m.launch = func(ctx context.Context, c command, onEvent func(event), onLine func(string)) exit {
		return inner(ctx, c, func(e event) {
			if onEvent(e); e.Event == eventConnected {
				connected <- time.Now()
			}
		}, onLine)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx, func(status.Update) {}) }()
	defer func() { cancel(); <-done }()
	var worst time.Duration
	for b.Loop() {
		m.bucket = bucket{} // the flood limit is not what is measured
		began := time.Now()
		m.Handle(testTopic, notice(o.Open("SSH").DestinationToken, "SSH"))
		worst = max(worst, (<-connected).Sub(began))
	}
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
}
