package vpn

import (
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestProcessThatHangsIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(2 * stableAfter)
		w.expect(status.OK, status.ReasonConnected, "")
		w.engine.current().stopped.Store(true)
		// A word may have come just before.
		time.Sleep(speechLimit + replyLimit - bytecountEvery - time.Millisecond)
		if got := w.engine.noted("start"); len(got) != 1 {
			t.Errorf("starts %v before the process had its time to answer", got)
		}
		time.Sleep(bytecountEvery + endLimit + time.Second)
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("start"); len(got) != 2 {
			t.Errorf("starts %v, want another process", got)
		}
	})
}

func TestProcessThatHangsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(2 * stableAfter)
		w.engine.current().stopped.Store(true)
		time.Sleep(speechLimit + replyLimit + endLimit/2) // between SIGTERM and SIGKILL
		w.expect(status.Down, status.ReasonProcessExited, "openvpn (pid 1000) hangs: it has said nothing for 20s")
	})
}

// An OpenVPN that tells no counters while nothing moves is not taken for dead.
func TestProcessThatAnswersIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.set(func(e *fakeEngine) { e.noPing = true })
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.engine.current().taciturn.Store(true)
		time.Sleep(10 * time.Minute)
		if starts, asked := w.engine.noted("start"), w.engine.noted("pid"); len(starts) != 1 || len(asked) < 20 {
			t.Errorf("starts %v, asked %d times", starts, len(asked))
		}
	})
}
