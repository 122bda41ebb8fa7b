package localproxy_test

import (
	"io"
	"net"
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
