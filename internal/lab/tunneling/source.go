package tunneling

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// SourceOptions are what a Source needs to know.
type SourceOptions struct {
	// Endpoint is the service's host:port; the host is the name to verify.
	Endpoint string
	// Token is the tunnel's source token.
	Token string
	// Version of the protocol to speak: 1, 2 or 3 (default).
	Version int
	// Listen maps services to local addresses to listen on; the nameless
	// service is "". Port 0 is fine: see Addr.
	Listen map[string]string
	// Roots verify the service's certificate.
	Roots *x509.CertPool
	// Dial connects to the service. Default: net.Dialer's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// ListenFunc listens, perhaps in another network namespace. Default: net.Listen.
	ListenFunc func(network, addr string) (net.Listener, error)
	// Log is told of connections. Default: nothing.
	Log *slog.Logger
}

// Source is the office's side of a tunnel: it listens on one local port for
// each service and carries what connects there into the tunnel. It does not
// reconnect, and a client that does not read holds up the others.
type Source struct {
	opts      SourceOptions
	ws        *websocket.Conn
	listeners map[string]net.Listener
	done      chan struct{}
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	writing sync.Mutex

	mu      sync.Mutex
	streams map[string]*sourceStream
	next    int32 // stream id
	err     error
}

// sourceStream is a service's current stream.
type sourceStream struct {
	id    int32
	next  uint32
	conns map[uint32]*sourceConn
}

// NewSource returns a Source that is not connected yet.
func NewSource(opts SourceOptions) *Source {
	if opts.Version == 0 {
		opts.Version = 3
	}
	if opts.Dial == nil {
		opts.Dial = (&net.Dialer{}).DialContext
	}
	if opts.ListenFunc == nil {
		opts.ListenFunc = net.Listen
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Source{
		opts:      opts,
		listeners: map[string]net.Listener{},
		done:      make(chan struct{}),
		streams:   map[string]*sourceStream{},
	}
}

// Start connects to the service and listens. It goes on until ctx ends, Close
// is called or the service closes.
func (s *Source) Start(ctx context.Context) error {
	ctx, s.cancel = context.WithCancel(ctx)
	if err := s.connect(ctx); err != nil {
		s.cancel()
		return err
	}
	for service, addr := range s.opts.Listen {
		l, err := s.opts.ListenFunc("tcp", addr)
		if err != nil {
			s.stop(err)
			s.Close()
			return fmt.Errorf("listening for service %q: %w", service, err)
		}
		s.listeners[service] = l
	}
	context.AfterFunc(ctx, func() { s.stop(context.Cause(ctx)) })
	s.wg.Go(func() { s.stop(s.read(ctx)) })
	for service, l := range s.listeners {
		s.wg.Go(func() { s.serve(ctx, service, l) })
	}
	return nil
}

// connect makes the handshake. A source needs no client token: it does not come
// back.
func (s *Source) connect(ctx context.Context) error {
	host, _, err := net.SplitHostPort(s.opts.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint of a source: %w", err)
	}
	transport := &http.Transport{
		DialContext:     s.opts.Dial,
		TLSClientConfig: &tls.Config{RootCAs: s.opts.Roots, ServerName: host},
	}
	ws, _, err := websocket.Dial(ctx, "wss://"+s.opts.Endpoint+"/tunnel?local-proxy-mode=source", &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		HTTPHeader:   http.Header{"access-token": {s.opts.Token}},
		Subprotocols: versions[s.opts.Version-1 : s.opts.Version],
	})
	if err != nil {
		return fmt.Errorf("connecting a source: %w", err)
	}
	ws.SetReadLimit(MaxWebSocket)
	s.ws = ws
	return nil
}

// Addr is where the Source listens for a service; nil if it does not.
func (s *Source) Addr(service string) net.Addr {
	if l := s.listeners[service]; l != nil {
		return l.Addr()
	}
	return nil
}

// Close ends the Source and its connections and waits for them.
func (s *Source) Close() error {
	s.stop(net.ErrClosed)
	s.wg.Wait()
	return nil
}

// Done is closed when the Source has ended; Err says why.
func (s *Source) Done() <-chan struct{} { return s.done }

// Err is why the Source ended, nil while it has not.
func (s *Source) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// stop ends the Source once; the first cause counts. It waits for nobody.
func (s *Source) stop(cause error) {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = cause
		close(s.done)
	}
	s.mu.Unlock()
	if !first {
		return
	}
	for _, l := range s.listeners {
		l.Close()
	}
	s.closeAll()
	go func() {
		if errors.Is(cause, net.ErrClosed) {
			s.ws.Close(websocket.StatusNormalClosure, "")
		}
		s.ws.CloseNow()
		s.cancel()
	}()
}

// serve accepts a service's local clients.
func (s *Source) serve(ctx context.Context, service string, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c, start := s.open(service, conn)
		s.opts.Log.Info("client connected", "service", service, "stream", start.Stream, "connection", start.Connection)
		s.wg.Go(c.writeClient)
		s.wg.Go(func() { c.readClient(ctx, start) })
	}
}

// open gives a client a place in its service's stream. Before version 3 each
// client is a new stream, which replaces the one before.
func (s *Source) open(service string, conn net.Conn) (*sourceConn, Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[service]
	start := Message{Kind: ConnectionStart}
	if st == nil || s.opts.Version < 3 {
		if st != nil {
			for _, old := range st.conns {
				old.close()
			}
		}
		s.next++
		st = &sourceStream{id: s.next, conns: map[uint32]*sourceConn{}}
		s.streams[service] = st
		start.Kind = StreamStart
	}
	st.next++
	c := newSourceConn(s, conn, s.address(service, st.id, st.next))
	st.conns[st.next] = c
	start.Stream, start.Service, start.Connection = c.addr.Stream, c.addr.Service, c.addr.Connection
	return c, start
}

// address fills in what the version knows.
func (s *Source) address(service string, stream int32, connection uint32) Message {
	m := Message{Stream: stream}
	if s.opts.Version >= 2 {
		m.Service = service
	}
	if s.opts.Version >= 3 {
		m.Connection = connection
	}
	return m
}

// send sends one message. Clients take turns: the WebSocket has one writer.
func (s *Source) send(ctx context.Context, m Message, buf []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.ws.Write(ctx, websocket.MessageBinary, m.Append(buf[:0]))
}
