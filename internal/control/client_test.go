package control

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestUnreachable(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, path string)
		cause   Cause
		want    string
	}{
		"no socket":     {func(*testing.T, string) {}, CauseNoSocket, "the daemon does not run: there is no SOCKET"},
		"stale socket":  {stale, CauseStale, "the daemon does not run: it ended without removing SOCKET"},
		"plain file":    {plainFile, CauseStale, "the daemon does not run: it ended without removing SOCKET"},
		"hangs up":      {hangUp, CauseNoAnswer, "the daemon does not answer on SOCKET: "},
		"other program": {otherProgram, CauseNoAnswer, "the daemon does not answer on SOCKET: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			tt.prepare(t, path)
			_, err := NewClient(path).Status(t.Context())
			wantUnreachable(t, err, tt.cause, strings.ReplaceAll(tt.want, "SOCKET", path))
		})
	}
}

func wantUnreachable(t *testing.T, err error, cause Cause, text string) {
	t.Helper()
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) {
		t.Fatalf("got %v, want an UnreachableError", err)
	}
	if unreachable.Cause != cause || !strings.HasPrefix(err.Error(), text) || unreachable.Unwrap() == nil {
		t.Errorf("got %s, %q; want %s, %q", unreachable.Cause, err, cause, text)
	}
}

func plainFile(t *testing.T, path string) {
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
}

// answerWith accepts connections and lets handle deal with them.
func answerWith(t *testing.T, path string, handle func(net.Conn)) {
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			conn.Close()
		}
	}()
}

func hangUp(t *testing.T, path string) { answerWith(t, path, func(net.Conn) {}) }

func otherProgram(t *testing.T, path string) {
	answerWith(t, path, func(c net.Conn) { io.WriteString(c, "220 mail.example ESMTP\r\n") })
}

func TestUnreachableWithoutPermission(t *testing.T) {
	path := serve(t, &fakeBackend{}, nil)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	asUser(t, path, credentials{}) // makes the directory passable
	client := NewClient(path)
	client.dial = func(context.Context) (net.Conn, error) {
		return dialWith(path, credentials{uid: 12345, gid: 12345})
	}
	_, err := client.Status(t.Context())
	wantUnreachable(t, err, CausePermission, "this user may not open "+path)
}

// A daemon whose socket takes connections but which is stuck.
func TestUnreachableStuck(t *testing.T) {
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, _ := l.Accept()
		accepted <- conn
		cancel(errSilent) // as the client's own timer does
	}()
	_, err = NewClient(path).Status(ctx)
	(<-accepted).Close()
	wantUnreachable(t, err, CauseNoAnswer, "the daemon does not answer on "+path+": nothing within 5s")
}

// A user who interrupts is not told that the daemon is down.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := NewClient(serve(t, &fakeBackend{}, nil)).Status(ctx)
	var unreachable *UnreachableError
	if errors.As(err, &unreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOddAnswers(t *testing.T) {
	tests := map[string]struct{ answer, want string }{
		"not JSON":            {"HTTP/1.0 200 OK\r\n\r\nhello", "reading the daemon's answer: "},
		"wrong JSON":          {"HTTP/1.0 200 OK\r\n\r\n[]", "reading the daemon's answer: "},
		"refusal without why": {"HTTP/1.0 503 Service Unavailable\r\n\r\n", "the daemon answers 503 Service Unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			answerWith(t, path, func(c net.Conn) {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					t.Errorf("request: %v", err)
				}
				io.WriteString(c, tt.answer)
			})
			if _, err := NewClient(path).Status(t.Context()); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// More clients than slots are all served, one after the other.
func TestManyClients(t *testing.T) {
	path := serve(t, &fakeBackend{}, nil)
	var group sync.WaitGroup
	for range 3 * maxConns {
		group.Go(func() {
			if _, err := NewClient(path).Status(t.Context()); err != nil {
				t.Errorf("status: %v", err)
			}
		})
	}
	group.Wait()
}
