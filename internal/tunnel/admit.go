package tunnel

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"
)

// Handle takes a message from the notify topic. It never blocks. What is not
// for this device is logged, a line a minute for each cause, and dropped; so is
// what comes faster than a person opens tunnels.
func (m *Manager) Handle(topic string, payload []byte) {
	if !m.o.Tunnel.Enabled {
		return
	}
	if topic != notifyTopic(m.o.Thing) {
		m.quiet.warn("topic", "message is no tunnel notification", "topic", clean(topic, maxQuoted))
		return
	}
	n, f := m.receive(payload)
	if f != nil {
		m.refuse(f)
		return
	}
	select {
	case m.queue <- n:
	default:
		m.refuse(refusal("%d notifications wait for the private path already", queueLength))
	}
}

// receive checks a message, the cheap checks first.
func (m *Manager) receive(payload []byte) (notification, *fault) {
	switch {
	case len(payload) > maxPayload:
		return notification{}, refusal("a notification of %d bytes, AWS sends at most %d", len(payload), maxPayload)
	case !m.bucket.take():
		return notification{}, refusal("more than %d notifications at once, or one in %s", notifyBurst, notifyEvery)
	}
	return m.accepts.parse(payload)
}

// refuse tells of a notification that is not acted upon: the log now, and status
// while somebody may still wait for the tunnel.
func (m *Manager) refuse(f *fault) {
	m.quiet.warn(f.kind, "tunnel notification refused", "reason", f.detail)
	m.mu.Lock()
	m.counts.refused++
	m.mu.Unlock()
	m.blame(f)
}

// admit opens a tunnel for n, if n is new and there is room.
func (m *Manager) admit(ctx context.Context, n notification) {
	m.mu.Lock()
	if m.leaving {
		m.unopened = append(m.unopened, n)
		m.mu.Unlock()
		return
	}
	if m.seen.has(n.token) {
		m.mu.Unlock()
		m.o.Log.Debug("tunnel notification repeated", "services", n.services)
		return
	}
	others, pending := m.rivals(n)
	if others >= m.o.Tunnel.MaxConcurrent {
		m.mu.Unlock()
		m.refuse(refusal("%d tunnels are open, tunnel.max_concurrent allows no more", others))
		return
	}
	// Only now: a token refused for want of room is good for another delivery.
	m.seen.add(n.token)
	s := m.newSession(ctx, n)
	m.mu.Unlock()

	m.o.Log.Info("tunnel opening", "id", s.shown.ID, "services", n.services)
	for _, p := range pending {
		m.stop(p, errReplaced)
	}
}

// rivals counts the tunnels for other services and lists those for the same
// that are not connected yet: n's token is newer than theirs. One that is
// connected stays until n's tunnel is, see predecessors. A tunnel and its successor
// count as one. Called with m.mu held.
func (m *Manager) rivals(n notification) (others int, pending []*session) {
	keys := map[string]bool{}
	for _, s := range m.sessions {
		switch {
		case s.key() != n.key():
			keys[s.key()] = true
		case !s.everLive:
			pending = append(pending, s)
		}
	}
	return len(keys), pending
}

// newSession adds a session for n and starts it. Its time starts now, for a
// rotated token too: the message does not tell it from a new tunnel's, and AWS
// ends a rotated tunnel at its own time. Called with m.mu held.
func (m *Manager) newSession(ctx context.Context, n notification) *session {
	now := time.Now()
	s := &session{
		notification: n,
		creds:        credentials{access: n.token, client: randomHex(32)},
		terms:        terms(m.o, n),
		began:        now,
		shown: Tunnel{
			ID: m.newID(), Services: n.services, Since: now.UTC().Truncate(time.Second),
			State: StateConnecting, Detail: "looking up " + m.locator.host,
		},
	}
	m.run(ctx, s)
	return s
}

// run carries s, which is on the list from now on, until it is over or left.
// Called with m.mu held.
func (m *Manager) run(ctx context.Context, s *session) {
	ctx, end := context.WithCancelCause(ctx)
	ctx, stop := context.WithDeadlineCause(ctx, s.began.Add(m.o.Tunnel.MaxLifetime), errLifetime)
	s.end, s.done = end, make(chan struct{})
	m.sessions = append(m.sessions, s)
	m.running.Go(func() {
		defer close(s.done)
		defer end(nil)
		defer stop()
		e := m.carry(ctx, s)
		if e.left {
			m.leave(s)
			return
		}
		m.finish(s, e, time.Since(s.began))
	})
}

// newID returns an id short enough to type. Called with m.mu held.
func (m *Manager) newID() string {
	for {
		id := randomHex(3)
		if !slices.ContainsFunc(m.sessions, func(s *session) bool { return s.shown.ID == id }) {
			return id
		}
	}
}

// randomHex returns n random bytes as 2n characters, all of which are allowed
// in a client token.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}
