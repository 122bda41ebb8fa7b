package localproxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"
)

// eventPipe returns an EventPipe and its parent's end.
func eventPipe(t *testing.T) (*EventPipe, *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	parent := os.NewFile(uintptr(fds[0]), "parent")
	t.Cleanup(func() { parent.Close() })
	p, err := NewEventPipe(fds[1])
	if err != nil {
		t.Fatal(err)
	}
	return p, parent
}

func TestEventsAreLinesOfJSON(t *testing.T) {
	p, parent := eventPipe(t)
	zero, code, ms := uint64(0), 10, int64(1234)
	p.Send(Event{Event: EventConnecting, Address: "10.0.6.110:443"})
	p.Send(Event{Event: EventServices, Services: []string{"SSH"}})
	p.Send(Event{Event: EventStreamOpened, Service: "SSH", Connection: 1})
	p.Send(Event{Event: EventBytes, In: &zero, Out: &zero})
	p.Send(Event{Event: EventRetry, Reason: "refused", AfterMS: &ms})
	p.Send(Event{Event: EventClosed, Reason: "denied", Code: &code})
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Send(Event{Event: "too late"})
	got, err := io.ReadAll(parent)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"event":"connecting","address":"10.0.6.110:443"}
{"event":"services","services":["SSH"]}
{"event":"stream_opened","service":"SSH","connection":1}
{"event":"bytes","in":0,"out":0}
{"event":"retry","reason":"refused","after_ms":1234}
{"event":"closed","reason":"denied","code":10}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestParentThatDoesNotReadStopsNothing(t *testing.T) {
	p, parent := eventPipe(t)
	long := Event{Event: EventStreamClosed, Reason: string(bytes.Repeat([]byte("x"), 1000))}
	for range 10 * pipeBacklog { // far more than pipe and backlog hold
		p.Send(long)
	}
	// What was written is whole lines still.
	go p.Close()
	lines := bufio.NewScanner(parent)
	n := 0
	for ; lines.Scan(); n++ {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Reason != long.Reason {
			t.Fatalf("line %d: %v", n, err)
		}
	}
	if n < pipeBacklog || n >= 10*pipeBacklog {
		t.Errorf("%d lines came, want some lost and the backlog kept", n)
	}
}

func TestGoneParentIsNoticedWithoutWriting(t *testing.T) {
	p, parent := eventPipe(t)
	select {
	case <-p.Gone():
		t.Fatal("gone while the parent is there")
	default:
	}
	parent.Close()
	select {
	case <-p.Gone():
	case <-time.After(20 * time.Second):
		t.Error("not noticed")
	}
	p.Close()
}

func TestEventsFDMustBeOne(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	fd := int(f.Fd())
	f.Close()
	if _, err := NewEventPipe(fd); err == nil {
		t.Error("a closed file was accepted")
	}
}
