package tunnel

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// exited and killed are statuses as wait(2) gives them.
func exited(code int) exit { return exit{status: syscall.WaitStatus(code << 8), lived: time.Second} }
func killed(sig syscall.Signal) exit {
	return exit{status: syscall.WaitStatus(sig), lived: time.Second}
}

func external(o *Options) {
	o.Tunnel.Proxy = "/bin/sh" // any program that exists
	o.LookupOS = func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{private}, nil }
}

// A crash is followed by a new process with the same two tokens, later and
// later, and not for ever.
func TestCrashRestarts(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		p := r.open("S1", "SSH")
		env := strings.Join(p.cmd.env, " ")
		longest := firstRestartPause
		for i := range maxRestarts {
			began := time.Now()
			r.proxies()[i].ends <- killed(syscall.SIGSEGV)
			r.await(i + 2)
			if n, took := len(r.proxies()), time.Since(began); n != i+2 || took < longest/2 || took > longest+time.Second/10 {
				t.Fatalf("%d proxies %v after crash %d, want one more after %v at most", n, took, i+1, longest)
			}
			longest = min(2*longest, lastRestartPause)
			if again := strings.Join(r.proxies()[i+1].cmd.env, " "); again != env {
				t.Errorf("restarted with\n%s, at first\n%s", again, env)
			}
		}
		r.proxies()[maxRestarts].ends <- killed(syscall.SIGSEGV)
		time.Sleep(time.Hour)
		if n := len(r.proxies()); n != maxRestarts+1 || len(r.List()) != 0 {
			t.Errorf("%d proxies in all, %d tunnels", n, len(r.List()))
		}
		if r.log.count("tunnel ended", "killed by signal 11") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// Neither a close nor the end of Run waits for a pause between restarts.
func TestPauseIsCut(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		p := r.open("S1", "SSH")
		p.ends <- killed(syscall.SIGKILL)
		synctest.Wait()
		if tun := r.List()[0]; tun.State != StateConnecting || tun.Detail != "the proxy crashed: killed by signal 9 (killed)" {
			t.Errorf("in the pause: %+v", tun)
		}
		began := time.Now()
		if err := r.Close(context.Background(), r.List()[0].ID); err != nil || time.Since(began) > 0 {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		}
	})
}

// What the built-in proxy says of its end decides, its exit status if it could
// not say it.
func TestBuiltinEnds(t *testing.T) {
	said := func(code int) *event { return &event{Event: eventClosed, Code: code, Reason: "why " + secret} }
	for name, test := range map[string]struct {
		said  *event
		x     exit
		state status.State
		want  status.Reason
	}{
		"closed by the source":     {said(codeDone), exited(0), status.OK, status.ReasonIdle},
		"its own lifetime":         {said(codeLifetime), exited(codeLifetime), status.OK, status.ReasonIdle},
		"token refused":            {said(codeDenied), exited(codeDenied), status.Degraded, status.ReasonRefused},
		"tunnel gone":              {said(codeGone), exited(codeGone), status.Degraded, status.ReasonRefused},
		"refused, by status alone": {nil, exited(codeDenied), status.Degraded, status.ReasonRefused},
		"certificate":              {said(codeTLS), exited(codeTLS), status.Degraded, status.ReasonTLS},
		"gave up":                  {said(15), exited(15), status.Degraded, status.ReasonProcessExited},
		"program missing":          {nil, exit{err: fmt.Errorf("starting: %w", syscall.ENOENT)}, status.Degraded, status.ReasonProxyMissing},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(r *rig) {
				r.notify(secret, "SSH")
				p := r.proxies()[0]
				if test.said != nil {
					p.emit(*test.said)
				}
				p.ends <- test.x
				time.Sleep(2 * lastRestartPause)
				if n := len(r.proxies()); n != 1 || len(r.List()) != 0 {
					t.Errorf("%d proxies, %+v", n, r.List())
				}
				if u := r.now(); u.State != test.state || u.Reason != test.want {
					t.Errorf("status %+v, want %s %s", u, test.state, test.want)
				}
				if updates, _ := r.history(); strings.Contains(r.log.String()+fmt.Sprint(updates), secret) {
					t.Errorf("the token is shown:\n%s\n%+v", r.log, updates)
				}
			})
		})
	}
}

// A tunnel that had worked ends with a refusal whenever it was closed while its
// proxy was away: that is no fault.
func TestRefusedAfterwards(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		p := r.open("S1", "SSH")
		p.emit(event{Event: eventRetry, Reason: "connection reset", AfterMS: 4000})
		p.emit(event{Event: eventClosed, Reason: "403 Forbidden", Code: codeDenied})
		p.ends <- exited(codeDenied)
		if u := r.now(); u.State != status.OK || u.Reason != status.ReasonIdle {
			t.Errorf("status %+v", u)
		}
		if r.log.count("tunnel ended", "takes its token no more: 403 Forbidden") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// Exit status 0 of an external program says nothing.
func TestExternalEnds(t *testing.T) {
	const connectedLine = "[info]    Successfully established websocket connection with proxy server: wss://x:443"
	const deniedLine = `[error]   Proxy server rejected web socket upgrade request: (HTTP/1.1 403 Forbidden) ""`
	for name, test := range map[string]struct {
		lines   []string
		lives   time.Duration
		proxies int
		state   status.State
		want    status.Reason
	}{
		"at once, and again each time": {nil, 0, maxRestarts + 1, status.Degraded, status.ReasonProcessExited},
		"token refused":                {[]string{deniedLine}, 0, 1, status.Degraded, status.ReasonRefused},
		"was connected":                {[]string{connectedLine}, 0, maxRestarts + 1, status.OK, status.ReasonIdle},
		"connected, then refused":      {[]string{connectedLine, deniedLine}, 0, 1, status.OK, status.ReasonIdle},
		"lived long without a word":    {nil, provenAfter + time.Second, maxRestarts + 1, status.OK, status.ReasonIdle},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, external, func(r *rig) {
				r.notify("S1", "SSH")
				for i := range test.proxies {
					p := r.proxies()[i]
					for _, line := range test.lines {
						p.line(line)
					}
					time.Sleep(test.lives)
					p.ends <- exited(0)
					r.await(i + 2)
				}
				if n := len(r.proxies()); n != test.proxies || len(r.List()) != 0 {
					t.Fatalf("%d proxies, want %d; %+v", n, test.proxies, r.List())
				}
				if u := r.now(); u.State != test.state || u.Reason != test.want {
					t.Errorf("status %+v, want %s %s", u, test.state, test.want)
				}
			})
		})
	}
}

// A program that keeps failing is a fault from its first end on, not only once
// it is given up: nobody may read "ok" meanwhile.
func TestFailingIsNoSuccess(t *testing.T) {
	bubble(t, external, func(r *rig) {
		r.notify("S1", "SSH")
		r.proxies()[0].ends <- exited(0)
		r.await(2)
		u := r.now()
		if u.State != status.Degraded || u.Reason != status.ReasonProcessExited || !strings.Contains(u.Detail, "connecting: the external proxy exited with status 0") {
			t.Errorf("after the first end: %+v", u)
		}
		r.proxies()[1].line("Successfully established websocket connection with proxy server: wss://x:443")
		if u := r.now(); u.State != status.OK || u.Reason != status.ReasonOpen {
			t.Errorf("connected at last: %+v", u)
		}
	})
}
