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
	"testing/synctest"
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
		"/metrics":    {string(metrics.OpenMetrics), "edgeagent_up 0"},
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
	synctest.Test(t, func(t *testing.T) {
		p := must(t, options("0.0.0.0:8787", "secret"))
		for password, want := range map[string]int{"secret": 200, "": 401, "Secret": 401, "secret ": 401} {
			began := time.Now()
			w := get(t, p, "http://192.168.1.5:8787/v1/status", func(r *http.Request) { r.SetBasicAuth("tech", password) })
			if w.Code != want {
				t.Errorf("password %q: %d, want %d", password, w.Code, want)
			}
			if slow := time.Since(began) == guessPause; slow != (want == 401) {
				t.Errorf("password %q was answered after %v", password, time.Since(began))
			}
		}
		began := time.Now()
		w := get(t, p, "http://192.168.1.5:8787/")
		if w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") || time.Since(began) != 0 {
			t.Errorf("without one: %d %v after %v", w.Code, w.Header(), time.Since(began))
		}
	})
}

// TestMetricsPort: a scraper gets the metrics, and nothing else.
func TestMetricsPort(t *testing.T) {
	o := options("127.0.0.1:9787", "")
	o.History = nil
	p := must(t, o)
	for path, want := range map[string]int{"/metrics": 200, "/": 404, "/v1/status": 404, "/v1/history": 404} {
		if w := get(t, p, "http://127.0.0.1:9787"+path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	w := get(t, p, "http://127.0.0.1:9787/metrics", func(r *http.Request) { r.Header.Set("Accept", "text/plain;version=0.0.4") })
	if w.Header().Get("Content-Type") != string(metrics.Text) || strings.Contains(w.Body.String(), "# EOF") {
		t.Errorf("plain text: %v %s", w.Header(), w.Body)
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

// lines is a log whose lines a test waits for.
type lines chan string

func (l lines) Write(line []byte) (int, error) { l <- string(line); return len(line), nil }

// TestTakenAddress: the page comes once the address is free, and the log says
// both.
func TestTakenAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := options(l.Addr().String(), "")
	synctest.Test(t, func(t *testing.T) {
		log := make(lines, 10)
		o.Log = slog.New(slog.NewTextHandler(log, nil))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); must(t, o).Run(ctx) }()
		if line := <-log; !strings.Contains(line, "the status page is not served") || !strings.Contains(line, "address already in use") {
			t.Errorf("log: %s", line)
		}
		l.Close()
		began := time.Now()
		if line := <-log; !strings.Contains(line, `"the status page is served" address=`+l.Addr().String()) || time.Since(began) != listenAgain {
			t.Errorf("log after %v: %s", time.Since(began), line)
		}
		cancel()
		<-done
	})
}

// TestRun serves for real.
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
