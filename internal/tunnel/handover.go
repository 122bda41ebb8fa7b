package tunnel

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"syscall"
	"time"

	"edgeagent/internal/handover"
)

// Handover is what goes on while the agent is replaced: open tunnels with their
// processes, and what is remembered of others. It holds the tunnels' tokens.
type Handover struct {
	Sessions []heir       `json:"sessions"`
	Queue    []heirNotice `json:"queue"` // notifications that nobody has looked at yet
	Seen     [][]byte     `json:"seen"`  // hashes of tokens
	Last     *Last        `json:"last"`
}

// heirNotice is a notification on its way to the next agent.
type heirNotice struct {
	Token    string   `json:"token"`
	Services []string `json:"services"`
	Nameless bool     `json:"nameless"`
}

// heir is a session on its way to the next agent.
type heir struct {
	heirNotice
	Client      string           `json:"client"`
	Terms       string           `json:"terms"`
	Lived       time.Duration    `json:"lived_ns"`
	Shown       Tunnel           `json:"shown"`
	In          int64            `json:"in"`
	Out         int64            `json:"out"`
	Live        bool             `json:"live"`
	EverLive    bool             `json:"ever_live"`
	Connections []heirConnection `json:"connections"`
	Proxy       *proxyHeir       `json:"proxy"` // nil: no process ran at that moment
}

// heirConnection counts the local connections of one number.
type heirConnection struct {
	Service string `json:"service"`
	Number  int64  `json:"number"`
	Count   int    `json:"count"`
}

// proxyHeir is a proxy process that runs without being watched.
type proxyHeir struct {
	PID     int           `json:"pid"`
	Started uint64        `json:"started"`
	Lived   time.Duration `json:"lived_ns"`
	Builtin bool          `json:"builtin"`
	Output  int           `json:"output"` // descriptors
	Events  int           `json:"events"`
	// What was read of a line that had not ended.
	OutputRest []byte `json:"output_rest"`
	EventsRest []byte `json:"events_rest"`
}

// FDs returns the descriptors in h.
func (h *Handover) FDs() []int {
	var fds []int
	for _, s := range h.sessions() {
		if s.Proxy != nil {
			fds = append(fds, s.Proxy.Output, s.Proxy.Events)
		}
	}
	return fds
}

// PIDs returns the processes in h.
func (h *Handover) PIDs() []int {
	var pids []int
	for _, s := range h.sessions() {
		if s.Proxy != nil {
			pids = append(pids, s.Proxy.PID)
		}
	}
	return pids
}

func (h *Handover) sessions() []heir {
	if h == nil {
		return nil
	}
	return h.Sessions
}

// leave returns r for the next agent. What has ended meanwhile is a zombie
// there, and is found so.
func (r *running) leave() exit {
	h := &proxyHeir{
		Output: handover.None, Events: handover.None,
		PID: r.process.PID, Started: r.process.Started, Lived: time.Since(r.begun), Builtin: r.builtin,
		OutputRest: r.output.rest, EventsRest: r.events.rest,
	}
	var err error
	if h.Output, err = handover.Dup(r.output.file); err == nil {
		h.Events, err = handover.Dup(r.events.file)
	}
	if err == nil {
		return exit{left: h}
	}
	// Without its pipes it cannot be carried on.
	handover.Close(h.Output, h.Events)
	endGroup(r.process)
	_ = syscall.Kill(-r.process.PID, syscall.SIGKILL)
	r.process.Reap()
	return exit{err: err}
}

// adopt takes the process over.
func (h *proxyHeir) adopt() (*running, error) {
	r := &running{begun: time.Now().Add(-h.Lived), builtin: h.Builtin}
	r.output.rest, r.events.rest = h.OutputRest, h.EventsRest
	var err error
	if r.output.file, err = handover.Open(h.Output, "proxy's output"); err != nil {
		handover.Close(h.Output, h.Events)
		return nil, err
	}
	if r.events.file, err = handover.Open(h.Events, "proxy's events"); err != nil {
		r.output.file.Close()
		handover.Close(h.Events)
		return nil, err
	}
	if r.process, err = handover.Adopt(h.PID, h.Started); err != nil {
		r.output.file.Close()
		r.events.file.Close()
		return nil, err
	}
	return r, nil
}

// terms is equal for configurations under which a tunnel may go on as it is.
func terms(o Options, n notification) string {
	public := "private"
	if o.Tunnel.AllowPublic {
		public = "public"
	}
	return strings.Join([]string{o.Thing, o.Region, o.Tunnel.Proxy, o.Tunnel.Endpoint, o.Tunnel.CA, public, destinations(o, n)}, "\n")
}

// Leave lets go of all sessions: they and their processes go on, and Settle
// tells of them. Notifications that come later wait for the next agent.
func (m *Manager) Leave() {
	m.mu.Lock()
	m.leaving = true
	sessions := slices.Clone(m.sessions)
	m.mu.Unlock()
	for _, s := range sessions {
		s.end(errLeft)
	}
}

// leave takes s off the list, for Settle.
func (m *Manager) leave(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions = slices.DeleteFunc(m.sessions, func(o *session) bool { return o == s })
	m.left = append(m.left, s.bequeath())
}

// bequeath is s for the next agent.
func (s *session) bequeath() heir {
	h := heir{
		heirNotice: heirNotice{s.token, s.services, s.nameless}, Client: s.creds.client, Terms: s.terms,
		Lived: time.Since(s.began), Shown: s.shown, In: s.in, Out: s.out, Live: s.live, EverLive: s.everLive, Proxy: s.heir,
	}
	for c, n := range s.connections {
		h.Connections = append(h.Connections, heirConnection{c.service, c.number, n})
	}
	return h
}

// Settle is called after the last Run. After Leave it returns what goes on;
// else it ends what was adopted and never came to a Run.
func (m *Manager) Settle() *Handover {
	m.adopted.end(errPath)
	m.running.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.leaving {
		return nil
	}
	// In the order in which they were opened, not in that of their leaving.
	slices.SortFunc(m.left, func(a, b heir) int { return cmp.Compare(b.Lived, a.Lived) })
	h := &Handover{Sessions: m.left, Seen: m.seen.list(), Last: m.last}
	for _, n := range m.unopened {
		h.Queue = append(h.Queue, heirNotice{n.token, n.services, n.nameless})
	}
	for len(m.queue) > 0 {
		n := <-m.queue
		h.Queue = append(h.Queue, heirNotice{n.token, n.services, n.nameless})
	}
	return h
}

// adopted are sessions from before. They need no path to be opened on, so they
// are watched over before the first Run, which then decides over them.
type adopted struct {
	ctx context.Context
	end context.CancelCauseFunc
}

// follow has them end with ctx. The returned function ends that.
func (a *adopted) follow(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { a.end(errPath) })
}

// Adopt takes over what Settle returned, before the first Run. Tunnels that the
// configuration now has otherwise are ended; so are all if there is no path for
// them before long, see Abandon.
func (m *Manager) Adopt(h *Handover) {
	if h == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen.learn(h.Seen)
	m.last = h.Last
	for _, n := range h.Queue[:min(len(h.Queue), queueLength)] {
		m.queue <- n.notification()
	}
	for _, heir := range h.Sessions {
		m.inherit(heir)
	}
	if len(m.sessions) > 0 {
		time.AfterFunc(adoptPatience, m.impatient)
	}
}

// inherit takes over one session. Called with m.mu held.
func (m *Manager) inherit(h heir) {
	s := &session{
		notification: h.notification(), creds: credentials{h.Token, h.Client}, terms: h.Terms,
		began: time.Now().Add(-h.Lived), shown: h.Shown, in: h.In, out: h.Out, live: h.Live, everLive: h.EverLive,
		heir: h.Proxy, connections: map[connection]int{},
	}
	for _, c := range h.Connections[:min(len(h.Connections), maxConnections)] {
		s.connections[connection{c.Service, c.Number}] = c.Count
	}
	if !s.live {
		s.lostAt = time.Now()
	}
	m.run(m.adopted.ctx, s)
	now := ""
	if _, known := m.o.Tunnel.Services[s.services[0]]; known && m.o.Tunnel.Enabled {
		now = terms(m.o, s.notification)
	}
	if s.terms != now {
		s.shown.State, s.shown.Detail = StateClosing, errChanged.Error()
		s.end(errChanged)
		return
	}
	m.o.Log.Info("tunnel taken over", "id", s.shown.ID, "services", s.services)
}

func (n heirNotice) notification() notification {
	return notification{token: n.Token, services: n.Services, nameless: n.Nameless}
}

// takeHeir returns the process that runs for s already, once.
func (m *Manager) takeHeir(s *session) *proxyHeir {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := s.heir
	s.heir = nil
	return h
}

// Abandon ends the adopted tunnels: the path that they used is not there.
func (m *Manager) Abandon() { m.adopted.end(errPath) }

// impatient ends the adopted tunnels unless a Run has taken charge.
func (m *Manager) impatient() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ran {
		m.Abandon()
	}
}
