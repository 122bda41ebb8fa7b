package page

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// Whatever a browser, or what a page of somebody else's makes of it, sends:
// nothing is shown to who does not know the password, nor under a name that is
// not this device's (DNS rebinding), and nothing but looking is served.
func FuzzRequests(f *testing.F) {
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:8787\r\n\r\n",
		"GET /v1/status?lang=ja HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /metrics HTTP/1.0\r\nHost: [::1]:8787\r\nAccept: text/plain\r\n\r\n",
		"GET /v1/history HTTP/1.1\r\nHost: evil.example:8787\r\n\r\n",
		"GET http://evil.example/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 192.168.1.5\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 192.168.1.5\r\nAuthorization: Basic OnNlY3Jl\r\n\r\n",
		"POST /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}",
	} {
		f.Add(request)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, password := range []string{"", "secret"} {
			p := must(t, options("127.0.0.1:8787", password))
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
			if err != nil {
				return // net/http does not take it for a request
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // a wrong password is not waited for
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r.WithContext(ctx))
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the password is in %q", w.Body)
			}
			if w.Code != http.StatusOK {
				continue
			}
			if _, given, _ := r.BasicAuth(); given != password && password != "" {
				t.Errorf("shown with the password %q", given)
			}
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				t.Errorf("%s is served", r.Method)
			}
			if name := nameOf(r.Host); name != "" {
				t.Errorf("shown under the name %q", name)
			}
		}
	})
}

// nameOf is the name in a Host header, "" if it is an address or localhost.
func nameOf(host string) string {
	for _, port := range []string{"", ":0"} {
		if _, err := netip.ParseAddrPort(host + port); err == nil {
			return ""
		}
		if _, err := netip.ParseAddrPort("[" + host + "]" + port); err == nil {
			return ""
		}
	}
	name, port, _ := strings.Cut(host, ":")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || name == "localhost" {
		return ""
	}
	// A port may be anything: nobody has come by it.
	return name + strings.Repeat(":", strings.Count(port, ":"))
}
