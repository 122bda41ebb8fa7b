package tunnel

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// asJSON is what scripts see of an update's facts.
func asJSON(t *testing.T, u status.Update) string {
	t.Helper()
	b, err := json.Marshal(u.Facts)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`"id":"[0-9a-f]{6}"`).ReplaceAllString(string(b), `"id":"ID"`)
}

func TestStatusOfATunnelsLife(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		check := func(step string, state status.State, reason status.Reason, idle bool, detail, facts string) {
			t.Helper()
			u := r.now()
			if u.State != state || u.Reason != reason || u.Idle != idle || u.Detail != detail {
				t.Errorf("%s: %s %s idle=%v %q, want %s %s idle=%v %q", step, u.State, u.Reason, u.Idle, u.Detail, state, reason, idle, detail)
			}
			if got := asJSON(t, u); got != facts {
				t.Errorf("%s: facts\n got %s\nwant %s", step, got, facts)
			}
		}
		check("at first", status.OK, status.ReasonIdle, true, "idle", `{"failed":0,"last":null,"open":[],"opened":0,"refused":0}`)

		p := r.open("S1", "SSH")
		since := r.List()[0].Since.Format(time.RFC3339)
		one := func(in, out string) string {
			return `{"failed":0,"last":null,"open":[{"id":"ID","services":["SSH"],"since":"` + since + `","bytes_in":` + in + `,"bytes_out":` + out + `}],"opened":1,"refused":0}`
		}
		time.Sleep(3 * time.Minute)
		p.emit(event{Event: eventBytes, In: 1_200_000, Out: 300_000})
		check("open", status.OK, status.ReasonOpen, false, "SSH, 3 min, 1.2 MB in, 0.3 MB out", one("1200000", "300000"))

		p.emit(event{Event: eventRetry, Reason: "connection reset", AfterMS: 30_000})
		check("lost for a moment", status.OK, status.ReasonOpen, false, "SSH, connecting: connection reset; again in 30 s", one("1200000", "300000"))
		time.Sleep(refreshEvery)
		check("lost for long", status.Degraded, status.ReasonUnreachable, false, "SSH, connecting: connection reset; again in 30 s", one("1200000", "300000"))

		p.emit(event{Event: eventConnected})
		p.emit(event{Event: eventClosed, Reason: "closed by the source"})
		p.ends <- exited(0)
		u := r.now()
		_, times := r.history()
		want := "idle; last SSH " + times[0].Local().Format("2006-01-02 15:04") + ", 3 min"
		if u.State != status.OK || u.Reason != status.ReasonIdle || u.Detail != want {
			t.Errorf("afterwards: %+v, want %q", u, want)
		}
		if got := asJSON(t, u); !strings.Contains(got, `"bytes_in":1200000,"bytes_out":300000,"reason":"closed by the source"},"open":[],"opened":1,"refused":0}`) {
			t.Errorf("afterwards: facts %s", got)
		}
	})
}

// A refusal is shown as the state while somebody may be waiting for a tunnel,
// then as a remark, then not at all; a tunnel that opens ends it at once.
func TestStatusOfARefusal(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.notify("S1", "TELNET")
		u := r.now()
		if u.State != status.Degraded || u.Reason != status.ReasonRefused || !u.Idle || !strings.Contains(u.Detail, `service "TELNET" is not in tunnel.services (DB, SSH, VNC, WEB)`) {
			t.Errorf("refused: %+v", u)
		}
		if got := u.Facts["refused"]; got != 1 {
			t.Errorf("%v notifications refused, want 1", got)
		}
		time.Sleep(faultShown + refreshEvery)
		u = r.now()
		if u.State != status.OK || u.Reason != status.ReasonIdle || !strings.Contains(u.Detail, "idle; ") || !strings.Contains(u.Detail, "TELNET") {
			t.Errorf("later: %+v", u)
		}
		time.Sleep(faultRemembered)
		if u = r.now(); u.Detail != "idle" {
			t.Errorf("much later: %+v", u)
		}

		r.notify("S2", "TELNET")
		r.open("S3", "SSH")
		if u = r.now(); u.State != status.OK || u.Reason != status.ReasonOpen || strings.Contains(u.Detail, "TELNET") {
			t.Errorf("open: %+v", u)
		}
		if err := r.Close(context.Background(), r.List()[0].ID); err != nil {
			t.Fatal(err)
		}
		if u = r.now(); u.State != status.OK || strings.Contains(u.Detail, "TELNET") {
			t.Errorf("closed: %+v", u)
		}
	})
}

// A name that is missing in the VPC is its own reason, with the record to add.
func TestStatusOfAMissingName(t *testing.T) {
	bubble(t, func(o *Options) {
		*o = asking(answer{err: errNoName}, new(int))
	}, func(r *rig) {
		r.notify("S1", "SSH")
		u := r.now()
		if u.State != status.Degraded || u.Reason != status.ReasonNameMissing || !strings.Contains(u.Hint, "iot.tunneling.data") {
			t.Errorf("%+v", u)
		}
		if n := len(r.proxies()); n != 0 {
			t.Errorf("%d proxies started", n)
		}
	})
}

// Without the configured program the stage is down, and it is back with it.
func TestStatusOfAMissingProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "localproxy")
	bubble(t, func(o *Options) {
		external(o)
		o.Tunnel.Proxy = program
	}, func(r *rig) {
		u := r.now()
		if u.State != status.Down || u.Reason != status.ReasonProxyMissing || !strings.Contains(u.Hint, "install "+program) {
			t.Errorf("at start: %+v", u)
		}
		r.notify("S1", "SSH")
		if u = r.now(); u.Reason != status.ReasonProxyMissing || len(r.proxies()) != 0 {
			t.Errorf("after a notification: %+v, %d proxies", u, len(r.proxies()))
		}
		if err := os.WriteFile(program, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		time.Sleep(faultShown + refreshEvery)
		if u = r.now(); u.State != status.OK {
			t.Errorf("with the program: %+v", u)
		}
	})
}

// Figures that change all the time are reported once a second, the same ones
// never twice, and a new state at once.
func TestReportsAreFew(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		time.Sleep(24 * time.Hour)
		updates, _ := r.history()
		if n := len(updates); n != 1 {
			t.Errorf("%d reports while nothing happened", n)
		}
		p := r.open("S1", "SSH")
		updates, _ = r.history()
		if n := len(updates); n != 2 || updates[1].Reason != status.ReasonOpen {
			t.Errorf("%d reports of the opening, want 1 at once", n-1)
		}
		r.now()
		updates, _ = r.history()
		before := len(updates)
		for i := range 1000 {
			p.emit(event{Event: eventBytes, In: int64(i), Out: int64(i)})
			time.Sleep(10 * time.Millisecond)
		}
		updates, times := r.history()
		if n := len(updates) - before; n < 9 || n > 11 {
			t.Errorf("%d reports in 10 s of traffic", n)
		}
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); gap < reportEvery && updates[i].Reason == updates[i-1].Reason {
				t.Errorf("two reports of figures within %v", gap)
			}
		}
		if r.now().Facts["open"].([]openFact)[0].BytesIn != 999 {
			t.Error("the last figures were never reported")
		}
		time.Sleep(reportEvery)
		p.emit(event{Event: eventBytes, In: 1000}) // reported now, so the next figures have to wait
		r.history()
		p.emit(event{Event: eventClosed})
		p.ends <- exited(0)
		if updates, _ = r.history(); updates[len(updates)-1].Reason != status.ReasonIdle {
			t.Error("a new state is kept back")
		}
	})
}
