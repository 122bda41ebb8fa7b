// Package awsiot is a double of AWS IoT Core's message broker for tests and the
// lab: mochi-mqtt behind mutual TLS, with the ways of AWS that clients trip over
// and that mosquitto cannot imitate.
//
// What it fakes, each only as far as a 3.1.1 client sees it:
//   - refusals: CONNACK with any code (7 is AWS's own), or the socket closed right
//     after CONNECT without a word, as for aws:SourceVpce (by source address here)
//     and for persistent sessions that the policy forbids;
//   - a keepalive over 230 s silently taken for 230 s;
//   - the second connection of a client id closes the first, without a packet;
//   - quotas that cost the connection: one CONNECT a second for a client id, 128 KB,
//     256 bytes and 7 slashes of topic, 100 publishes a second, QoS 2, 8 filters;
//   - an unauthorised PUBLISH closes the socket; an unauthorised SUBSCRIBE closes it
//     or is answered with 0x80;
//   - persistent sessions kept for an hour;
//   - a broker that accepts and says nothing, or takes its time;
//   - the notification that opens a secure tunnel.
//
// What it does not: the registry (policies are followed, but for one thing only),
// shadows, rules, jobs, throttling by account, metrics, MQTT 5, WebSockets.
package awsiot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
)

// sessionExpiry is how long AWS keeps a persistent session by default, in seconds.
const sessionExpiry = 3600

// handshakeTimeout bounds TLS with a client that stays silent.
const handshakeTimeout = time.Minute

// Options are what a Broker works with.
type Options struct {
	Listeners []net.Listener // TCP, in whatever network namespace; the Broker closes them
	TLS       *tls.Config    // server certificate and ClientCAs; client certificates are required
	Log       *slog.Logger   // mochi's own log; nil: none
	Quirks    Quirks
	// Tap gets every byte that clients send, decrypted, in the order of arrival on
	// each connection. It must not block. Nil: none.
	Tap func(remote net.Addr, b []byte)
	// Traffic gets a line for each session, each message to a client and each
	// PUBACK, as mosquitto logs them. Nil: none.
	Traffic io.Writer
}

// Broker is a running double. Its methods are safe for concurrent use.
type Broker struct {
	server *mochi.Server
	tls    *tls.Config
	tap    func(net.Addr, []byte)
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	// handing is full while mochi hands a session from one connection to another,
	// or a message to whoever has it. It does either in several steps.
	handing chan struct{}

	mu      sync.Mutex
	quirks  Quirks
	counts  Counts
	log     record
	thawed  chan struct{} // closed while the broker is not frozen
	conns   map[net.Conn]struct{}
	changed chan struct{}
}

// Start returns a Broker that serves o.Listeners until ctx ends or Close, which
// must be called in either case.
func Start(ctx context.Context, o Options) (*Broker, error) {
	if len(o.Listeners) == 0 || o.TLS == nil {
		return nil, errors.New("starting the broker double: it needs a listener and a TLS configuration")
	}
	b := &Broker{
		tls: o.TLS.Clone(), tap: o.Tap, quirks: o.Quirks, log: newRecord(), handing: make(chan struct{}, 1),
		thawed: closedChan(), conns: map[net.Conn]struct{}{}, changed: make(chan struct{}),
	}
	b.tls.ClientAuth = tls.RequireAndVerifyClientCert
	b.server = mochi.New(serverOptions(o.Log))
	err := b.server.AddHook(&policy{b: b}, nil)
	if o.Traffic != nil {
		err = errors.Join(err, b.server.AddHook(&traffic{w: o.Traffic}, nil))
	}
	if err = errors.Join(err, b.server.Serve()); err != nil {
		return nil, fmt.Errorf("starting the broker double: %w", err)
	}
	b.ctx, b.cancel = context.WithCancel(ctx)
	for _, l := range o.Listeners {
		context.AfterFunc(b.ctx, func() { _ = l.Close() })
		b.wg.Go(func() { b.serve(l) })
	}
	context.AfterFunc(b.ctx, b.closeConns)
	return b, nil
}

func serverOptions(log *slog.Logger) *mochi.Options {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	capabilities := mochi.NewDefaultServerCapabilities()
	capabilities.MaximumSessionExpiryInterval = sessionExpiry
	capabilities.MinimumProtocolVersion = 4
	return &mochi.Options{
		Capabilities: capabilities, Logger: log, InlineClient: true,
		SysTopicResendInterval: int64((24 * time.Hour).Seconds()),
	}
}

// Close ends all connections and waits until nothing of the Broker runs.
func (b *Broker) Close() {
	b.cancel()
	b.closeConns()
	b.wg.Wait()
	_ = b.server.Close()
}

func (b *Broker) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		b.wg.Go(func() { b.handle(c) })
	}
}

// handle is one connection, from accept to its end.
func (b *Broker) handle(c net.Conn) {
	defer c.Close()
	if !b.track(c) {
		return
	}
	defer b.untrack(c)
	secure := tls.Server(&gated{Conn: c, b: b, closed: make(chan struct{})}, b.tls)
	defer secure.NetConn().Close()
	ctx, cancel := context.WithTimeout(b.ctx, handshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		b.note(func() { b.counts.TLSFailures++ })
		return
	}
	s := &session{Conn: secure, b: b}
	defer s.handedOver()
	_ = b.server.EstablishConnection("aws", s)
}

func (b *Broker) track(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return false
	}
	b.conns[c] = struct{}{}
	b.counts.Accepts++
	return true
}

func (b *Broker) untrack(c net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
}

func (b *Broker) closeConns() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		_ = c.Close()
	}
}

// Notify publishes payload where AWS announces a tunnel to thing.
func (b *Broker) Notify(thing string, payload []byte) error {
	return b.Publish("$aws/things/"+thing+"/tunnels/notify", payload, false)
}

// Publish sends a message with QoS 1 to whoever has subscribed.
func (b *Broker) Publish(topic string, payload []byte, retain bool) error {
	b.handing <- struct{}{}
	defer func() { <-b.handing }()
	return b.server.Publish(topic, payload, retain, 1)
}

// Kick closes the connection of a client id without a word, as a takeover does.
// It reports whether there was one.
func (b *Broker) Kick(clientID string) bool {
	client, ok := b.server.Clients.Get(clientID)
	if !ok || client.Closed() {
		return false
	}
	_ = client.Net.Conn.Close()
	return true
}

// Retained returns the retained message of a topic, nil if there is none.
func (b *Broker) Retained(topic string) []byte {
	if pk, ok := b.server.Topics.Retained.Get(topic); ok {
		return pk.Payload
	}
	return nil
}

func closedChan() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
