package vpn

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// Pauses before a link whose run ended by itself is run again.
const memberPause, memberPauseMax = time.Second, 30 * time.Second

// member is one of several links. Its fields are guarded by Links.mu.
type member struct {
	link config.Link
	run  carrier
	lane *lane

	update status.Update
	usable time.Time // since when; zero: it is not
	chosen time.Time // when it became the one that carries
	back   bool      // by failing back
	hold   time.Duration
	well   bool // it was usable before
	backs  int  // how often it has become usable again

	awake  bool               // it is to run
	wanted chan struct{}      // awake has changed
	cancel context.CancelFunc // of the run; nil: there is none
}

// costly reports whether a link costs something by just being up.
func (m *member) costly() bool { return m.link.Type == config.LinkOpenVPN && m.link.Metered }

// ready reports whether m can be expected to carry as soon as it is asked to:
// it has proved it, or it is a metered standby whose device is as it should be.
func (m *member) ready() bool {
	return !m.usable.IsZero() || m.update.Reason == status.ReasonStandby && m.cancel != nil
}

// hopeful reports whether it is not known yet what comes of m.
func (m *member) hopeful() bool {
	return m.update.State == "" || m.update.State == status.Starting
}

// keep runs one link while it is wanted. What ends one does not touch the others.
func (l *Links) keep(ctx context.Context, m *member) {
	pause := memberPause
	for {
		runCtx, ok := l.await(ctx, m)
		if !ok {
			return
		}
		began := time.Now()
		err := m.run.Run(runCtx, func(u status.Update) { l.take(runCtx, m, u) })
		unwanted := runCtx.Err() != nil
		if time.Since(began) > memberPauseMax || unwanted {
			pause = memberPause
		}
		l.ended(m, unwanted, err, pause)
		if unwanted {
			continue
		}
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
		}
		pause = min(2*pause, memberPauseMax)
	}
}

// await waits until m is to run and returns the context of that run.
func (l *Links) await(ctx context.Context, m *member) (context.Context, bool) {
	for {
		l.mu.Lock()
		if ctx.Err() == nil && m.awake {
			runCtx, cancel := context.WithCancel(ctx)
			m.cancel = cancel
			l.mu.Unlock()
			return runCtx, true
		}
		l.mu.Unlock()
		select {
		case <-m.wanted:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// ended takes in that a run is over.
func (l *Links) ended(m *member, unwanted bool, err error, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.cancel()
	m.cancel = nil
	u := asleep(m)
	if !unwanted {
		if err == nil {
			err = errors.New("it ended without saying why")
		}
		l.o.Log.Error("link gave up", "link", m.link.Name, "err", err, "again_in", pause)
		u = status.Update{State: status.Down, Reason: status.ReasonInternal, Detail: m.link.Name + ": " + err.Error()}
		if errors.Is(err, errStartOver) {
			u.Reason = status.ReasonRecovering
		}
	}
	l.note(time.Now(), m, u)
}

// asleep is the condition of a link that is not run.
func asleep(m *member) status.Update {
	return status.Update{
		State: status.Waiting, Reason: status.ReasonStandby,
		Detail: m.link.Name + " (" + m.link.Type + "): not dialled before it is needed, as it is metered",
	}
}

// take takes in what a link says of itself. The words of a run that was ended
// count no more.
func (l *Links) take(run context.Context, m *member, u status.Update) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if run.Err() == nil {
		l.note(time.Now(), m, u)
	}
}

// note keeps a link's condition and decides what follows from it, before the
// link goes on.
func (l *Links) note(now time.Time, m *member, u status.Update) {
	if u.Facts == nil {
		u.Facts = m.update.Facts
	}
	m.update = u
	switch up := u.State.Usable(); {
	case up && m.usable.IsZero():
		m.usable = now
		if m.well {
			m.backs++
		}
		m.well = true
	case !up && !m.usable.IsZero():
		m.usable = time.Time{}
		if l.front == m {
			l.lost = now
			m.learn(now)
		}
	}
	l.decide(now)
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// learn makes the hold longer for a link that was failed back to too early, and
// forgets about that once it has carried for long.
func (m *member) learn(now time.Time) {
	switch {
	case now.Sub(m.chosen) >= quietAfter:
		m.hold = holdBase
	case m.back:
		m.hold = min(2*m.hold, holdMax)
	}
}
