package localproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// Whatever a site's web proxy answers: only a 2xx is a way through, and what is
// said of a refusal is printable and has no password in it.
func FuzzWebProxy(f *testing.F) {
	for _, answer := range []string{
		"HTTP/1.1 200 Connection established\r\n\r\n",
		"HTTP/1.0 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
		"HTTP/1.1 403 \x1b[2JForbidden\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
		"220 smtp.example ESMTP\r\n",
		"",
	} {
		f.Add(answer)
	}
	const password = "p4ss-w0rd"
	f.Fuzz(func(t *testing.T, answer string) {
		if strings.Contains(answer, password) {
			return // it says so itself
		}
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			buf := make([]byte, 4096)
			if _, err := far.Read(buf); err == nil { // the whole request: one write
				_, _ = io.WriteString(far, answer) // it may not be read to its end
			}
		}()
		err := connect(context.WithoutCancel(t.Context()), near, "data.tunneling.example:443", url.UserPassword("user", password))
		near.Close()
		if err == nil && !strings.HasPrefix(strings.TrimSpace(answer), "HTTP/") {
			t.Errorf("%q lets through", answer)
		}
		if err == nil {
			return
		}
		if errors.Is(err, errWebProxy) && strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("the refusal %q is not printable", err)
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("the password is in %q", err)
		}
	})
}
