package tunnel

import (
	"encoding/json"
	"strings"
	"testing"

	"edgeagent/internal/localproxy"
)

// Bytes add up over the processes of one tunnel; connections do not survive one.
func TestObserve(t *testing.T) {
	s := &session{notification: notification{services: []string{"SSH"}}}
	s.begin("")
	for _, e := range []event{
		{Event: eventConnected}, {Event: eventStreamOpened, Connection: 1}, {Event: eventStreamOpened, Connection: 2},
		{Event: eventStreamClosed, Connection: 1}, {Event: eventStreamClosed, Connection: 1},
		{Event: eventBytes, In: 10, Out: 20}, {Event: eventBytes, In: 100, Out: 200}, {Event: "services"}, {Event: "of the future"},
	} {
		s.observe(e)
	}
	if g := s.shown; g.BytesIn != 100 || g.BytesOut != 200 || g.Connections != 1 || g.State != StateOpen {
		t.Errorf("first process: %+v", g)
	}
	s.observe(event{Event: eventRetry, Reason: "connection reset"})
	if g := s.shown; g.Connections != 1 || g.State != StateConnecting || s.live {
		t.Errorf("without the service: %+v", g)
	}
	s.begin("")
	if g := s.shown; g.Connections != 0 || g.State != StateConnecting || s.live {
		t.Errorf("between: %+v", g)
	}
	s.observe(event{Event: eventStreamClosed})
	s.observe(event{Event: eventBytes, In: 5, Out: 7})
	if g := s.shown; g.BytesIn != 105 || g.BytesOut != 207 || g.Connections != 0 {
		t.Errorf("second process: %+v", g)
	}
	s.shown.State = StateClosing
	s.observe(event{Event: eventConnected})
	s.observe(event{Event: eventRetry})
	if s.shown.State != StateClosing {
		t.Errorf("a closing tunnel is %s again", s.shown.State)
	}
}

// A service on this device that does not answer is told until it does. It is
// no end of a connection, for there was none.
func TestServiceThatDoesNotAnswer(t *testing.T) {
	s := &session{notification: notification{services: []string{"SSH"}}}
	s.begin("")
	s.observe(event{Event: eventConnected})
	s.observe(event{Event: eventStreamOpened, Service: "VNC", Connection: 1})
	s.observe(event{Event: eventStreamClosed, Service: "SSH", Connection: 1, Reason: "cannot connect: refused"})
	if g := s.shown; g.Detail != "SSH: cannot connect: refused" || g.Connections != 1 || g.State != StateOpen {
		t.Errorf("refused: %+v", g)
	}
	if text := s.describe(); !strings.HasSuffix(text, "0 B in, 0 B out (SSH: cannot connect: refused)") {
		t.Errorf("shown as %q", text)
	}
	s.observe(event{Event: eventStreamOpened, Service: "SSH", Connection: 1})
	if g := s.shown; g.Detail != "" || g.Connections != 2 {
		t.Errorf("answered: %+v", g)
	}
}

// A new connection may take the number of one that is not quite gone.
func TestConnectionsShareANumber(t *testing.T) {
	s := &session{}
	s.begin("")
	for i, step := range []struct {
		event string
		want  int
	}{{eventStreamOpened, 1}, {eventStreamOpened, 2}, {eventStreamClosed, 1}, {eventStreamClosed, 0}, {eventStreamClosed, 0}} {
		s.observe(event{Event: step.event, Service: "SSH", Connection: 1})
		if s.shown.Connections != step.want || len(s.connections) > 1 {
			t.Errorf("step %d: %d connections, want %d", i, s.shown.Connections, step.want)
		}
	}
}

// The built-in proxy's events and statuses are those read here. The packages
// know nothing of each other, so only this test holds them together.
func TestAgreesWithBuiltinProxy(t *testing.T) {
	for theirs, ours := range map[string]string{
		localproxy.EventConnecting: eventConnecting, localproxy.EventConnected: eventConnected,
		localproxy.EventStreamOpened: eventStreamOpened, localproxy.EventStreamClosed: eventStreamClosed,
		localproxy.EventBytes: eventBytes, localproxy.EventRetry: eventRetry, localproxy.EventClosed: eventClosed,
	} {
		if theirs != ours {
			t.Errorf("event %q is %q here", theirs, ours)
		}
	}
	for theirs, ours := range map[int]int{
		localproxy.ExitDenied: codeDenied, localproxy.ExitGone: codeGone,
		localproxy.ExitTLS: codeTLS, localproxy.ExitLifetime: codeLifetime,
	} {
		if theirs != ours {
			t.Errorf("status %d is %d here", theirs, ours)
		}
	}
	in, out, after, code := uint64(1), uint64(2), int64(3), 4
	line, err := json.Marshal(localproxy.Event{
		Event: "e", Address: "a", ChannelID: "c", Service: "s", Connection: 5, Reason: "r", In: &in, Out: &out, AfterMS: &after, Code: &code,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got event
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	want := event{Event: "e", Address: "a", ChannelID: "c", Service: "s", Connection: 5, Reason: "r", In: 1, Out: 2, AfterMS: 3, Code: 4}
	if got != want {
		t.Errorf("%s is read as %+v", line, got)
	}
}
