package localproxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/localproxy"
)

// webProxy is a web proxy that connects to target whatever it is asked for,
// or answers with a status. What it was asked for comes over asked.
func webProxy(t *testing.T, target, status string) (proxy *url.URL, asked <-chan *http.Request) {
	t.Helper()
	requests := make(chan *http.Request, 10)
	addr := destination(t, func(conn *net.TCPConn) {
		defer conn.Close()
		br := bufio.NewReader(conn)
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		requests <- r
		if status != "" {
			io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
			return
		}
		onward, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer onward.Close()
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		go io.Copy(onward, br)
		io.Copy(conn, onward)
	})
	return &url.URL{Scheme: "http", Host: addr, User: url.UserPassword("field", "tech")}, requests
}

func through(cfg localproxy.Config, proxy *url.URL) localproxy.Config {
	cfg.Addresses = nil
	cfg.WebProxy = http.ProxyURL(proxy)
	return cfg
}

func TestWebProxyIsAskedForATunnel(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	proxy, asked := webProxy(t, w.addr, "")
	cfg := through(w.config(t, tun, "SSH="+destination(t, echo)), proxy)
	wire, _ := wired(t, w, cfg, tun)
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "through two proxies")
	r := <-asked
	if r.Method != http.MethodConnect || r.Host != cfg.Endpoint || r.Header.Get("Proxy-Authorization") != "Basic ZmllbGQ6dGVjaA==" {
		t.Errorf("it was asked %s %s with %v", r.Method, r.Host, r.Header)
	}
	for name := range r.Header {
		if strings.Contains(strings.ToLower(name), "token") {
			t.Errorf("it was told %s", name)
		}
	}
}

func TestWebProxyThatRefusesEndsIt(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	proxy, _ := webProxy(t, w.addr, "407 Proxy Authentication Required")
	err := run(t, through(w.config(t, w.Open("SSH"), "SSH=22"), proxy)).wait(t)
	wantExit(t, err, localproxy.ExitWebProxy)
	if err == nil || !strings.Contains(err.Error(), "407") {
		t.Errorf("%v, want the status told", err)
	}
}

func TestServiceIsReachedThroughTheDeviceOnly(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	cfg := w.config(t, tun, "SSH="+destination(t, echo))
	cfg.BindDevice = "lo"
	run(t, cfg).waitEvent(t, kindIs(localproxy.EventServices))

	cfg = w.config(t, w.Open("SSH"), "SSH=22")
	cfg.BindDevice = "eanone0"
	r := run(t, cfg)
	r.waitEvent(t, kindIs(localproxy.EventRetry, "binding to eanone0"))
	if n := w.Stats().Handshakes; n != 1 {
		t.Errorf("%d handshakes, want the first one's only", n)
	}
}

// The first of several addresses that accepts is used.
func TestServiceIsTriedAtEachAddress(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	cfg := w.config(t, w.Open("SSH"), "SSH="+destination(t, echo))
	cfg.Addresses = []string{"127.0.0.2", "127.0.0.3", "127.0.0.1"} // only the last one listens
	run(t, cfg).waitEvent(t, kindIs(localproxy.EventServices))
}

func TestConnectionsComeFromTheLocalAddress(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	from := make(chan string, 1)
	dest := destination(t, func(conn *net.TCPConn) {
		from <- conn.RemoteAddr().(*net.TCPAddr).IP.String()
		conn.Close()
	})
	cfg := w.config(t, tun, "SSH="+dest)
	cfg.LocalAddress = net.IPv4(127, 0, 0, 9)
	wire, _ := wired(t, w, cfg, tun)
	send(t, wire, start(1, 1))
	if got := <-from; got != "127.0.0.9" {
		t.Errorf("it came from %s", got)
	}
}

// An older service, or an older source, is spoken to in its own version: a
// field too many would cost the connection.
func TestOlderServices(t *testing.T) {
	for _, version := range []int{1, 2, 3} {
		w := newWorld(t, tunneling.Options{Version: version})
		tun := w.Open("SSH")
		r := run(t, w.config(t, tun, "SSH="+destination(t, echo)))
		e := r.waitEvent(t, kindIs(localproxy.EventConnected))
		if want := []string{"", "1.0", "2.0", "3.0"}[version]; !strings.HasSuffix(e.Subprotocol, want) || e.ChannelID == "" {
			t.Errorf("version %d: %+v", version, e)
		}
		if version > 1 {
			r.waitEvent(t, kindIs(localproxy.EventServices))
		}
		if err := w.Connected(within(t), tun.ID, "destination"); err != nil {
			t.Fatal(err)
		}
		exchange(t, w, tun, version)
		if v := w.Stats().Violations; v != 0 {
			t.Errorf("version %d: %d violations", version, v)
		}
	}
}

// A log at level debug must hold neither the token nor what passes through.
func TestLogHoldsNoPayload(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	cfg := w.config(t, tun, "SSH="+destination(t, echo))
	cfg.Log = debugLog(file)
	wire, r := wired(t, w, cfg, tun)
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "a-password")
	r.stop()
	wantExit(t, r.wait(t), 0)
	text, err := os.ReadFile(file.Name())
	if err != nil || len(text) == 0 || strings.Contains(string(text), "a-password") {
		t.Errorf("%v, %q", err, text)
	}
}
