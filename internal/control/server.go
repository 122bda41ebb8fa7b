package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"edgeagent/internal/metrics"
)

// Limits of a request, so that a slow or hostile local client costs little.
const (
	headerTimeout  = 5 * time.Second  // to send the request's header
	readTimeout    = 10 * time.Second // to send all of it
	handleTimeout  = 20 * time.Second // to carry it out
	writeTimeout   = 30 * time.Second // from its header to the end of the answer
	stopTimeout    = time.Second      // for answers under way when the daemon stops
	maxHeaderBytes = 8 << 10
	maxBodyBytes   = 4 << 10
)

// Server serves the control API.
type Server struct {
	backend Backend
	log     *slog.Logger
	policy  policy
}

// NewServer returns a Server of b. Requests that change something are logged.
func NewServer(b Backend, log *slog.Logger) *Server {
	return &Server{backend: b, log: log, policy: systemPolicy()}
}

// Serve answers on l until ctx ends, then closes l and returns nil once the
// answers under way are out, after a second at most.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withPeer,
	}
	// One request a connection: an idle client would hold a slot.
	server.SetKeepAlivesEnabled(false)
	limited := limit(l)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		// Not Shutdown: that drops a request which it has not read yet.
		limited.Close()
		limited.idle(deadline)
		server.Close()
	})
	err := server.Serve(limited)
	if !stop() {
		<-stopped
		return nil
	}
	server.Close()
	return fmt.Errorf("serving the control API: %w", err)
}

// contextKey is the key of a connection's peer in its requests' context.
type contextKey struct{}

// withPeer lets a request know its connection.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// endpoint is what one path does.
type endpoint struct {
	method string
	public bool // for every user
	serve  func(*http.Request) (any, error)
}

// handler answers unknown paths, wrong methods and users without permission in
// the same form as everything else.
func (s *Server) handler() http.Handler {
	endpoints := map[string]endpoint{
		pathStatus:       {http.MethodGet, true, s.status},
		pathHistory:      {http.MethodGet, true, s.history},
		pathMetrics:      {http.MethodGet, true, s.metrics},
		pathLinks:        {http.MethodGet, false, s.links},
		pathLinkRestart:  {http.MethodPost, false, s.restartLink},
		pathTunnels:      {http.MethodGet, false, s.tunnels},
		pathTunnelsClose: {http.MethodPost, false, s.closeTunnel},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, ok := endpoints[r.URL.Path]
		switch {
		case !ok:
			answer(w, http.StatusNotFound, failure{"no such path"})
		case r.Method != e.method:
			w.Header().Set("Allow", e.method)
			answer(w, http.StatusMethodNotAllowed, failure{r.URL.Path + " takes " + e.method})
		case !e.public && !s.permits(r):
			answer(w, http.StatusForbidden, failure{"only root and the group " + Group + " may do this"})
		default:
			s.serve(w, r, e)
		}
	})
}

// permits reports whether the client may do more than read the status.
func (s *Server) permits(r *http.Request) bool {
	c, ok := r.Context().Value(contextKey{}).(*peerConn)
	return ok && c.known && s.policy.allows(c.peer)
}

// serve carries out a request and logs it if it may have changed something.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e endpoint) {
	ctx, cancel := context.WithTimeout(r.Context(), handleTimeout)
	defer cancel()
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	result, err := e.serve(r.WithContext(ctx))
	if e.method != http.MethodGet {
		s.record(r, err)
	}
	switch {
	case err != nil:
		answer(w, statusOf(err), failure{err.Error()})
	case result == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(w, http.StatusOK, result)
	}
}

// record logs who changed something, or tried to.
func (s *Server) record(r *http.Request, err error) {
	c, ok := r.Context().Value(contextKey{}).(*peerConn)
	if !ok {
		return
	}
	log := s.log.With("path", r.URL.Path, "uid", c.peer.uid, "pid", c.peer.pid)
	if err != nil {
		log.Warn("control request failed", "err", err)
		return
	}
	log.Info("control request done")
}

// errBadRequest means that the request's body cannot be read.
var errBadRequest = errors.New("bad request")

// statusOf is the HTTP status of a request that failed.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, errBadRequest):
		return http.StatusBadRequest
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// page is an answer that is not JSON.
type page struct {
	contentType string
	text        []byte
}

// answer writes body as JSON, or as the page that it is.
func answer(w http.ResponseWriter, code int, body any) {
	if p, ok := body.(page); ok {
		w.Header().Set("Content-Type", p.contentType)
		w.WriteHeader(code)
		w.Write(p.text)
		return
	}
	text, err := json.Marshal(body)
	if err != nil {
		code, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(text, '\n'))
}

// decode reads the request's only JSON value into body.
func decode(r *http.Request, body any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(body); err != nil {
		return fmt.Errorf("%w: %w", errBadRequest, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one JSON value", errBadRequest)
	}
	return nil
}

func (s *Server) status(*http.Request) (any, error) { return s.backend.Snapshot(), nil }

func (s *Server) history(*http.Request) (any, error) { return s.backend.History(), nil }

func (s *Server) metrics(r *http.Request) (any, error) {
	var b bytes.Buffer
	format := metrics.Accepted(r.Header.Get("Accept"))
	if err := metrics.Write(&b, s.backend.Snapshot(), metrics.Own(), format); err != nil {
		return nil, err
	}
	return page{string(format), b.Bytes()}, nil
}

func (s *Server) links(*http.Request) (any, error) { return s.backend.Links(), nil }

func (s *Server) tunnels(*http.Request) (any, error) { return s.backend.Tunnels(), nil }

func (s *Server) restartLink(r *http.Request) (any, error) {
	var body linkRequest
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	if body.Name == "" {
		return nil, fmt.Errorf("%w: no name", errBadRequest)
	}
	return nil, s.backend.RestartLink(r.Context(), body.Name)
}

func (s *Server) closeTunnel(r *http.Request) (any, error) {
	var body tunnelRequest
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	if body.ID == "" {
		return nil, fmt.Errorf("%w: no id", errBadRequest)
	}
	return nil, s.backend.CloseTunnel(r.Context(), body.ID)
}
