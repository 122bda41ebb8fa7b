package localproxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// serviceStagger is the lead that one of the service's addresses has on
	// the next: longer than a cellular link takes to answer.
	serviceStagger = 2 * time.Second
	// unsentLimit bounds what the kernel keeps of the uplink before it is sent,
	// in bytes: without it megabytes queue up before every keystroke's echo.
	unsentLimit = 64 << 10
	// receiveLimit is how much may wait for this process to read it, in bytes;
	// the kernel doubles it. It is enough for 100 Mbit/s over 50 ms.
	receiveLimit = 512 << 10
)

// dialService returns the service's socket, TLS on it, and the WebSocket that
// it accepted. The order of layers is socket, coalescer, TLS, WebSocket. The
// token is not sent before the certificate has been verified.
func (c *Config) dialService(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Policy.HandshakeTimeout)
	defer cancel()
	socket, err := c.dialSocket(ctx)
	if err != nil {
		return nil, err
	}
	joined := &coalescer{Conn: socket}
	secure := tls.Client(joined, c.tls())
	if err := secure.HandshakeContext(ctx); err != nil {
		socket.Close()
		return nil, fmt.Errorf("starting TLS with %s: %w", c.host(), err)
	}
	reader, accepted, err := c.upgrade(ctx, secure)
	if err != nil {
		secure.Close()
		return nil, err
	}
	return newLink(secure, joined, reader, accepted), nil
}

// dialSocket connects to the service, or to the web proxy before it.
func (c *Config) dialSocket(ctx context.Context) (net.Conn, error) {
	proxy, err := c.webProxy()
	if err != nil {
		return nil, err
	}
	if proxy != nil {
		return c.dialThrough(ctx, proxy)
	}
	addrs := c.Addresses
	if len(addrs) == 0 {
		if addrs, err = net.DefaultResolver.LookupHost(ctx, c.host()); err != nil {
			return nil, fmt.Errorf("resolving %s: %w", c.host(), err)
		}
	}
	targets := make([]string, len(addrs))
	for i, a := range addrs {
		targets[i] = net.JoinHostPort(a, c.port())
	}
	c.Events(Event{Event: EventConnecting, Address: strings.Join(targets, ",")})
	return c.dialTargets(ctx, targets)
}

// dialTargets connects to the first of the addresses that accepts.
func (c *Config) dialTargets(ctx context.Context, targets []string) (net.Conn, error) {
	dialer := net.Dialer{Control: c.socketOptions}
	conn, err := race(ctx, targets, serviceStagger, func(ctx context.Context, addr string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", addr)
	})
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return conn, nil
}

// socketOptions prepares the service's socket before it connects.
func (c *Config) socketOptions(_, _ string, raw syscall.RawConn) error {
	var err error
	ctrlErr := raw.Control(func(fd uintptr) {
		limitQueues(int(fd))
		if c.BindDevice != "" {
			err = unix.BindToDevice(int(fd), c.BindDevice)
		}
	})
	if ctrlErr != nil {
		return ctrlErr
	}
	if err != nil {
		return fmt.Errorf("binding to %s: %w", c.BindDevice, err)
	}
	return nil
}

// limitQueues keeps the kernel from queueing megabytes before the next
// keystroke, in both directions. Best effort: failing only means more waiting.
func limitQueues(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	// Where the system allows less, its own choice, which grows, is better.
	text, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		return
	}
	if most, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && most >= receiveLimit {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveLimit)
	}
}

// webProxy returns the web proxy to use, nil for none. A path that was given by
// address or device is private: a web proxy would lead out of it.
func (c *Config) webProxy() (*url.URL, error) {
	if c.WebProxy == nil || len(c.Addresses) > 0 || c.BindDevice != "" {
		return nil, nil
	}
	proxy, err := c.WebProxy(&http.Request{URL: &url.URL{Scheme: "https", Host: c.Endpoint}})
	if err != nil {
		return nil, exitf(ExitUsage, "reading the web proxy's address: %w", err)
	}
	if proxy != nil && proxy.Scheme != "http" && proxy.Scheme != "https" {
		return nil, exitf(ExitUsage, "web proxy %s: only http and https are supported", proxy.Redacted())
	}
	return proxy, nil
}

// dialThrough asks a web proxy for a tunnel to the service.
func (c *Config) dialThrough(ctx context.Context, proxy *url.URL) (net.Conn, error) {
	address := proxyAddress(proxy)
	c.Events(Event{Event: EventConnecting, Address: c.Endpoint})
	c.Log.Info("connecting through a web proxy", "proxy", address)
	dialer := net.Dialer{Control: c.socketOptions}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting to the web proxy: %w", err)
	}
	if proxy.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: proxy.Hostname(), RootCAs: c.Roots})
	}
	if err := connect(ctx, conn, c.Endpoint, proxy.User); err != nil {
		conn.Close()
		return nil, fmt.Errorf("asking the web proxy %s: %w", address, err)
	}
	return conn, nil
}

// proxyAddress returns the web proxy's host:port.
func proxyAddress(proxy *url.URL) string {
	port := proxy.Port()
	switch {
	case port != "":
	case proxy.Scheme == "https":
		port = "443"
	default:
		port = "3128" // as the reference program
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

// errWebProxy marks a web proxy's refusal.
var errWebProxy = errors.New("the web proxy refused")

// connect asks a web proxy for a tunnel to target (RFC 9110, section 9.3.6).
func connect(ctx context.Context, conn net.Conn, target string, user *url.Userinfo) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	text := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if user != nil {
		password, _ := user.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		text += "Proxy-Authorization: Basic " + basic + "\r\n"
	}
	if _, err := conn.Write([]byte(text + "\r\n")); err != nil {
		return err
	}
	// Nothing follows the answer before this side speaks TLS, so that the
	// reader takes nothing that belongs to TLS.
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%w: %s", errWebProxy, printable(resp.Status))
	}
	return nil
}
