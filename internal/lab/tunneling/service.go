package tunneling

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Options are how a Service behaves.
type Options struct {
	// Certificate is the server's.
	Certificate tls.Certificate
	// Version is the newest subprotocol that it accepts: 1, 2 or 3 (default).
	Version int
	// Cut is how many bytes each WebSocket message to a destination has,
	// whatever the messages in it. 0: what is waiting, up to MaxWebSocket.
	Cut int
	// Delay holds back what goes to a destination.
	Delay time.Duration
	// Log is told of handshakes. Default: nothing.
	Log *slog.Logger
}

// Service is the double. Its methods are safe for concurrent use.
type Service struct {
	opts Options

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever a side connects
	tunnels map[string]*tunnel
	tokens  map[string]*token
	refusal int // status of the next handshakes, 0 for none
	refuse  int // how many are still to be refused

	// Counters.
	handshakes, refused, violations atomic.Int64
	channels                        atomic.Int64
}

// NewService returns a Service without tunnels.
func NewService(opts Options) *Service {
	if opts.Version == 0 {
		opts.Version = 3
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{opts: opts, changed: make(chan struct{}), tunnels: map[string]*tunnel{}, tokens: map[string]*token{}}
}

// Stats are counts since the start.
type Stats struct {
	Handshakes int64 // accepted
	Refused    int64 // handshakes
	Violations int64 // connections closed because the client broke the rules
}

// Stats returns the counts.
func (s *Service) Stats() Stats {
	return Stats{s.handshakes.Load(), s.refused.Load(), s.violations.Load()}
}

// Connected waits until a side of a tunnel has connected: "source" or
// "destination".
func (s *Service) Connected(ctx context.Context, id, mode string) error {
	for {
		s.mu.Lock()
		t, changed := s.tunnels[id], s.changed
		there := t != nil && t.sides[mode] != nil
		s.mu.Unlock()
		switch {
		case t == nil:
			return errNoTunnel
		case there:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the %s: %w", mode, context.Cause(ctx))
		}
	}
}

// Refuse answers the next n handshakes with an HTTP status.
func (s *Service) Refuse(status, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal, s.refuse = status, n
}

// connKey finds the gate in a request's context.
type connKey struct{}

// Serve serves on l until ctx ends. It closes l.
func (s *Service) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:     http.HandlerFunc(s.handshake),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c.(*tls.Conn).NetConn().(*gate))
		},
		ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	secure := tls.NewListener(gateListener{l}, &tls.Config{
		Certificates:                []tls.Certificate{s.opts.Certificate},
		MinVersion:                  tls.VersionTLS12,
		NextProtos:                  []string{"http/1.1"},
		DynamicRecordSizingDisabled: true,
	})
	if err := server.Serve(secure); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving tunnels: %w", err)
	}
	return nil
}

// handshake accepts or refuses one side of a tunnel.
func (s *Service) handshake(w http.ResponseWriter, r *http.Request) {
	channel := fmt.Sprintf("channel-%04d", s.channels.Add(1))
	w.Header().Set("channel-id", channel)
	status, reason := s.injected()
	if status == 0 {
		status, reason = check(r)
	}
	mode := r.URL.Query().Get("local-proxy-mode")
	var t *tunnel
	if status == 0 {
		if t, reason = s.admit(r.Header.Get("access-token"), r.Header.Get("client-token"), mode); t == nil {
			status = http.StatusForbidden
		}
	}
	if status != 0 {
		s.refused.Add(1)
		s.opts.Log.Info("handshake refused", "status", status, "reason", reason, "mode", mode)
		http.Error(w, reason, status)
		return
	}
	s.accept(w, r, t, mode)
}

// injected returns the status that a test wants.
func (s *Service) injected() (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == 0 {
		return 0, ""
	}
	s.refuse--
	return s.refusal, "as the test wants"
}

// versions are the subprotocols' names, oldest first.
var versions = []string{"aws.iot.securetunneling-1.0", "aws.iot.securetunneling-2.0", "aws.iot.securetunneling-3.0"}

// accept makes the WebSocket and serves it until it ends.
func (s *Service) accept(w http.ResponseWriter, r *http.Request, t *tunnel, mode string) {
	var names []string
	for v := s.opts.Version; v > 0; v-- {
		names = append(names, versions[v-1])
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: names})
	if err != nil {
		s.opts.Log.Info("upgrade failed", "reason", err)
		return
	}
	ws.SetReadLimit(MaxWebSocket)
	s.handshakes.Add(1)
	s.opts.Log.Info("connected", "mode", mode, "subprotocol", ws.Subprotocol())
	e := newEnd(s, t, mode, ws, r.Context().Value(connKey{}).(*gate))
	e.serve(r.Context())
}
