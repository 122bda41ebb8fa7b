package status

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Moments of the golden screens.
var (
	noon    = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	daysAgo = noon.Add(-59 * time.Hour)
)

func healthy() Snapshot {
	stage := func(name string, reason Reason, detail string) Condition {
		return Condition{Stage: name, State: OK, Reason: reason, Detail: detail, Since: daysAgo}
	}
	return Snapshot{
		Schema: Schema, Version: "0.1.0", Device: "gw-042", State: OK, Since: daysAgo,
		Started: noon.Add(-76 * time.Hour), Now: noon,
		Stages: []Condition{
			stage("link", ReasonConnected, "vpn (openvpn) on tun0, 172.31.0.34 to 203.0.113.10"),
			stage("dns", ReasonReady, "amazonaws.com from 10.0.0.2, 12 ms"),
			stage("endpoint", ReasonPrivate, "private: 10.0.6.105, 10.0.20.107"),
			stage("broker", ReasonConnected, "10.0.6.105:8883, keepalive 230 s, round trip 41 ms"),
			stage("tunnel", ReasonIdle, "idle; last SSH 2026-11-20 08:30, 4 min"),
		},
	}
}

func broken(stage int, state State, reason Reason, detail string) Snapshot {
	s := healthy()
	s.State, s.Since = state, noon.Add(-4*time.Minute)
	c := &s.Stages[stage]
	c.State, c.Reason, c.Detail, c.Since = state, reason, detail, s.Since
	s.FixFirst = &Finding{Stage: c.Stage, Reason: reason, Detail: detail, Hint: Hint(c.Stage, reason)}
	if state.Usable() {
		return s
	}
	for i := stage + 1; i < len(s.Stages); i++ {
		s.Stages[i] = Condition{
			Stage: s.Stages[i].Stage, State: Waiting, Reason: ReasonWaiting, Detail: "for " + c.Stage, Since: s.Since,
		}
	}
	return s
}

// unfilled is a device right after the package was installed.
func unfilled() Snapshot {
	b := NewBoard("raspberrypi", "0.1.0", "config", "link", "dns", "endpoint", "broker", "tunnel")
	b.Set("config", Update{
		State: Waiting, Reason: ReasonNotConfigured, Detail: "fill in device.thing in /etc/edgeagent/edgeagent.yaml; put 1 missing file in place",
		Notes: []string{
			"line 12: device.thing: empty; add the name under which the device is registered in AWS IoT",
			"line 26: links[0].config: /etc/edgeagent/openvpn/client.ovpn does not exist",
		},
		Commands: []string{
			"sudoedit /etc/edgeagent/edgeagent.yaml",
			"sudo install -g edgeagent -m 640 FILE /etc/edgeagent/openvpn/client-of-a-long-name.ovpn",
		},
	})
	s := b.Snapshot()
	s.Now, s.Since = noon, noon.Add(-4*time.Minute)
	return s
}

// What to type reaches scripts as well, and the notes of a stage go with it.
func TestNotesAndCommandsInJSON(t *testing.T) {
	data, err := json.Marshal(unfilled())
	if err != nil {
		t.Fatal(err)
	}
	var got Snapshot
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if f := got.FixFirst; f == nil || f.Stage != "config" || f.Reason != "not-configured" || len(f.Commands) != 2 {
		t.Errorf("fix_first is %+v", f)
	}
	if len(got.Stages[0].Notes) != 2 || got.Stages[1].Detail != "for config" || bytes.Contains(data, []byte(`"notes":null`)) {
		t.Errorf("stages are %+v", got.Stages)
	}
}

// A serial console shows ASCII only, and colour comes only when asked for.
func TestTextIsPlainASCII(t *testing.T) {
	for i, r := range Text(broken(0, Down, ReasonNoAnswer, "silent"), TextOptions{}) {
		if r > '~' || r < ' ' && r != '\n' {
			t.Fatalf("byte %d is %q", i, r)
		}
	}
}

// What servers and other programs said stands in details: it cannot command the
// terminal, and a line without UTF-8 does not get it in pieces.
func TestTextOfHostileDetail(t *testing.T) {
	detail := "the server said \x1b[2J\x07evil\u009b31m \u202egnirts on 携帯\xff"
	for _, tc := range []struct {
		ascii bool
		want  string
	}{
		{false, "the server said ?[2J?evil?31m ?gnirts on 携帯\uFFFD "},
		{true, "the server said ?[2J?evil?31m ?gnirts on ??? "},
	} {
		s := broken(0, Down, ReasonNoAnswer, detail)
		got := Text(s, TextOptions{ASCII: tc.ascii})
		if !strings.Contains(got, tc.want) || strings.ContainsAny(got, "\x1b\x07") {
			t.Errorf("ASCII %v: %q lacks %q", tc.ascii, got, tc.want)
		}
		if found := Found(detail, TextOptions{}); strings.ContainsAny(found, "\x1b\x07") {
			t.Errorf("found: %q", found)
		}
	}
}

func TestTextColoursTheStateWordAlone(t *testing.T) {
	got := Text(healthy(), TextOptions{Color: true})
	for _, want := range []string{"gw-042  \x1b[32mOK\x1b[0m", "  broker    \x1b[32mok\x1b[0m    10.0.6.105"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%q", want, got)
		}
	}
}

func TestTextNarrow(t *testing.T) {
	for l := range strings.Lines(Text(healthy(), TextOptions{Width: 48})) {
		if len(l) > 49 {
			t.Errorf("line over 48 columns: %q", l)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "under 1 ms", 999 * time.Microsecond: "under 1 ms", time.Millisecond: "1 ms", 41900 * time.Microsecond: "41 ms",
	} {
		if got := RoundTrip(d); got != want {
			t.Errorf("RoundTrip(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:              "0 s",
		8*time.Second + 999*1e6:   "8 s",
		12 * time.Minute:          "12 min",
		2*time.Hour + time.Minute: "2 h 1 min",
		59 * time.Hour:            "2 d 11 h",
	} {
		if got := Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
}
