package tunnel

import (
	"encoding/json"
	"testing"

	"edgeagent/internal/localproxy"
)

// Bytes add up over the processes of one tunnel; connections do not survive one.
func TestObserve(t *testing.T) {
	s := &session{notification: notification{services: []string{"SSH"}}}
	s.begin()
	for _, e := range []event{
		{Event: eventConnected}, {Event: eventStreamOpened}, {Event: eventStreamOpened}, {Event: eventStreamClosed},
		{Event: eventBytes, In: 10, Out: 20}, {Event: eventBytes, In: 100, Out: 200}, {Event: "services"}, {Event: "of the future"},
	} {
		s.observe(e)
	}
	if g := s.shown; g.BytesIn != 100 || g.BytesOut != 200 || g.Connections != 1 || g.State != StateOpen {
		t.Errorf("first process: %+v", g)
	}
	s.begin()
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
		Event: "e", Address: "a", ChannelID: "c", Service: "s", Reason: "r", In: &in, Out: &out, AfterMS: &after, Code: &code,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got event
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	want := event{Event: "e", Address: "a", ChannelID: "c", Service: "s", Reason: "r", In: 1, Out: 2, AfterMS: 3, Code: 4}
	if got != want {
		t.Errorf("%s is read as %+v", line, got)
	}
}
