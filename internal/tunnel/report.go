package tunnel

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"edgeagent/internal/status"
)

// Last is the fact "last": the tunnel that ended last.
type Last struct {
	Services []string  `json:"services"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	BytesIn  int64     `json:"bytes_in"`
	BytesOut int64     `json:"bytes_out"`
	Reason   string    `json:"reason"` // why it ended
}

// newLast is t after it has ended.
func newLast(t Tunnel, until time.Time, why string) *Last {
	return &Last{
		Services: t.Services, Since: t.Since, Until: until.UTC().Truncate(time.Second),
		BytesIn: t.BytesIn, BytesOut: t.BytesOut, Reason: why,
	}
}

// openFact is an entry of the fact "open".
type openFact struct {
	ID       string    `json:"id"`
	Services []string  `json:"services"`
	Since    time.Time `json:"since"`
	BytesIn  int64     `json:"bytes_in"`
	BytesOut int64     `json:"bytes_out"`
}

// facts returns what scripts read. Lists are never null: scripts iterate.
func (m *Manager) facts() status.Facts {
	open := []openFact{}
	for _, t := range m.List() {
		open = append(open, openFact{t.ID, t.Services, t.Since, t.BytesIn, t.BytesOut})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return status.Facts{
		"open": open, "last": m.last,
		"opened": m.counts.opened, "failed": m.counts.failed, "refused": m.counts.refused,
	}
}

// counts are since the daemon started.
type counts struct {
	opened  int // tunnels that got through to their source
	failed  int // tunnels that a fault ended, or kept from opening
	refused int // notifications that were not acted upon
}

// view is what the stage says of itself now.
func (m *Manager) view() status.Update {
	u := m.condition()
	u.Facts = m.facts()
	return u
}

// condition decides between open, idle and a fault that a field tech should
// see. A refusal breaks nothing: it is shown as degraded for a while, so that
// somebody who waits for a tunnel finds the reason, and then as a remark.
func (m *Manager) condition() status.Update {
	missing := missingProgram(m.o.Tunnel)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch t := m.trouble; {
	case len(m.sessions) > 0:
		return m.open()
	case missing != nil:
		return status.Update{
			State: status.Down, Reason: status.ReasonProxyMissing, Detail: missing.Error(), Idle: true,
			Hint: fmt.Sprintf("install %s and make it executable, or set `tunnel.proxy: builtin`.", m.o.Tunnel.Proxy),
		}
	case t != nil && time.Since(t.at) < faultShown:
		return status.Update{State: status.Degraded, Reason: t.reason, Detail: t.remark(), Hint: t.hint, Idle: true}
	}
	return status.Update{State: status.OK, Reason: status.ReasonIdle, Detail: m.idle(), Idle: true}
}

// idle is "idle; last SSH 2026-11-20 08:30, 4 min", and a refusal of late.
func (m *Manager) idle() string {
	parts := []string{"idle"}
	if l := m.last; l != nil {
		last := fmt.Sprintf("last %s %s, %s", strings.Join(l.Services, ","),
			l.Since.Local().Format("2006-01-02 15:04"), status.Age(l.Until.Sub(l.Since)))
		if l.Reason == errPath.Error() {
			last += ", until the private path was lost" // nobody hung up: open it again
		}
		parts = append(parts, last)
	}
	if t := m.trouble; t != nil && time.Since(t.at) < faultRemembered {
		parts = append(parts, t.remark())
	}
	return strings.Join(parts, "; ")
}

// remark is the trouble in a line with others. The time tells whether it is the
// one that somebody just saw.
func (t *trouble) remark() string { return t.at.Local().Format("15:04") + " " + t.detail }

// open describes the sessions. One that cannot reach the service for a while is
// a fault, and so is one whose process has just failed, though the next attempt
// may succeed.
func (m *Manager) open() status.Update {
	u := status.Update{State: status.OK, Reason: status.ReasonOpen}
	var parts []string
	for _, s := range m.sessions {
		parts = append(parts, s.describe())
		if f := s.failing; f != nil && s.shown.State != StateClosing {
			u.State, u.Reason, u.Hint = status.Degraded, f.reason, f.hint
		}
		if !s.live && !s.lostAt.IsZero() && s.shown.State != StateClosing && time.Since(s.lostAt) >= connectPatience {
			u.State, u.Reason = status.Degraded, status.ReasonUnreachable
		}
	}
	if t := m.trouble; t != nil && time.Since(t.at) < faultShown {
		parts = append(parts, t.remark())
	}
	u.Detail = strings.Join(parts, "; ")
	return u
}

// describe is "SSH, 3 min, 1.2 MB in, 0.3 MB out" or why it is not so.
func (s *session) describe() string {
	t := s.shown
	name := strings.Join(t.Services, ",")
	switch {
	case t.State == StateConnecting && t.Detail == "":
		return name + ", connecting"
	case t.State == StateConnecting:
		return name + ", connecting: " + t.Detail
	case t.State == StateClosing:
		return name + ", closing"
	}
	text := fmt.Sprintf("%s, %s, %s in, %s out", name, status.Age(time.Since(t.Since)), size(t.BytesIn), size(t.BytesOut))
	if t.Detail != "" {
		text += " (" + t.Detail + ")"
	}
	return text
}

// publisher reports what changed: a new state at once, figures at most once
// every reportEvery. Only Run uses it.
type publisher struct {
	report status.Report
	timer  *time.Timer
	at     time.Time // of the last report
	said   status.Update
}

// newPublisher returns a publisher that has said nothing yet.
func newPublisher(report status.Report) *publisher {
	return &publisher{report: report, timer: time.NewTimer(refreshEvery)}
}

// due fires when offer should be called though nothing happened: ages grow,
// refusals are forgotten, a missing program comes back.
func (p *publisher) due() <-chan time.Time { return p.timer.C }

// stop releases the timer.
func (p *publisher) stop() { p.timer.Stop() }

// offer reports u, now or when it is due, unless it is what was said last.
func (p *publisher) offer(u status.Update) {
	p.timer.Reset(refreshEvery)
	if reflect.DeepEqual(u, p.said) {
		return
	}
	newState := u.State != p.said.State || u.Reason != p.said.Reason
	if wait := reportEvery - time.Since(p.at); !newState && wait > 0 {
		p.timer.Reset(wait)
		return
	}
	p.at, p.said = time.Now(), u
	p.report(u)
}
