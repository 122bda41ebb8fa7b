package control

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// Whatever a local user writes to the socket: he gets an answer in the one form
// that there is; who may only read has changed nothing; and who may change, only
// what his request names in full.
func FuzzRequests(f *testing.F) {
	for _, request := range []string{
		"GET /v1/status HTTP/1.0\r\n\r\n",
		"GET /v1/metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n",
		"POST /v1/links/restart HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{\"name\": \"vpn\"}",
		"POST /v1/links/restart HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\n{\"name\": \"vpn\", \"NAME\": \"canal\"}",
		"POST /v1/links/restart HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"name\": \"vpn\"}\r\n0\r\n\r\n",
		"POST /v1/tunnels/close HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"id\": \"t-1\"}",
		"POST /v1/tunnels/close HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{\"id\":\"t-1\"}{}",
		"GET /v1/tunnels/close HTTP/1.1\r\nHost: x\r\n\r\n",
		"DELETE //v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add(request)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, may := range []bool{false, true} {
			b := &fakeBackend{}
			code, body, ok := answerTo(b, raw, may)
			if !ok {
				return // net/http does not take it for a request
			}
			checkAnswer(t, code, body)
			if changed := len(b.restarted) + len(b.closed); changed > 0 && (!may || code != http.StatusNoContent || changed > 1) {
				t.Errorf("answered %d, changed %d things, may change: %t", code, changed, may)
			}
		}
	})
}

// answerTo serves a raw request of a user who may change something, or not.
func answerTo(b Backend, raw string, may bool) (code int, body string, ok bool) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return 0, "", false
	}
	s := NewServer(b, slog.New(slog.DiscardHandler))
	conn := &peerConn{known: true}
	s.policy = policy{}
	if !may {
		conn.peer = peer{uid: 12345, gid: 12345}
	}
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, conn)))
	return w.Code, w.Body.String(), true
}

// checkAnswer wants one of the documented codes, and JSON that says why if it is
// a refusal.
func checkAnswer(t *testing.T, code int, body string) {
	t.Helper()
	if !slices.Contains([]int{200, 204, 400, 403, 404, 405}, code) {
		t.Errorf("answered %d: %s", code, body)
	}
	if code == http.StatusNoContent && body != "" {
		t.Errorf("an answer without content: %q", body)
	}
	var f failure
	if code >= 400 && (json.Unmarshal([]byte(body), &f) != nil || f.Error == "") {
		t.Errorf("answered %d without a reason: %q", code, body)
	}
}
