package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgeagent/internal/metrics"
)

func TestClientAndServer(t *testing.T) {
	b := &fakeBackend{}
	c := NewClient(serve(t, b, nil))
	ctx := t.Context()
	snapshot, err := c.Status(ctx)
	if diff := cmp.Diff(b.Snapshot(), snapshot); diff != "" || err != nil {
		t.Errorf("status: %v, -want +got:\n%s", err, diff)
	}
	past, err := c.History(ctx)
	if diff := cmp.Diff(b.History(), past); diff != "" || err != nil {
		t.Errorf("history: %v, -want +got:\n%s", err, diff)
	}
	text, err := c.Metrics(ctx)
	if !strings.HasPrefix(string(text), "# TYPE edgeagent_") || strings.Contains(string(text), "EOF") || err != nil {
		t.Errorf("metrics: %v, %q", err, text)
	}
	links, err := c.Links(ctx)
	if diff := cmp.Diff(b.Links(), links); diff != "" || err != nil {
		t.Errorf("links: %v, -want +got:\n%s", err, diff)
	}
	tunnels, err := c.Tunnels(ctx)
	if diff := cmp.Diff(b.Tunnels(), tunnels); diff != "" || err != nil {
		t.Errorf("tunnels: %v, -want +got:\n%s", err, diff)
	}
	if err := c.RestartLink(ctx, "vpn"); err != nil {
		t.Errorf("restarting: %v", err)
	}
	if err := c.CloseTunnel(ctx, "t-1"); err != nil {
		t.Errorf("closing: %v", err)
	}
	if !cmp.Equal(b.restarted, []string{"vpn"}) || !cmp.Equal(b.closed, []string{"t-1"}) {
		t.Errorf("restarted %q, closed %q", b.restarted, b.closed)
	}
}

func TestUnknownNames(t *testing.T) {
	c := NewClient(serve(t, &fakeBackend{}, nil))
	if err := c.RestartLink(t.Context(), "canal"); !errors.Is(err, ErrNotFound) || err.Error() != `link "canal": not found` {
		t.Errorf("restarting: %v", err)
	}
	if err := c.CloseTunnel(t.Context(), "../status"); !errors.Is(err, ErrNotFound) {
		t.Errorf("closing: %v", err)
	}
	if err := c.CloseTunnel(t.Context(), ""); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("closing nothing: %v", err)
	}
}

func TestReadersMayOnlyRead(t *testing.T) {
	b := &fakeBackend{}
	path := serve(t, b, onlyReaders)
	dropped := NewClient(path) // whoever runs the test is no daemon's user
	if isRoot() {
		dropped = asUser(t, path, credentials{uid: 12345, gid: 12345})
	}
	if _, err := dropped.Status(t.Context()); err != nil {
		t.Errorf("status: %v", err)
	}
	if _, err := dropped.History(t.Context()); err != nil {
		t.Errorf("history: %v", err)
	}
	if _, err := dropped.Metrics(t.Context()); err != nil {
		t.Errorf("metrics: %v", err)
	}
	_, links := dropped.Links(t.Context())
	_, tunnels := dropped.Tunnels(t.Context())
	for name, err := range map[string]error{
		"links": links, "tunnels": tunnels,
		"restart": dropped.RestartLink(t.Context(), "vpn"), "close": dropped.CloseTunnel(t.Context(), "t-1"),
	} {
		if !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "group edgeagent") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.restarted != nil || b.closed != nil {
		t.Errorf("restarted %q, closed %q", b.restarted, b.closed)
	}
}

func TestRawRequests(t *testing.T) {
	path := serve(t, &fakeBackend{}, nil)
	post := func(target, body string) string {
		return "POST " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body
	}
	tests := map[string]struct {
		request string
		code    int
		allow   string
	}{
		"status":             {"GET /v1/status HTTP/1.0\r\n\r\n", 200, ""},
		"unknown path":       {"GET /v1/secrets HTTP/1.0\r\n\r\n", 404, ""},
		"root":               {"GET / HTTP/1.0\r\n\r\n", 404, ""},
		"below a path":       {"GET /v1/status/ HTTP/1.0\r\n\r\n", 404, ""},
		"dots in the path":   {"GET /v1/x/../status HTTP/1.0\r\n\r\n", 404, ""},
		"post to metrics":    {post("/v1/metrics", ""), 405, "GET"},
		"post to status":     {post("/v1/status", ""), 405, "GET"},
		"get a restart":      {"GET /v1/links/restart HTTP/1.0\r\n\r\n", 405, "POST"},
		"delete the tunnels": {"DELETE /v1/tunnels HTTP/1.0\r\n\r\n", 405, "GET"},
		"good restart":       {post("/v1/links/restart", `{"name": "vpn"}`), 204, ""},
		"no body":            {post("/v1/links/restart", ""), 400, ""},
		"not JSON":           {post("/v1/links/restart", "vpn"), 400, ""},
		"no name":            {post("/v1/links/restart", "{}"), 400, ""},
		"unknown field":      {post("/v1/links/restart", `{"name": "vpn", "force": true}`), 400, ""},
		"wrong type":         {post("/v1/links/restart", `{"name": 5}`), 400, ""},
		"two values":         {post("/v1/links/restart", `{"name": "vpn"}{"name": "vpn"}`), 400, ""},
		"huge body":          {post("/v1/links/restart", `{"name": "`+strings.Repeat("v", maxBodyBytes)+`"}`), 400, ""},
		"not HTTP":           {"hello\r\n\r\n", 400, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, header, body := exchange(t, path, tt.request)
			if code != tt.code || header.Get("Allow") != tt.allow {
				t.Errorf("got %d, Allow %q, want %d, %q; body %s", code, header.Get("Allow"), tt.code, tt.allow, body)
			}
			var f failure
			ours := header.Get("Content-Type") == "application/json"
			if ours && code >= 400 && (json.Unmarshal(body, &f) != nil || f.Error == "") {
				t.Errorf("no reason in %s", body)
			}
			if !ours && code != 204 && tt.request != "hello\r\n\r\n" {
				t.Errorf("answered as %q: %s", header.Get("Content-Type"), body)
			}
		})
	}
}

// exchange sends request as it is and returns the answer.
func exchange(t *testing.T, path, request string) (int, http.Header, []byte) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, request) // the server may stop reading
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, body
}

// A header beyond the limit is cut off; whether the client still reads why
// depends on how much of it was under way.
func TestHugeHeader(t *testing.T) {
	conn, err := net.Dial("unix", serve(t, &fakeBackend{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, "GET /v1/status HTTP/1.0\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil && response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answered %s", response.Status)
	}
}

// The JSON that scripts rely on.
func TestStatusJSON(t *testing.T) {
	_, _, body := exchange(t, serve(t, &fakeBackend{}, nil), "GET /v1/status HTTP/1.0\r\n\r\n")
	want := `{"schema":1,"version":"test","device":"gw-042","state":"ok","since":"2026-11-21T08:30:00Z",` +
		`"started":"0001-01-01T00:00:00Z","now":"0001-01-01T00:00:00Z","fix_first":null,"stages":[{"name":"link",` +
		`"state":"ok","reason":"connected","detail":"up","since":"2026-11-21T08:30:00Z","losses":0,"facts":{"device":"tun0"}}]}`
	if got := strings.TrimSpace(string(body)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Scrapers go by the content type.
func TestMetricsAreText(t *testing.T) {
	code, header, body := exchange(t, serve(t, &fakeBackend{}, onlyReaders), "GET /v1/metrics HTTP/1.0\r\n\r\n")
	if code != http.StatusOK || header.Get("Content-Type") != string(metrics.OpenMetrics) {
		t.Errorf("answered %d, %s", code, header.Get("Content-Type"))
	}
	if want := "\nedgeagent_stage_state{stage=\"link\",state=\"ok\"} 1\n"; !strings.Contains(string(body), want) {
		t.Errorf("no %q in\n%s", want, body)
	}
	_, header, _ = exchange(t, serve(t, &fakeBackend{}, onlyReaders), "GET /v1/metrics HTTP/1.0\r\nAccept: text/plain\r\n\r\n")
	if header.Get("Content-Type") != string(metrics.Text) {
		t.Errorf("plain text was asked for, %s is the answer", header.Get("Content-Type"))
	}
}

// A request that waits ends with the daemon, and the daemon ends with it.
func TestStopEndsRequests(t *testing.T) {
	b := &fakeBackend{hang: make(chan struct{}), started: make(chan struct{}, 1)}
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended, asked := make(chan error, 1), make(chan error, 1)
	go func() { ended <- NewServer(b, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	go func() { asked <- NewClient(path).RestartLink(t.Context(), "vpn") }()
	<-b.started
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := <-asked; err == nil {
		t.Error("the request was answered as done")
	}
}

func TestChangesAreLogged(t *testing.T) {
	var log bytes.Buffer
	path := serve(t, &fakeBackend{}, func(s *Server) { s.log = slog.New(slog.NewTextHandler(&log, nil)) })
	c := NewClient(path)
	if err := c.RestartLink(t.Context(), "vpn"); err != nil {
		t.Error(err)
	}
	if err := c.RestartLink(t.Context(), "canal"); err == nil {
		t.Error("restarted a link that does not exist")
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
	got := log.String()
	if strings.Count(got, "\n") != 2 || !strings.Contains(got, `msg="control request done" path=/v1/links/restart uid=`) ||
		!strings.Contains(got, `msg="control request failed"`) {
		t.Errorf("log:\n%s", got)
	}
}

// Serving ends with an error when the listener breaks by itself.
func TestServeBrokenListener(t *testing.T) {
	l, err := Listen(filepath.Join(t.TempDir(), "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := NewServer(&fakeBackend{}, slog.New(slog.DiscardHandler)).Serve(t.Context(), l); err == nil {
		t.Error("no error")
	}
}
