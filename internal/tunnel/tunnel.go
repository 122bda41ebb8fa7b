// Package tunnel is the stage "tunnel": it turns a notification of AWS IoT
// Secure Tunneling into a running localproxy, bounds what notifications can
// cost, and ends and reaps what it started.
//
// Every tunnel is a process of its own: this program's `localproxy` command or
// any that takes the reference program's options. Its access token is in its
// environment and nowhere else.
package tunnel

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// selfExe is this program's own image. The link leads to it even after an
// upgrade replaced or removed the file, so the child is never of another
// version than its parent.
const selfExe = "/proc/self/exe"

// Options are what the stage needs of the rest of the agent.
type Options struct {
	Thing, Region string
	Tunnel        config.Tunnel

	// Resolve asks the VPC resolver, through the link, for the addresses of a
	// host (a literal address is one too), says whether all of them are private,
	// and sees to it that private ones are routed through the link.
	Resolve func(ctx context.Context, host string) (addrs []netip.Addr, private bool, err error)
	// NameMissing reports whether err of Resolve means that the name does not
	// exist in the VPC (NXDOMAIN, NODATA), rather than silence.
	NameMissing func(err error) bool
	// LookupUplink asks the uplink's resolver. Used only with allow_public, when
	// the name is missing in the VPC; may be nil.
	LookupUplink func(ctx context.Context, host string) ([]netip.Addr, error)
	// LookupOS is what an external program will find; nil is the OS's resolver.
	LookupOS func(ctx context.Context, host string) ([]netip.Addr, error)
	// Device names the link's network device now; "" while there is none.
	Device func() string

	Executable string // the program whose `localproxy` command to run; "" is this one
	Owner      string // tells this agent's external programs from another's: its runtime directory
	Log        *slog.Logger
}

// Manager is the stage. Make it with New.
type Manager struct {
	o       Options
	accepts accepts
	locator *locator
	launch  launcher
	quiet   *quietLog
	bucket  bucket
	queue   chan notification
	changed chan struct{} // holds one token while something is to be shown

	mu       sync.Mutex
	sessions []*session // the oldest first
	seen     tokenMemory
	last     *Last
	trouble  *trouble
	counts   counts
	ran      bool           // Run was called
	leaving  bool           // sessions are left to the agent that takes over
	unopened []notification // came while leaving
	left     []heir         // sessions that were
	running  sync.WaitGroup // of sessions
	adopted  adopted
}

// New returns the stage for o, whose Tunnel must be valid.
func New(o Options) *Manager {
	if o.Executable == "" {
		o.Executable = selfExe
	}
	if o.LookupOS == nil {
		o.LookupOS = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	m := &Manager{
		o:       o,
		accepts: accepts{region: o.Region, services: o.Tunnel.Services},
		locator: newLocator(o),
		launch:  launch,
		quiet:   &quietLog{log: o.Log, kinds: map[string]*quiet{}},
		queue:   make(chan notification, queueLength),
		changed: make(chan struct{}, 1),
	}
	m.adopted.ctx, m.adopted.end = context.WithCancelCause(context.Background())
	return m
}

// String returns the stage's name.
func (m *Manager) String() string { return "tunnel" }

// Run opens a tunnel for each notification handed to Handle, until ctx ends.
// Then all tunnels are ended, and their processes are gone when Run returns.
func (m *Manager) Run(ctx context.Context, report status.Report) error {
	if !m.o.Tunnel.Enabled {
		report(status.Update{State: status.OK, Reason: status.ReasonDisabled, Detail: "by configuration", Facts: m.facts()})
		<-ctx.Done()
		return nil
	}
	m.locator.forget()
	m.begin()
	m.running.Go(func() { m.locator.prepare(ctx) })
	defer m.running.Wait()
	defer m.adopted.follow(ctx)()
	p := newPublisher(report)
	defer p.stop()
	for {
		p.offer(m.view())
		select {
		case n := <-m.queue:
			m.admit(ctx, n)
		case <-m.changed:
		case <-p.due():
		case <-ctx.Done():
			return nil
		}
	}
}

// begin ends what an agent that was killed left, before anything is opened.
func (m *Manager) begin() {
	m.mu.Lock()
	first := !m.ran
	m.ran = true
	m.mu.Unlock()
	if !first {
		return
	}
	if n := endLeftovers(m.o.Owner); n > 0 {
		m.o.Log.Warn("ended tunnel proxies that an earlier run left", "number", n)
	}
}

// List returns the tunnels that are open, connecting or closing, the oldest
// first.
func (m *Manager) List() []Tunnel {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Tunnel, 0, len(m.sessions))
	for _, s := range m.sessions {
		t := s.shown
		t.Services = slices.Clone(t.Services)
		list = append(list, t)
	}
	return list
}

// UnknownError says that no tunnel has this id.
type UnknownError struct{ ID string }

// Error implements error.
func (e *UnknownError) Error() string { return fmt.Sprintf("no tunnel has the id %q", e.ID) }

// Close ends a tunnel as its source would and returns when its process is gone.
// The error is an *UnknownError if there is no such tunnel, or ctx's.
func (m *Manager) Close(ctx context.Context, id string) error {
	s := m.find(id)
	if s == nil {
		return &UnknownError{ID: id}
	}
	m.stop(s, errClosed)
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for tunnel %s to end: %w", id, ctx.Err())
	}
}

// find returns the session with this id, or nil.
func (m *Manager) find(id string) *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.shown.ID == id {
			return s
		}
	}
	return nil
}

// stop asks s to end.
func (m *Manager) stop(s *session, cause error) {
	m.mu.Lock()
	s.shown.State, s.shown.Detail = StateClosing, cause.Error()
	m.mu.Unlock()
	s.end(cause)
	m.touch()
}

// touch has Run look at what there is to show.
func (m *Manager) touch() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// trouble is the last refusal or failure, for status.
type trouble struct {
	*fault
	at time.Time
}

// blame remembers f for status.
func (m *Manager) blame(f *fault) {
	m.mu.Lock()
	m.trouble = &trouble{f, time.Now()}
	m.mu.Unlock()
	m.touch()
}
