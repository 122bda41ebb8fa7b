// Package mqtt is the broker stage: one MQTT 3.1.1 session with AWS IoT Core
// over addresses that were proved private, for as long as the path holds.
//
// Each connection is a new paho client in a connect loop of this package; a
// wrapper around its socket makes up for what paho does not see (conn.go).
// Nothing is published, and no last will is set, unless a status topic is
// configured: on AWS a topic that the policy does not allow costs the connection.
package mqtt

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// Path is the way to the broker.
type Path interface {
	// Addresses returns the proved private addresses of the endpoint, and no other.
	Addresses() []netip.AddrPort
	// Dial connects to one of them through the link.
	Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
}

// Options are what a Session works with.
type Options struct {
	MQTT     config.MQTT
	Endpoint config.Endpoint
	Thing    string // AWS IoT thing name, for the notify topic
	Path     Path
	// Notify takes each message that comes in: tunnel notifications, by their
	// topic. It must not block. Nil: tunnels are disabled, nothing is subscribed.
	Notify func(topic string, payload []byte)
	// OwnLoss reports whether the path that was just lost went for a reason of this
	// device's own, such as a pulled cable, so that no fleet has lost it too. Nil: never.
	OwnLoss func() bool
	// KeptFile remembers from one start to the next that the broker keeps a session.
	// Empty: it is forgotten.
	KeptFile string
	Clock    *clock.Gate
	Board    *status.Board // what the status topic shows; used only if one is configured
	Log      *slog.Logger
}

// Session is the broker stage. Its methods are safe for concurrent use, except
// that Run must not be called while it runs.
type Session struct {
	o     Options
	live  atomic.Pointer[conn] // of the session, nil if there is none
	prove chan struct{}
	moved chan struct{}

	// Below: owned by Run, kept from one Run to the next.
	pace     *Pace
	rival    rival
	own      bool           // the path was lost for a reason of this device's own
	turn     int            // which address is next
	address  netip.AddrPort // the last that was tried
	connects int            // accepted since the daemon started
	expires  time.Time      // this device's certificate; zero: not read yet
	logged   string         // the fault that the log shows last
	keep     keep
	kept     kept
	muting   muting
}

// New returns a Session that does nothing until Run.
func New(o Options) *Session {
	s := &Session{o: o, pace: NewPace(o.MQTT.ClientID, o.MQTT.Fleet, nil), prove: make(chan struct{}, 1), moved: make(chan struct{}, 1)}
	s.kept = kept{file: o.KeptFile, line: o.MQTT.ClientID + " " + o.Endpoint.Host + "\n"}
	s.keep.kept = s.kept.load()
	return s
}

// String returns the stage's name.
func (s *Session) String() string { return "broker" }

// Alive returns when the last byte came in from the broker, zero if there is no
// session.
func (s *Session) Alive() time.Time {
	if c := s.live.Load(); c != nil {
		return c.lastHeard()
	}
	return time.Time{}
}

// Prove starts a PINGREQ round trip, because the path was in doubt: without an
// answer within 5 s the session ends. Without a session it ends a pause that
// was for the path's sake. It never blocks.
func (s *Session) Prove() { signal(s.prove) }

// Recheck looks at Path's addresses again and ends the session if its own is no
// longer one of them. To be called whenever they have changed. It never blocks.
func (s *Session) Recheck() { signal(s.moved) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run connects, and keeps connecting, until ctx ends. It then takes leave of
// the broker within half a second.
func (s *Session) Run(ctx context.Context, report status.Report) error {
	s.pace.Resume(time.Now(), s.own)
	defer func() { s.own = s.o.OwnLoss != nil && s.o.OwnLoss() }()
	report(s.beginning())
	for s.pace.wait(ctx, s.pace.Next(time.Now()), s.prove, s.moved) {
		f, lived := s.once(ctx, report)
		if ctx.Err() != nil {
			break
		}
		if f.byBroker {
			s.pace.Began(time.Now()) // if another device did it, its CONNECT was just now
		}
		f = s.rival.ended(f, lived, s.o.MQTT.ClientID)
		s.pace.Failed(time.Now(), f.retry, lived)
		facts := s.facts()
		facts["retry_at"] = s.pace.Next(time.Now()).UTC().Round(time.Second)
		report(f.update(facts))
		s.log(f)
	}
	return nil
}

// beginning is what the stage says until its first attempt has come to something.
func (s *Session) beginning() status.Update {
	u := status.Update{
		State: status.Starting, Reason: status.ReasonConnecting,
		Detail: "to " + s.o.Endpoint.Host, Facts: s.facts(),
	}
	if at := s.pace.due; !at.IsZero() {
		u.Detail += fmt.Sprintf(", in turn with a fleet of %d (mqtt.fleet): at %s", s.o.MQTT.Fleet, at.Format(time.TimeOnly))
		u.Facts["retry_at"] = at.UTC().Round(time.Second)
	}
	return u
}

// once makes one attempt and, if it succeeds, stays for the whole session. It
// returns why that ended and for how long the session had carried the path.
func (s *Session) once(ctx context.Context, report status.Report) (*fault, time.Duration) {
	if err := checkClientID(s.o.MQTT.ClientID); err != nil {
		return &fault{reason: status.ReasonRefused, detail: err.Error(), retry: RetryLocal}, 0
	}
	id, fault := s.identify(time.Now())
	if fault != nil {
		return fault, 0
	}
	s.pace.Began(time.Now())
	c, fault := s.dial(ctx, id)
	if fault != nil {
		return fault, 0
	}
	l, fault := s.open(ctx, c, id, report)
	s.pace.Began(c.connectSent())
	if fault != nil {
		return fault, 0
	}
	s.live.Store(c)
	defer s.live.Store(nil)
	fault = l.run(ctx)
	return fault, l.lived()
}

// facts are the figures that hold with and without a session.
func (s *Session) facts() status.Facts {
	f := status.Facts{
		"client_id":    s.o.MQTT.ClientID,
		"keep_alive_s": int(s.o.MQTT.KeepAlive / time.Second),
		"connects":     s.connects,
	}
	if s.address.IsValid() {
		f["address"] = s.address.String()
	}
	if !s.expires.IsZero() {
		f["cert_expires"] = s.expires.UTC().Format(time.RFC3339)
	}
	return f
}

// notifyTopic is where AWS announces a tunnel.
// https://docs.aws.amazon.com/iot/latest/developerguide/secure-tunneling-concepts.html
func (s *Session) notifyTopic() string { return "$aws/things/" + s.o.Thing + "/tunnels/notify" }

// deliver passes a message on. Paho calls it in order, outside its router's lock.
func (s *Session) deliver(_ paho.Client, m paho.Message) {
	if s.o.Notify == nil {
		return // kept by the broker for a session that once had tunnels enabled
	}
	s.o.Notify(m.Topic(), bytes.Clone(m.Payload()))
}

// gone reports whether the address in use is no longer proved.
func (s *Session) gone() bool { return !slices.Contains(s.o.Path.Addresses(), s.address) }

// log writes a fault once, not at each attempt that ends the same way.
func (s *Session) log(f *fault) {
	if line := string(f.reason) + ": " + f.detail; line != s.logged {
		s.logged = line
		s.o.Log.Warn("no broker session", "reason", f.reason, "detail", f.detail)
	}
}
