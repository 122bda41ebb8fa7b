package vpn

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func TestParse(t *testing.T) {
	tests := []struct {
		line string
		want message
	}{
		{">HOLD:Waiting for hold release:10", message{kind: hold, text: "Waiting for hold release:10"}},
		{">STATE:1795295593,CONNECTED,SUCCESS,10.100.0.2,203.0.113.10,443,,", message{kind: state,
			text:  "1795295593,CONNECTED,SUCCESS,10.100.0.2,203.0.113.10,443,,",
			state: stateLine{"CONNECTED", "SUCCESS", addr("10.100.0.2"), netip.MustParseAddrPort("203.0.113.10:443")}}},
		{">STATE:1,RECONNECTING,ping-restart", message{kind: state, text: "1,RECONNECTING,ping-restart", state: stateLine{name: "RECONNECTING", why: "ping-restart"}}},
		{">LOG:1795295593,,MANAGEMENT: >STATE:1795295593,CONNECTED,SUCCESS,", message{kind: logLine, text: "MANAGEMENT: >STATE:1795295593,CONNECTED,SUCCESS,"}},
		{">BYTECOUNT:20974,18149", message{kind: byteCount, text: "20974,18149", in: 20974, out: 18149}},
		{">REMOTE:vpn.example,443,udp", message{kind: remoteQuery, text: "vpn.example,443,udp", remote: remote{"vpn.example", "443", "udp"}}},
		{">FATAL:no tun", message{kind: fatal, text: "no tun"}},
		{"1795295593,CONNECTED,SUCCESS,10.100.0.2,203.0.113.10,443,,", message{text: "1795295593,CONNECTED,SUCCESS,10.100.0.2,203.0.113.10,443,,"}},
		{"SUCCESS: pid=3533", message{text: "SUCCESS: pid=3533"}},
		{">STATE:", message{kind: state}},
		{">BYTECOUNT:x", message{kind: byteCount, text: "x"}},
		{"", message{}},
	}
	for _, tt := range tests {
		if got := parse(tt.line); got != tt.want {
			t.Errorf("parse(%q)\n got %+v\nwant %+v", tt.line, got, tt.want)
		}
	}
}

func TestRemoteAcceptsItsFamily(t *testing.T) {
	for proto, want := range map[string][2]bool{"udp": {true, true}, "udp4": {true, false}, "udp6": {false, true}, "tcp-client": {true, true}, "tcp4-client": {true, false}} {
		r := remote{proto: proto}
		if got := [2]bool{r.accepts(addr("203.0.113.10")), r.accepts(addr("2001:db8::1"))}; got != want {
			t.Errorf("%s accepts IPv4, IPv6: %v, want %v", proto, got, want)
		}
	}
}

// Whatever comes out of the management socket, in whatever order: the link is
// never called usable without a device, a connection and an answered probe.
func FuzzManagement(f *testing.F) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var lines []string
		for _, line := range strings.Split(string(data), "\n") {
			if m := timed.FindStringSubmatch(line); m != nil && m[2] == "<" {
				line = m[3]
			}
			lines = append(lines, line)
		}
		f.Add(strings.Join(lines, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, reports := lonely(t)
		now := time.Now()
		for line := range strings.Lines(text) {
			k.message(now, parse(strings.TrimRight(line, "\r\n")), true)
			now = now.Add(time.Second)
			k.step(now)
			k.publish(now)
			check(t, k, reports)
		}
		k.message(now, message{}, false)
		k.exited(now, exit{code: 1, output: strings.Split(text, "\n")})
		k.publish(now)
		check(t, k, reports)
		if k.usable() {
			t.Fatal("usable without a process")
		}
	})
}

// lonely is a keeper in the middle of a connection, without a loop around it.
func lonely(t *testing.T) (*keeper, *[]status.Update) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing is started beside it
	gate, _ := clock.NewGate(time.Time{}, "/dev/null/last-time")
	kernel := newFakeKernel()
	kernel.makeTun("10.100.0.2", 11)
	o := newOpenVPN(Options{
		Link: config.Link{Name: "vpn"}, Probe: config.Default().Probe, Recovery: config.Default().Recovery, Clock: gate, Log: discard,
		Alive:  func() time.Time { return time.Time{} },
		Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, nil },
		ProbePath: func(context.Context, Path) (time.Duration, error) {
			return 0, nil
		},
	}, &fakeEngine{}, kernel)
	var reports []status.Update
	k := newKeeper(ctx, o, func(u status.Update) { reports = append(reports, u) })
	k.proc, k.prof, k.phase = mute{}, parseProfile("client.ovpn", ""), connecting
	k.net, _ = kernel.View()
	client, server := net.Pipe()
	server.Close()
	k.mgmt = &management{conn: client, in: make(chan message), closed: make(chan struct{})}
	close(k.mgmt.in)
	return k, &reports
}

func check(t *testing.T, k *keeper, reports *[]status.Update) {
	t.Helper()
	if k.usable() {
		t.Fatal("usable, and nobody was asked")
	}
	if _, up := k.o.Path(); up {
		t.Fatal("a path, and nobody was asked")
	}
	for _, u := range *reports {
		*reports = (*reports)[1:]
		if u.Detail == "" || strings.ContainsAny(u.Detail, "\n\r\x00") || u.Reason == "" || u.State == "" {
			t.Fatalf("report %+v", u)
		}
	}
}

// mute is a process that does nothing.
type mute struct{}

func (mute) PID() int                               { return 7 }
func (mute) Dial(context.Context) (net.Conn, error) { return nil, net.ErrClosed }
func (mute) Exited() <-chan exit                    { return nil }
func (mute) Signal(syscall.Signal) error            { return nil }
func (mute) Release(*Handover, net.Conn) error      { return errGone }
