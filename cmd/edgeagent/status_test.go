package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/control"
	"edgeagent/internal/status"
)

// snapshotIn is a path of one stage in a state.
func snapshotIn(state status.State) status.Snapshot {
	b := status.NewBoard("gw-042", "0.1.0", "link")
	b.Set("link", status.Update{State: state, Reason: status.ReasonConnected, Detail: "vpn"})
	return b.Snapshot()
}

func TestWithoutDaemonByCause(t *testing.T) {
	tests := map[control.Cause]struct {
		reason status.Reason
		title  string
	}{
		control.CauseNoSocket:   {status.ReasonUnreachable, "DOWN: the edgeagent daemon does not run"},
		control.CauseStale:      {status.ReasonUnreachable, "DOWN: the edgeagent daemon does not run"},
		control.CauseNoAnswer:   {status.ReasonNoAnswer, "DOWN: the edgeagent daemon does not answer"},
		control.CausePermission: {status.ReasonRefused, "DOWN: this user may not ask the edgeagent daemon"},
	}
	for cause, want := range tests {
		s := withoutDaemon(&control.UnreachableError{Path: "/run/x", Cause: cause, Err: errors.New("why")}, time.Now())
		text := newScreen(new(bytes.Buffer), false).text(s)
		if s.FixFirst.Reason != want.reason || !strings.Contains(text, want.title) ||
			!strings.Contains(text, "\nNext: ") || !strings.Contains(text, "\nFound: "+s.FixFirst.Detail) {
			t.Errorf("%s: reason %s, text\n%s", cause, s.FixFirst.Reason, text)
		}
		if code := exitStatus(verdict(s), nil); code != exitUnreachable {
			t.Errorf("%s: exit status %d", cause, code)
		}
	}
}

func TestClockWarning(t *testing.T) {
	for _, tc := range []struct {
		yes, known bool
		want       int
	}{{true, true, 0}, {false, true, 1}, {false, false, 0}} {
		if got := clockWarning(tc.yes, tc.known); len(got) != tc.want {
			t.Errorf("synchronised %v, known %v: %v", tc.yes, tc.known, got)
		}
	}
}

func TestVerdict(t *testing.T) {
	for state, want := range map[status.State]int{
		status.OK: 0, status.Waiting: 1, status.Starting: 1, status.Degraded: 1, status.Down: 1,
	} {
		if got := exitStatus(verdict(snapshotIn(state)), nil); got != want {
			t.Errorf("%s: exit status %d, want %d", state, got, want)
		}
	}
}

func TestExplainForbidden(t *testing.T) {
	err := explain(&control.Error{Status: 403, Message: "only root may do this"})
	var out bytes.Buffer
	if code := exitStatus(err, &out); code != exitNotOK {
		t.Errorf("exit status %d", code)
	}
	want := "edgeagent: only root may do this\nedgeagent: use sudo, or `sudo adduser $USER edgeagent` and log in again\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// watched runs watch under a fake clock over what the daemon says each second,
// and interrupts it after the last.
func watched(t *testing.T, out *screen, states ...status.State) error {
	t.Helper()
	var err error
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		looks, started := 0, time.Now()
		err = watch(ctx, func(context.Context) (status.Snapshot, error) {
			s := snapshotIn(states[looks])
			s.Started = started
			if looks++; looks == len(states) {
				time.AfterFunc(watchInterval/2, interrupt)
			}
			return s, nil
		}, out)
		if looks != len(states) {
			t.Errorf("looked %d times, want %d", looks, len(states))
		}
	})
	return err
}

func TestWatchTerminal(t *testing.T) {
	var b bytes.Buffer
	err := watched(t, &screen{w: &b, terminal: true}, status.OK, status.OK, status.Down)
	if code := exitStatus(err, nil); code != exitNotOK {
		t.Errorf("exit status %d", code)
	}
	frames := strings.SplitAfter(b.String(), clearBelow)
	if len(frames) != 4 {
		t.Fatalf("%d frames in %q", len(frames)-1, &b)
	}
	first, second, third := frames[0], frames[1], frames[2]
	if !strings.HasPrefix(first, clearScreen+cursorHome+"gw-042  OK") || strings.Count(first, "\n") != 2 {
		t.Errorf("the first frame: %q", first)
	}
	if !strings.HasPrefix(second, "\x1b[1Hgw-042  OK") || !strings.HasSuffix(second, "up 1 s\x1b[3H"+clearBelow) {
		t.Errorf("the second frame is not of what changed in a second: %q", second)
	}
	if !strings.Contains(third, "gw-042  DOWN") || strings.Count(third, "\x1b[") < 5 {
		t.Errorf("the third frame: %q", third)
	}
}

// A screen that stays as it is costs nothing on a serial line, until it is time
// to paint over what others may have written.
func TestFrames(t *testing.T) {
	at := time.Unix(0, 0)
	of := func(after time.Duration, width int, lines ...string) frame {
		return frame{lines: lines, width: width, painted: at.Add(after)}
	}
	tests := []struct {
		name string
		last frame
		next frame
		want string
	}{
		{"first", frame{}, of(0, 10, "a", "b"), clearScreen + cursorHome + "a\x1b[K\nb\x1b[K\n\x1b[J"},
		{"same", of(0, 10, "a", "b"), of(time.Second, 10, "a", "b"), ""},
		{"one line", of(0, 10, "a", "b"), of(time.Second, 10, "a", "c"), "\x1b[2Hc\x1b[K\x1b[3H\x1b[J"},
		{"shorter", of(0, 10, "a", "b", "c"), of(time.Second, 10, "a"), "\x1b[2H\x1b[J"},
		{"longer", of(0, 10, "a"), of(time.Second, 10, "a", "b"), "\x1b[2Hb\x1b[K\x1b[3H\x1b[J"},
		{"resized", of(0, 10, "a"), of(time.Second, 12, "a"), cursorHome + "a\x1b[K\n\x1b[J"},
		{"repainted", of(0, 10, "a"), of(repaintEvery, 10, "a"), cursorHome + "a\x1b[K\n\x1b[J"},
		{"a full row keeps its last character", of(0, 3, "abd"), of(time.Second, 3, "\x1b[32mab\x1b[0mc"), "\x1b[1H\x1b[32mab\x1b[0mc\x1b[2H\x1b[J"},
	}
	for _, tc := range tests {
		if got := tc.next.over(&tc.last); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	long := of(0, 10, "  sudo edgeagent", "b")
	if got := (&frame{lines: []string{"  sudo edgeagent", "c"}, width: 10, painted: at}).over(&long); !strings.HasPrefix(got, cursorHome) || !strings.Contains(got, "edgeagent\nc") {
		t.Errorf("below a line of two rows: %q", got)
	}
	kept := of(29*time.Second, 10, "a")
	if kept.over(&frame{lines: []string{"b"}, width: 10, painted: at}); !kept.painted.Equal(at) {
		t.Error("a change of one line puts the next painting off")
	}
}

func TestWatchFile(t *testing.T) {
	var b bytes.Buffer
	err := watched(t, &screen{w: &b}, status.OK, status.OK, status.Down, status.Down, status.OK)
	if code := exitStatus(err, nil); code != exitOK {
		t.Errorf("exit status %d", code)
	}
	if got := strings.Count(b.String(), "gw-042  "); got != 3 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%d entries:\n%s", got, &b)
	}
}

func TestWatchJSON(t *testing.T) {
	var b bytes.Buffer
	if err := watched(t, &screen{w: &b, json: true, terminal: true}, status.OK, status.OK, status.Down); err == nil {
		t.Error("exit status 0")
	}
	if got := strings.Count(b.String(), "\n"); got != 2 || strings.Count(b.String(), `{"schema":1,`) != 2 {
		t.Errorf("%d lines:\n%s", got, &b)
	}
}

// What the daemon refuses ends a watch; that it is gone does not.
func TestWatchError(t *testing.T) {
	want := errors.New("odd answer")
	err := watch(t.Context(), func(context.Context) (status.Snapshot, error) { return status.Snapshot{}, want },
		&screen{w: new(bytes.Buffer)})
	if !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}
