package tunnel

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"edgeagent/internal/status"
)

// carry runs proxy processes for s, one after the other, until the tunnel is
// over, and says how it ended. The place is proved before each of them. Network
// trouble is the process's own affair: only what a new process can mend, a
// crash or an external program's giving up, is answered with one.
func (m *Manager) carry(ctx context.Context, s *session) ending {
	pause, before := firstRestartPause, ""
	for restarts := 0; ; restarts++ {
		cmd, f := m.prepare(ctx, s, before)
		switch {
		case ctx.Err() != nil && cmd.heir == nil: // one that runs is to be ended, or left
			return asked(ctx)
		case f != nil:
			return ending{why: f.detail, fault: f}
		}
		e := m.runProxy(ctx, s, cmd)
		switch {
		case context.Cause(ctx) == errLeft && !e.again:
			return e // left, or it ended by itself just then
		case ctx.Err() != nil:
			return asked(ctx)
		}
		if !e.again || restarts == maxRestarts {
			return e
		}
		wait := pause/2 + rand.N(pause/2)
		m.o.Log.Warn("tunnel proxy ended, starting it again", "id", s.shown.ID, "reason", e.why, "after", wait)
		if !sleep(ctx, wait) {
			return asked(ctx)
		}
		pause, before = min(2*pause, lastRestartPause), e.why
	}
}

// asked is the ending of a tunnel that something outside of it ended. Any cause
// that is not of this package came down the chain.
func asked(ctx context.Context) ending {
	cause := context.Cause(ctx)
	if cause == errLeft {
		return ending{left: true}
	}
	known := []error{errReplaced, errClosed, errLifetime, errChanged}
	if !slices.Contains(known, cause) {
		cause = errPath
	}
	return ending{why: cause.Error()}
}

// prepare returns the next process to run for s; before says how the one before
// it ended. One that runs already needs no place: it has been at one.
func (m *Manager) prepare(ctx context.Context, s *session, before string) (command, *fault) {
	if h := m.takeHeir(s); h != nil {
		return command{heir: h, builtin: h.Builtin, secrets: []string{s.creds.access, s.creds.client}}, nil
	}
	if err := missingProgram(m.o.Tunnel); err != nil {
		return command{}, failure(status.ReasonProxyMissing, "%v", err)
	}
	p, f := m.locator.find(ctx)
	if f != nil || ctx.Err() != nil {
		return command{}, f
	}
	m.mu.Lock()
	s.begin(before)
	m.mu.Unlock()
	m.touch()
	deadline, _ := ctx.Deadline()
	return newCommand(m.o, s.notification, s.creds, p, time.Until(deadline)), nil
}

// runProxy runs one process.
func (m *Manager) runProxy(ctx context.Context, s *session, cmd command) ending {
	builtin := cmd.builtin
	onEvent := func(e event) { m.observe(s, e) }
	if !builtin {
		// A program whose words are not understood proves itself by living.
		proven := time.AfterFunc(provenAfter, func() { m.observe(s, event{Event: eventConnected}) })
		defer proven.Stop()
	}
	x := m.launch(ctx, cmd, onEvent, func(line string) {
		m.o.Log.Debug("tunnel proxy", "id", s.shown.ID, "line", clean(line, maxOutputLine))
		if e, ok := referenceEvent(line); ok && !builtin {
			m.observe(s, e)
		}
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	if x.left != nil {
		s.heir = x.left
		return ending{left: true}
	}
	e := judge(s, x, builtin)
	s.over(e.why)
	if e.again { // else finish tells, unless it happened by design
		s.failing = e.fault
	}
	m.touch()
	return e
}

// observe notes what s's process says, and what follows for other tunnels.
func (m *Manager) observe(s *session, e event) {
	m.mu.Lock()
	wasLive, first := s.live, e.Event == eventConnected && !s.everLive
	s.observe(e)
	isLive, detail := s.live, s.shown.Detail
	var replaced []*session
	if first {
		m.trouble = nil
		m.counts.opened++
		replaced = m.predecessors(s)
	}
	m.mu.Unlock()
	m.touch()
	// Retries are told by the first alone: a day without the service would fill
	// the journal.
	switch {
	case isLive && !wasLive:
		m.o.Log.Info("tunnel connected", "id", s.shown.ID, "services", s.services, "channel_id", s.words(e.ChannelID))
	case wasLive && !isLive:
		m.o.Log.Info("tunnel lost the service", "id", s.shown.ID, "reason", detail)
	}
	for _, old := range replaced {
		m.stop(old, errReplaced)
	}
}

// predecessors lists the older tunnels for the same services: s, now connected,
// has a newer token. Those for other services are nobody's concern. Called with
// m.mu held.
func (m *Manager) predecessors(s *session) []*session {
	var old []*session
	for _, other := range m.sessions {
		if other == s {
			return old
		}
		if other.key() == s.key() {
			old = append(old, other)
		}
	}
	return old
}

// finish removes s, which ended so after it had lived that long. Only a tunnel
// that was open once becomes the last one: status tells of it when somebody was
// on this device.
func (m *Manager) finish(s *session, e ending, lived time.Duration) {
	m.mu.Lock()
	i := slices.Index(m.sessions, s)
	// The old token of a rotated tunnel fails by design.
	rotated := slices.ContainsFunc(m.sessions[i+1:], func(o *session) bool { return o.key() == s.key() })
	m.sessions = slices.Delete(m.sessions, i, i+1)
	if s.everLive {
		m.last = newLast(s.shown, time.Now(), e.why)
	}
	failed := e.fault != nil && !rotated
	if failed {
		m.counts.failed++
	}
	t := s.shown
	m.mu.Unlock()

	m.o.Log.Info("tunnel ended", "id", t.ID, "services", t.Services, "reason", e.why,
		"lasted", lived.Round(time.Second), "bytes_in", t.BytesIn, "bytes_out", t.BytesOut)
	if failed {
		m.blame(e.fault)
	}
	m.touch()
}
