// Package page serves the status as one page on the loopback address, for a
// technician with a browser and a forwarded port. It is read-only and comes
// from one embedded file: nothing is loaded from anywhere else.
package page

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	"golang.org/x/net/netutil"

	"edgeagent/internal/history"
	"edgeagent/internal/metrics"
	"edgeagent/internal/status"
)

//go:embed page.html
var document []byte

// Limits of a request; the page is small and its readers are few.
const (
	readTimeout  = 5 * time.Second
	guessPause   = time.Second // before a wrong password is answered
	writeTimeout = 10 * time.Second
	idleTimeout  = 30 * time.Second
	stopTimeout  = time.Second
	maxConns     = 32
	listenAgain  = 10 * time.Second // after the address was taken
)

// Options are what the page shows, and to whom. Without a History there is no
// page, only /metrics: what a scraper needs.
type Options struct {
	// Listen is a loopback address, or any if there is a password.
	Listen netip.AddrPort
	// Password is what a browser must give with any user name; "" asks for none.
	Password string
	Snapshot func() status.Snapshot
	History  func() history.History
	Log      *slog.Logger
}

// ErrOpen means that the page would be shown to others than this device
// without a password.
var ErrOpen = errors.New("the address is not a loopback one: set a password file")

// Page is the server.
type Page struct {
	o      Options
	policy string // Content-Security-Policy
}

// New returns a Page that does not listen yet.
func New(o Options) (*Page, error) {
	if !o.Listen.Addr().IsLoopback() && o.Password == "" {
		return nil, fmt.Errorf("serving the status page on %s: %w", o.Listen, ErrOpen)
	}
	return &Page{o: o, policy: contentPolicy(document)}, nil
}

// name is for the log.
func (p *Page) name() string {
	if p.o.History == nil {
		return "the metrics port"
	}
	return "the status page"
}

// Run serves until ctx ends, and tries again when it cannot: the page must not
// take the agent down.
func (p *Page) Run(ctx context.Context) {
	for {
		err := p.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		p.o.Log.Error(p.name()+" is not served", "err", err, "again_in", listenAgain)
		select {
		case <-time.After(listenAgain):
		case <-ctx.Done():
			return
		}
	}
}

func (p *Page) serve(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.o.Listen.String())
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{
		Handler: p, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(p.o.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() {
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if server.Shutdown(deadline) != nil {
			_ = server.Close()
		}
	})
	defer stop()
	p.o.Log.Info(p.name()+" is served", "address", l.Addr())
	return server.Serve(netutil.LimitListener(l, maxConns))
}

// ServeHTTP answers GET and HEAD of the page and of its two JSON documents.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this page only shows", http.StatusMethodNotAllowed)
	case !p.knows(r.Host):
		http.Error(w, "ask for this page by its address", http.StatusMisdirectedRequest)
	case !p.admits(r):
		p.slow(r)
		h.Set("WWW-Authenticate", `Basic realm="edgeagent", charset="UTF-8"`)
		http.Error(w, "the password is missing or wrong", http.StatusUnauthorized)
	default:
		p.show(w, r)
	}
}

func (p *Page) show(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if p.o.History == nil && path != "/metrics" {
		http.Error(w, "there is only /metrics", http.StatusNotFound)
		return
	}
	switch path {
	case "/":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(document)
	case "/v1/status":
		language := status.English
		if r.URL.Query().Get("lang") == "ja" {
			language = status.Japanese
		}
		writeJSON(w, p.o.Snapshot().In(language))
	case "/v1/history":
		writeJSON(w, p.o.History())
	case "/metrics":
		format := metrics.Accepted(r.Header.Get("Accept"))
		w.Header().Set("Content-Type", string(format))
		_ = metrics.Write(w, p.o.Snapshot(), metrics.Own(), format)
	default:
		http.Error(w, "there is only /", http.StatusNotFound)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

// inline finds what a policy must allow by its hash.
var inline = regexp.MustCompile(`(?s)<(script|style)>(.*?)</(?:script|style)>`)

// contentPolicy allows the page's own script and style and questions to this
// server, and nothing else from anywhere.
// https://www.w3.org/TR/CSP3/
func contentPolicy(page []byte) string {
	policy := "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	for _, m := range inline.FindAllSubmatch(page, -1) {
		sum := sha256.Sum256(m[2])
		policy += fmt.Sprintf("; %s-src 'sha256-%s'", m[1], base64.StdEncoding.EncodeToString(sum[:]))
	}
	return policy
}
