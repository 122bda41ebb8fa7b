package arm

import (
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/lab/tunneling"
)

// transferred is what goes each way at once.
const transferred = 16 << 20

// transferTimeout bounds it all: an emulated proxy encrypts 10 MB a second and more.
const transferTimeout = 10 * time.Minute

// transfer has a proxy that proxy starts carry bytes both ways between the
// office's side and a program of this machine, and compares checksums. caFile
// is where the service's root certificate has to be written for it.
func transfer(t *testing.T, caFile string, proxy func(token string, args ...string) *exec.Cmd) {
	t.Helper()
	ctx := within(t, transferTimeout)
	ca, err := pki.NewCA("Lab Amazon Root CA 1")
	must(t, err)
	service, addr := serveTunnels(t, ca)
	must(t, os.WriteFile(caFile, ca.CertPEM(), 0o644))
	tunnel := service.Open("DATA")
	up, down := rand.NewChaCha8([32]byte{1}), rand.NewChaCha8([32]byte{2})
	target, received := serveData(t, down)

	_, port, err := net.SplitHostPort(addr)
	must(t, err)
	endpoint := net.JoinHostPort(lab.TunnelingHost, port)
	cmd := proxy(tunnel.DestinationToken, "-e", endpoint, "--endpoint-address", "127.0.0.1", "-d", "DATA="+target)
	ended := make(chan error, 1)
	go func() { ended <- run(cmd) }()
	defer func() { // while the test's context lives, which the proxy ends with
		must(t, service.Close(tunnel.ID))
		if err := <-ended; err != nil {
			t.Errorf("the tunnel is closed, and its proxy ends by %v", err)
		}
	}()
	must(t, connectedOrEnded(ctx, service, tunnel.ID, ended))

	source := tunneling.NewSource(tunneling.SourceOptions{
		Endpoint: endpoint, Token: tunnel.SourceToken, Roots: ca.Pool(), Listen: map[string]string{"DATA": "127.0.0.1:0"},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	})
	must(t, source.Start(ctx))
	defer source.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", source.Addr("DATA").String())
	must(t, err)
	defer conn.Close()
	begin := time.Now()
	go io.CopyN(conn, up, transferred) // a failure shows in the checksum
	if sumOf(conn) != sumOf(rand.NewChaCha8([32]byte{2})) {
		t.Error("the office got something else")
	}
	if <-received != sumOf(rand.NewChaCha8([32]byte{1})) {
		t.Error("the device got something else")
	}
	figure(t, "%s: %d MiB each way in %.1f s", t.Name(), transferred>>20, time.Since(begin).Seconds())
}

// connectedOrEnded waits for the proxy's connection, which will not come if it
// has ended.
func connectedOrEnded(ctx context.Context, service *tunneling.Service, id string, ended chan error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case err := <-ended:
			cancel(err)
			ended <- err
		case <-stop:
		}
	}()
	return service.Connected(ctx, id, "destination")
}

// serveTunnels starts a tunneling service on this machine's loopback.
func serveTunnels(t *testing.T, ca *pki.CA) (service *tunneling.Service, addr string) {
	t.Helper()
	pair, err := ca.Server(lab.TunnelingHost)
	must(t, err)
	certificate, err := pair.TLS()
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	service = tunneling.NewService(tunneling.Options{Certificate: certificate})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- service.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-served)
	})
	return service, l.Addr().String()
}

// serveData plays the device's program for one client: it sends what data gives
// and tells the checksum of what it gets.
func serveData(t *testing.T, data io.Reader) (addr string, received <-chan [32]byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	sum := make(chan [32]byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		go io.CopyN(conn, data, transferred)
		sum <- sumOf(conn)
		io.Copy(io.Discard, conn) // until the office has got all, too
	}()
	return l.Addr().String(), sum
}

// sumOf is the checksum of what is transferred one way.
func sumOf(r io.Reader) [32]byte {
	h := sha256.New()
	io.CopyN(h, r, transferred)
	return [32]byte(h.Sum(nil))
}
