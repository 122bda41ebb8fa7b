package page

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/history"
	"edgeagent/internal/status"
)

// chromium is Debian's.
const chromium = "/usr/bin/chromium"

// browserTimeout is for one page; a browser starts slowly on a busy machine.
const browserTimeout = 90 * time.Second

// view is what a browser made of a page.
type view struct {
	dom     string
	console []string // what it had to say, refused requests among it
	asked   []string // addresses that the page asked for
}

var (
	consoleLine = regexp.MustCompile(`(?m)^.*CONSOLE.*$`)
	request     = regexp.MustCompile(`"initiator":"http://[^"]*"[^\n]*?"url":"([^"]*)"`)
)

// open shows url in a headless Chromium, with a new profile, for 5 s of the
// browser's own time. It can reach the loopback address alone. With
// PAGE_SCREENSHOTS set there is a picture in that directory, to be looked at.
func open(t *testing.T, url, size string, more ...string) view {
	t.Helper()
	if more == nil {
		more = []string{"--accept-lang=en-US"}
	}
	if _, err := os.Stat(chromium); err != nil {
		t.Skip("needs Debian's chromium:", err)
	}
	netLog := filepath.Join(t.TempDir(), "net.json")
	run := func(action ...string) (stdout, stderr string) {
		ctx, cancel := context.WithTimeout(t.Context(), browserTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, chromium, append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
			"--user-data-dir=" + t.TempDir(), "--enable-logging=stderr", "--window-size=" + size,
			"--virtual-time-budget=5000", "--log-net-log=" + netLog,
		}, slices.Concat(more, action, []string{url})...)...)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		cmd.Env = append(os.Environ(), "LANGUAGE=") // --accept-lang decides
		cmd.WaitDelay = time.Second                 // its children hold the pipes
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", url, err, &errs)
		}
		return out.String(), errs.String()
	}
	action := []string{"--dump-dom"}
	if dir := os.Getenv("PAGE_SCREENSHOTS"); dir != "" {
		action = append(action, "--screenshot="+filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+".png"))
	}
	dom, stderr := run(action...)
	v := view{dom: dom, console: consoleLine.FindAllString(stderr, -1)}
	events, err := os.ReadFile(netLog)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range request.FindAllSubmatch(events, -1) {
		v.asked = append(v.asked, string(m[1]))
	}
	return v
}

// text is the part of the page between two marks, without its tags.
func (v view) text(t *testing.T, from, to string) string {
	t.Helper()
	_, part, ok := strings.Cut(v.dom, from)
	part, _, ended := strings.Cut(part, to)
	if !ok || !ended {
		t.Fatalf("nothing between %q and %q in\n%s", from, to, v.dom)
	}
	return strings.TrimSpace(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(part, " "))
}

// quiet checks that the browser had nothing to complain about, and that the page
// asked its own server only.
func (v view) quiet(t *testing.T, url string) {
	t.Helper()
	if len(v.console) > 0 {
		t.Errorf("the console says\n%s", strings.Join(v.console, "\n"))
	}
	if len(v.asked) < 2 {
		t.Errorf("the page asked for %q, want its two documents at least", v.asked)
	}
	for _, asked := range v.asked {
		if !strings.HasPrefix(asked, url) {
			t.Errorf("the page asked for %s", asked)
		}
	}
}

// serveSite is a real page server on loopback.
func serveSite(t *testing.T, snapshot func() status.Snapshot, past func() history.History) (url string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	p := must(t, Options{Listen: netip.MustParseAddrPort(addr), Log: slog.New(slog.DiscardHandler), Snapshot: snapshot, History: past})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	for url = "http://" + addr + "/"; ; {
		if r, err := http.Get(url); err == nil {
			r.Body.Close()
			return url, stop
		}
		if t.Context().Err() != nil {
			t.Fatal("the page server does not start")
		}
	}
}

// path is a gateway whose five stages are as in the middle of an ordinary hour.
func path(change func(b *status.Board)) (func() status.Snapshot, func() history.History) {
	b := status.NewBoard("gw-042", "0.1.0", "link", "dns", "endpoint", "broker", "tunnel")
	for _, u := range []struct{ stage, detail string }{
		{"link", "vpn (openvpn) on tun0, 172.31.0.34 to 203.0.113.10:443"},
		{"dns", "amazonaws.com from 10.0.0.2, 12 ms"},
		{"endpoint", "private: 10.0.6.105, 10.0.20.107"},
		{"broker", "10.0.6.105:8883, keepalive 230 s, round trip 41 ms"},
		{"tunnel", "idle; last SSH 2026-11-20 08:30, 4 min"},
	} {
		b.Set(u.stage, status.Update{State: status.OK, Reason: status.ReasonConnected, Detail: u.detail})
	}
	change(b)
	now := time.Now()
	h := history.History{Schema: history.Schema, Now: now, StepS: 60}
	for _, c := range b.Snapshot().Stages {
		h.Stages = append(h.Stages, history.Stage{Name: c.Stage, Spans: []history.Span{
			{From: now.Add(-50 * time.Minute), State: status.OK, Reason: status.ReasonConnected},
			{From: now.Add(-30 * time.Minute), State: status.Degraded, Reason: status.ReasonNoAnswer},
			{From: now.Add(-25 * time.Minute), State: status.OK, Reason: status.ReasonConnected},
			{From: now.Add(-4 * time.Minute), State: c.State, Reason: c.Reason},
		}})
	}
	for name, top := range map[string]float64{"probe_rtt_ms": 40, "losses": 2} {
		s := history.Series{Name: name, Values: make([]*float64, 60)}
		for i := range s.Values {
			if i%17 != 3 {
				s.Values[i] = new(top * float64(i%7) / 6)
			}
		}
		h.Series = append(h.Series, s)
	}
	return b.Snapshot, func() history.History { return h }
}

// broken is a link that is gone, with all that follows from it, told by a server
// that would like to run a script.
func broken(b *status.Board) {
	b.Set("link", status.Update{
		State: status.Down, Reason: status.ReasonNoAnswer, Hint: "let UDP 443 out through this site's firewall.",
		Commands: []string{"sudo edgeagent check link", "sudo edgeagent link restart"}, Notes: []string{"the uplink is fine: wlan0, 3 ms"},
		Detail: `vpn (openvpn): nothing from 203.0.113.10:443; <img src=x onerror="document.title='owned'"> ` + strings.Repeat("x", 120),
	})
	b.SetWarnings([]status.Warning{status.NewWarning(status.WarnClock, "since the boot")})
	for _, stage := range []string{"dns", "endpoint", "broker", "tunnel"} {
		b.Set(stage, status.Update{State: status.Waiting, Reason: status.ReasonWaiting, Detail: "for link"})
	}
}

func TestBrowserHealthy(t *testing.T) {
	snapshot, past := path(func(*status.Board) {})
	url, _ := serveSite(t, snapshot, past)
	v := open(t, url, "1000,1200")
	v.quiet(t, url)
	if got := v.text(t, "<header>", "</header>"); !strings.HasPrefix(got, "gw-042") || !strings.Contains(got, " OK for ") || !strings.Contains(got, "edgeagent 0.1.0, up ") {
		t.Errorf("header: %s", got)
	}
	chain := v.text(t, `<ol id="chain"`, "</ol>")
	for _, want := range []string{"link", "203.0.113.10:443", "dns", "endpoint", "broker", "round trip 41 ms", "tunnel", "last SSH"} {
		if !strings.Contains(chain, want) {
			t.Errorf("no %q in %s", want, chain)
		}
	}
	if !strings.Contains(v.dom, `<div id="next" hidden="">`) {
		t.Error("there is something to do next")
	}
	if strings.Contains(v.dom, `<ul class="links">`) {
		t.Error("there is one link, but a list of links")
	}
	if bars, graphs := strings.Count(v.dom, "<rect "), strings.Count(v.dom, "<path "); bars != 5*4 || graphs != 2 {
		t.Errorf("%d spans and %d graphs are drawn, want 20 and 2", bars, graphs)
	}
}

func TestBrowserBroken(t *testing.T) {
	snapshot, past := path(broken)
	url, _ := serveSite(t, snapshot, past)
	v := open(t, url, "1000,1200")
	v.quiet(t, url)
	if got := v.text(t, "<title>", "</title>"); got != "gw-042 DOWN" {
		t.Errorf("title %q", got)
	}
	next := v.text(t, `<div id="next"`, "</div>")
	if !strings.Contains(next, "link: ") || !strings.Contains(next, "Next: let UDP 443 out") || strings.Contains(next, "hidden") {
		t.Errorf("next: %s", next)
	}
	if !strings.Contains(next, "sudo edgeagent check link") || !strings.Contains(next, "sudo edgeagent link restart") {
		t.Errorf("nothing to type: %s", next)
	}
	chain := v.text(t, `<ol id="chain"`, "</ol>")
	if n := strings.Count(chain, "for link"); n != 4 || !strings.Contains(chain, "the uplink is fine") {
		t.Errorf("%d stages wait for the link, want 4: %s", n, chain)
	}
	if got := v.text(t, `<ul id="warnings">`, "</ul>"); !strings.Contains(got, status.NewWarning(status.WarnClock, "").Text) || !strings.Contains(got, "since the boot") {
		t.Errorf("warnings: %s", got)
	}
	if strings.Contains(v.dom, "<img") {
		t.Error("a server's words became an element")
	}
}

// overSIM is a path that a SIM carries while the VPN, which comes first, is away.
func overSIM(b *status.Board) {
	b.Set("link", status.Update{
		State: status.Degraded, Reason: status.ReasonFailover, Hint: status.Hint("link", status.ReasonNoAnswer),
		Detail: "canal on ppp0, 10.140.0.7; vpn (openvpn): nothing from 203.0.113.10:443 since 08:30:12",
		Facts: status.Facts{"link": "canal", "failovers": 1, "links": []map[string]any{
			{"name": "vpn", "type": "openvpn", "state": status.Down, "reason": status.ReasonNoAnswer, "device": "tun0",
				"detail": "nothing from 203.0.113.10:443 since 08:30:12 <b>!</b>", "active": false},
			{"name": "canal", "type": "interface", "state": status.OK, "reason": status.ReasonConnected, "device": "ppp0",
				"detail": "canal on ppp0, 10.140.0.7", "active": true},
			{"name": "spare", "type": "interface", "state": status.Starting, "reason": status.ReasonStandby, "device": "", "detail": "", "active": false},
		}},
	})
}

// TestBrowserFailover: all links are there in their order, the one that carries
// the path marked.
func TestBrowserFailover(t *testing.T) {
	snapshot, past := path(overSIM)
	url, _ := serveSite(t, snapshot, past)
	v := open(t, url, "1000,1200")
	v.quiet(t, url)
	links := v.text(t, `<ul class="links">`, "</ul>")
	want := "vpn DOWN nothing from 203.0.113.10:443 since 08:30:12 &lt;b&gt;!&lt;/b&gt; canal ok ppp0 in use spare standby"
	if got := strings.Join(strings.Fields(links), " "); got != want {
		t.Errorf("links: %q, want %q", got, want)
	}
	if active := v.text(t, `<li class="active">`, "</li>"); !strings.HasPrefix(active, "canal") || strings.Count(v.dom, `<li class="active">`) != 1 {
		t.Errorf("in use: %s", active)
	}
}

// TestBrowserInJapanese: the browser's language is the page's.
func TestBrowserInJapanese(t *testing.T) {
	snapshot, past := path(broken)
	url, _ := serveSite(t, snapshot, past)
	v := open(t, url, "1000,1200", "--accept-lang=ja-JP")
	v.quiet(t, url)
	next, chain := v.text(t, `<div id="next"`, "</div>"), v.text(t, `<ol id="chain"`, "</ol>")
	ja := snapshot().In(status.Japanese)
	if !strings.Contains(next, ja.FixFirst.Title) || !strings.Contains(next, "対処: "+ja.FixFirst.Hint[:30]) {
		t.Errorf("next: %s", next)
	}
	if n := strings.Count(chain, "link を待っています"); n != 4 || !strings.Contains(chain, "停止") {
		t.Errorf("%d stages wait: %s", n, chain)
	}
	if got := v.text(t, `<ul id="warnings">`, "</ul>"); !strings.Contains(got, ja.Warnings[0].Text) || ja.Warnings[0].Text == snapshot().Warnings[0].Text {
		t.Errorf("warnings: %s", got)
	}
	if !strings.Contains(v.dom, `<html lang="ja">`) || strings.Contains(v.text(t, "<header>", "</header>"), "DOWN") {
		t.Error("the page itself is not in Japanese")
	}
}

// TestBrowserDaemonGone: the daemon ends while the page is open.
func TestBrowserDaemonGone(t *testing.T) {
	snapshot, past := path(func(*status.Board) {})
	asked := make(chan struct{}, 100)
	url, stop := serveSite(t, func() status.Snapshot { asked <- struct{}{}; return snapshot() }, past)
	go func() {
		<-asked
		<-asked // now the first answer is shown
		stop()
	}()
	v := open(t, url, "1000,1200")
	header, next := v.text(t, "<header>", "</header>"), v.text(t, `<div id="next"`, "</div>")
	if !strings.Contains(header, "gw-042") || !strings.Contains(header, "NO DAEMON for ") {
		t.Errorf("header: %s", header)
	}
	if !strings.Contains(next, "below is what it said last") || !strings.Contains(next, "sudo systemctl start edgeagent") {
		t.Errorf("next: %s", next)
	}
	if !strings.Contains(v.dom, "203.0.113.10") || !strings.Contains(v.dom, `<ol id="chain" class="stale">`) {
		t.Error("what it said last is not there, or looks as if it still held")
	}
}

// phone shows the page as wide as a phone: a window has a least width, a frame
// has none. What it measures it leaves in its own document.
const phone = `<!doctype html><iframe id="f" src="/page" width="390" height="1400" style="border:0"></iframe><p id="fit"></p><script>
setTimeout(() => { const w = document.getElementById("f").contentWindow, d = w.document.documentElement;
document.getElementById("fit").textContent = "scroll " + d.scrollWidth + " of " + w.innerWidth + ", " + w.document.querySelectorAll("#chain > li").length + " stages"; }, 3000);
</script>`

func TestBrowserOnAPhone(t *testing.T) {
	snapshot, past := path(func(b *status.Board) { broken(b); overSIM(b) })
	p := must(t, Options{Listen: netip.MustParseAddrPort("127.0.0.1:1"), Log: slog.New(slog.DiscardHandler), Snapshot: snapshot, History: past})
	mux := http.NewServeMux()
	mux.HandleFunc("/phone", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(phone))
	})
	// Without the policy, which forbids frames.
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(document)
	})
	mux.Handle("/", p)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	defer server.Close()
	v := open(t, "http://"+l.Addr().String()+"/phone", "500,1500")
	if got := v.text(t, `<p id="fit">`, "</p>"); got != "scroll 390 of 390, 5 stages" {
		t.Errorf("the page in 390 pixels: %s", got)
	}
}

// TestPolicyHoldsInABrowser: no other page can show this one in a frame.
func TestPolicyHoldsInABrowser(t *testing.T) {
	snapshot, past := path(func(*status.Board) {})
	url, _ := serveSite(t, snapshot, past)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><iframe src="` + url + `"></iframe>`))
	}))
	defer other.Close()
	v := open(t, other.URL, "500,500")
	if got := strings.Join(v.console, "\n"); !strings.Contains(got, "frame-ancestors") {
		t.Errorf("the console says %q", got)
	}
}
