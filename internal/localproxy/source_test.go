package localproxy_test

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/localproxy"
)

// TestSourceToDestination carries bytes both ways through a real source, in
// every version, over WebSocket messages cut anywhere.
func TestSourceToDestination(t *testing.T) {
	for _, version := range []int{1, 2, 3} {
		for _, cut := range []int{0, 1, 7, 1000} {
			w := newWorld(t, tunneling.Options{Cut: cut})
			tun := w.Open("SSH")
			r := run(t, w.config(t, tun, "SSH="+destination(t, echo)))
			r.waitEvent(t, kindIs(localproxy.EventServices))
			exchange(t, w, tun, version)
		}
	}
}

func exchange(t *testing.T, w *world, tun tunneling.Tunnel, version int) {
	t.Helper()
	source := tunneling.NewSource(tunneling.SourceOptions{
		Endpoint: net.JoinHostPort(serviceName, w.port()), Token: tun.SourceToken, Version: version,
		Listen: map[string]string{"SSH": "127.0.0.1:0"}, Roots: w.roots,
		Dial: dialTo(w.addr),
	})
	if err := source.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	conn, err := net.Dial("tcp", source.Addr("SSH").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Fatalf("version %d: got %q, %v", version, got, err)
	}
}

// stream is what one side of a two-way connection sends.
const stream = 8 << 20

// TestTwoWayStreamsArriveWhole has four clients and their destination send to
// each other at once, as a remote desktop does, and compares checksums.
func TestTwoWayStreamsArriveWhole(t *testing.T) {
	const clients = 4
	w := newWorld(t, tunneling.Options{Cut: 10007})
	tun := w.Open("VNC")
	sums := make(chan [32]byte, clients)
	dest := destination(t, func(conn *net.TCPConn) {
		defer conn.Close()
		go io.CopyN(conn, rand.NewChaCha8([32]byte{1}), stream)
		sums <- sumOf(conn)
		io.Copy(io.Discard, conn) // until the client has got all, too
	})
	r := run(t, w.config(t, tun, "VNC="+dest))
	r.waitEvent(t, kindIs(localproxy.EventServices))
	source := tunneling.NewSource(tunneling.SourceOptions{
		Endpoint: net.JoinHostPort(serviceName, w.port()), Token: tun.SourceToken,
		Listen: map[string]string{"VNC": "127.0.0.1:0"}, Roots: w.roots, Dial: dialTo(w.addr),
	})
	if err := source.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	down, up := sumOf(rand.NewChaCha8([32]byte{1})), sumOf(rand.NewChaCha8([32]byte{2}))
	var wg sync.WaitGroup
	for range clients {
		conn, err := net.Dial("tcp", source.Addr("VNC").String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go io.CopyN(conn, rand.NewChaCha8([32]byte{2}), stream)
		wg.Go(func() {
			if sumOf(conn) != down {
				t.Error("a client got something else")
			}
		})
	}
	wg.Wait()
	for range clients {
		if <-sums != up {
			t.Error("the destination got something else")
		}
	}
}

// sumOf is the checksum of the first bytes of r.
func sumOf(r io.Reader) [32]byte {
	h := sha256.New()
	io.CopyN(h, r, stream)
	return [32]byte(h.Sum(nil))
}
