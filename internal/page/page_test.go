package page

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/history"
	"edgeagent/internal/metrics"
	"edgeagent/internal/status"
)

func options(listen, password string) Options {
	board := status.NewBoard("gw-042", "0.1.0", "link", "dns")
	return Options{
		Listen: netip.MustParseAddrPort(listen), Password: password, Snapshot: board.Snapshot,
		History: history.NewRecorder(board).History, Log: slog.New(slog.DiscardHandler),
	}
}

// get asks p as a browser does.
func get(t *testing.T, p *Page, url string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func must(t *testing.T, o Options) *Page {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOpenAddressNeedsAPassword(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:8787", "192.168.1.5:8787", "[::]:8787"} {
		if _, err := New(options(listen, "")); !errors.Is(err, ErrOpen) || !strings.Contains(err.Error(), listen) {
			t.Errorf("%s: %v", listen, err)
		}
		must(t, options(listen, "secret"))
	}
	for _, listen := range []string{"127.0.0.1:8787", "[::1]:8787"} {
		must(t, options(listen, ""))
	}
}

func TestDocuments(t *testing.T) {
	p := must(t, options("127.0.0.1:8787", ""))
	for path, want := range map[string]struct{ kind, text string }{
		"/":           {"text/html; charset=utf-8", "<!doctype html>"},
		"/v1/status":  {"application/json", `"device":"gw-042"`},
		"/v1/history": {"application/json", `"step_s":60`},
		"/metrics":    {metrics.ContentType, "edgeagent_up 0"},
	} {
		w := get(t, p, "http://127.0.0.1:8787"+path)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != want.kind || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %v %.200s", path, w.Code, w.Header(), w.Body)
		}
	}
	if w := get(t, p, "http://127.0.0.1:8787/etc/passwd"); w.Code != http.StatusNotFound {
		t.Errorf("another path: %d", w.Code)
	}
}

func TestNothingCanBeChanged(t *testing.T) {
	p := must(t, options("127.0.0.1:8787", ""))
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		if w := get(t, p, "http://127.0.0.1:8787/", func(r *http.Request) { r.Method = method }); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// TestForeignNamesAreRefused: a web page whose name was made to resolve to
// 127.0.0.1 must not read the status.
func TestForeignNamesAreRefused(t *testing.T) {
	p := must(t, options("127.0.0.1:8787", ""))
	for host, want := range map[string]int{
		"127.0.0.1:8787": 200, "localhost:8787": 200, "[::1]:8787": 200, "localhost": 200,
		"evil.example:8787": 421, "192.168.1.5:8787": 421, "": 421, "localhost.evil.example": 421,
	} {
		if w := get(t, p, "http://x/v1/status", func(r *http.Request) { r.Host = host }); w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}

func TestPassword(t *testing.T) {
	p := must(t, options("0.0.0.0:8787", "secret"))
	for password, want := range map[string]int{"secret": 200, "": 401, "Secret": 401, "secret ": 401} {
		w := get(t, p, "http://192.168.1.5:8787/v1/status", func(r *http.Request) { r.SetBasicAuth("tech", password) })
		if w.Code != want {
			t.Errorf("password %q: %d, want %d", password, w.Code, want)
		}
	}
	w := get(t, p, "http://192.168.1.5:8787/")
	if w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("without one: %d %v", w.Code, w.Header())
	}
}

// TestNothingIsLoadedFromElsewhere: neither does the document ask for it, nor
// would the policy allow it.
func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	for _, word := range []string{"http://", "https://", "//cdn", "@import", "url("} {
		if text := strings.ReplaceAll(string(document), `"http://www.w3.org/2000/svg"`, ""); strings.Contains(text, word) {
			t.Errorf("the page contains %q", word)
		}
	}
	policy := get(t, must(t, options("127.0.0.1:8787", "")), "http://localhost/").Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", "script-src 'sha256-", "style-src 'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
}

// TestRun serves for real, and again after its address was taken.
func TestRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		must(t, options(addr, "")).Run(ctx)
	}()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r, err := http.Get("http://" + addr + "/v1/status")
		if err == nil {
			body, _ := io.ReadAll(r.Body)
			r.Body.Close()
			if !strings.Contains(string(body), "gw-042") {
				t.Errorf("%s", body)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	cancel()
	<-done
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}
