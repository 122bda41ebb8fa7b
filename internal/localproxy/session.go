package localproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// session is one WebSocket to the service with all that hangs on it. Nothing of
// the tunnel's streams outlives it: the service resets them for the other side
// when this one connects anew.
//
// Its goroutines: the reading one (run), which never waits for anything but
// the service, the clock and a full connection; the uplink's, which is the only
// one that writes; watch; and one or two for each connection.
type session struct {
	cfg    *Config
	link   *link
	out    *uplink
	form   form // what the subprotocol knows
	locals *locals
	meter  *meter
	log    *slog.Logger
	dial   func(context.Context, Destination) (local, error)

	// The end.
	done    chan struct{}
	fatal   chan error // holds one: what watch is to end the session with
	ending  sync.Once
	cause   error // why done was closed
	holding atomic.Bool
	held    *time.Timer

	// Locked before any connection's mutex, never after it.
	mu        sync.Mutex
	available []string // what the tunnel was opened for; nil until told
	sole      string   // the service that a message without one means
	soleKnown bool
	streams   map[string]*stream // by service; a stream without connections keeps its id
	live      atomic.Int32       // connections in streams; read without mu
}

func newSession(cfg *Config, l *link, locals *locals, m *meter) *session {
	s := &session{
		cfg:     cfg,
		link:    l,
		form:    subprotocolForm(l.accepted.subprotocol),
		locals:  locals,
		meter:   m,
		log:     cfg.Log.With("channel", l.accepted.channel),
		dial:    cfg.dialLocal,
		done:    make(chan struct{}),
		fatal:   make(chan error, 1),
		held:    time.NewTimer(0),
		streams: map[string]*stream{},
	}
	s.out = newUplink(l, cfg.Policy.MaxConnections, s.done)
	s.setAvailable(nil)
	l.reader.control = s.control
	return s
}

// errStopped means that the session was asked to end.
var errStopped = errors.New("asked to stop")

// run serves the session until it ends and says why. All it started has ended
// when it returns, except connections that still hand over what they have.
func (s *session) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(s.watch)
	wg.Go(func() {
		if err := s.out.run(); err != nil {
			s.end(err)
		}
	})
	stop := context.AfterFunc(ctx, s.stop)
	defer stop()
	// Where stop has ended the session, read returns on the service's answer,
	// and this end comes too late to count.
	s.end(s.read())
	s.link.drain()
	s.closeAll("the tunnel was lost")
	return s.cause
}

// end ends the session; the first cause counts. Where the service may still be
// listening it is told why, and given a moment to answer.
func (s *session) end(cause error) {
	s.ending.Do(func() {
		s.cause = cause
		var closed *closedError
		if errors.Is(cause, errProtocol) || errors.As(cause, &closed) {
			s.farewell(closeNote(cause))
		} else {
			s.link.cut()
		}
		close(s.done)
	})
}

// read is the session's main loop: it reads, parses and acts. All that is whole
// is acted on before the next read, for then the buffer is used again.
func (s *session) read() error {
	p := newParser()
	var m message
	for {
		n, err := s.link.reader.Read(p.space())
		p.filled(n)
		for more := true; more; {
			var parseErr error
			if more, parseErr = p.next(&m); parseErr != nil {
				return fmt.Errorf("%w: %w", errProtocol, parseErr)
			}
			if more {
				if err := s.handle(&m); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return fmt.Errorf("reading from the service: %w", err)
		}
	}
}

// handle acts on one message. Its error ends the session.
func (s *session) handle(m *message) error {
	switch m.kind {
	case kindData, kindStreamStart, kindStreamReset, kindConnectionStart, kindConnectionReset:
		// It cannot be answered either: no client may send stream 0.
		if m.stream == 0 {
			s.log.Warn("ignoring a message for stream 0, which cannot be", "type", m.kind)
			return nil
		}
		s.handleStream(m)
	case kindSessionReset:
		s.log.Info("the service reset the session")
		s.closeAll("the service reset the session")
	case kindServiceIDs:
		s.setServices(m.available)
	default:
		if !m.ignorable {
			return fmt.Errorf("%w: message type %d is unknown and not ignorable", errProtocol, m.kind)
		}
		s.log.Debug("ignoring a message of unknown type", "type", m.kind)
	}
	return nil
}

func (s *session) handleStream(m *message) {
	switch m.kind {
	case kindData:
		s.data(m)
	case kindStreamStart, kindConnectionStart:
		s.start(m)
	case kindStreamReset:
		s.resetStream(m)
	case kindConnectionReset:
		s.resetConnection(m)
	}
}

// setServices takes the list of services the tunnel was opened for. A repeated
// list changes nothing. A service without a destination is no reason to end, as
// it is for the reference program: the others are still of use.
func (s *session) setServices(available []string) {
	s.mu.Lock()
	same := s.available != nil && slices.Equal(s.available, available)
	s.mu.Unlock()
	if same {
		return
	}
	s.setAvailable(available)
	s.log.Info("the tunnel's services", "services", available)
	for _, name := range available {
		if _, ok := s.cfg.Destinations.find(name, available); !ok {
			s.log.Warn("no destination for a service of the tunnel: its connections will be refused", "service", name)
		}
	}
	shown := make([]string, len(available))
	for i, name := range available {
		shown[i] = printable(name)
	}
	s.cfg.Events(Event{Event: EventServices, Services: shown})
}

// setAvailable also decides, once and not for every message, which service a
// v1 peer means.
func (s *session) setAvailable(available []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.available = available
	s.sole, s.soleKnown = s.cfg.Destinations.sole(available)
}

// control acts on a WebSocket control frame.
func (s *session) control(op opcode, payload []byte) error {
	if op == opPing {
		return s.out.post(note{op: opPong, payload: append([]byte(nil), payload...)})
	}
	return nil // a pong counts as a sign of life like any byte
}
