package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"edgeagent/internal/status"
)

// notifier tells systemd how the daemon is (sd_notify(3)). Without systemd
// every call does nothing.
type notifier struct {
	board  *status.Board
	log    *slog.Logger
	send   func(state string) error
	period time.Duration // between WATCHDOG=1; 0 if systemd does not ask for it
	// leaving: it does not say STOPPING=1, as another agent takes over in its
	// place; nil: never.
	leaving func() bool
}

func newNotifier(board *status.Board, log *slog.Logger) notifier {
	n := notifier{board: board, log: log, send: func(state string) error {
		_, err := daemon.SdNotify(false, state)
		return err
	}}
	if limit, err := daemon.SdWatchdogEnabled(false); err != nil {
		log.Warn("watchdog ignored", "err", err)
	} else {
		n.period = limit / 2
	}
	return n
}

// run sends READY=1, then STATUS= at each change and WATCHDOG=1 in time, until
// ctx ends. Reading the Board before each watchdog message proves that the
// daemon's lock and its scheduler are alive; the link's state never matters.
func (n notifier) run(ctx context.Context) {
	n.tell(daemon.SdNotifyReady)
	defer func() {
		if n.leaving == nil || !n.leaving() {
			n.tell(daemon.SdNotifyStopping)
		}
	}()
	var watchdog <-chan time.Time
	if n.period > 0 {
		ticker := time.NewTicker(n.period)
		defer ticker.Stop()
		watchdog = ticker.C
	}
	for said := ""; ; {
		changed := n.board.Changed()
		if line := statusLine(n.board.Snapshot()); line != said {
			n.tell("STATUS=" + line)
			said = line
		}
		select {
		case <-changed:
		case <-watchdog:
			n.board.Snapshot()
			n.tell(daemon.SdNotifyWatchdog)
		case <-ctx.Done():
			return
		}
	}
}

func (n notifier) tell(state string) {
	if err := n.send(state); err != nil {
		n.log.Warn("notifying systemd failed", "err", err)
	}
}

// statusLine is what `systemctl status edgeagent` shows: the first stage that
// is not ok.
func statusLine(s status.Snapshot) string {
	line := stageLine(s.FixFirst)
	if s.Warning != "" {
		line += "; " + s.Warning
	}
	return line
}

func stageLine(f *status.Finding) string {
	switch {
	case f == nil:
		return "ok"
	case f.Detail == "":
		return fmt.Sprintf("%s: %s", f.Stage, f.Title)
	}
	return fmt.Sprintf("%s: %s (%s)", f.Stage, f.Title, f.Detail)
}
