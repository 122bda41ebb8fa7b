package localproxy

import "fmt"

// stream is a service's current stream. It outlives its connections, so that
// what is still on its way for them is known to be stale, and so that new ones
// can be started on it.
type stream struct {
	id          int32
	connections map[uint32]*connection
}

// canonical returns the service that a message is about.
func (s *session) canonical(service []byte) (name string, ok bool) {
	if len(service) == 0 {
		return s.sole, s.soleKnown
	}
	return string(service), true
}

// lookup returns the stream of m's service, and no stream if m is about
// another one than the current. The caller holds s.mu.
func (s *session) lookup(m *message) *stream {
	var st *stream
	if len(m.service) == 0 {
		st = s.streams[s.sole]
	} else {
		st = s.streams[string(m.service)] // does not allocate
	}
	if st == nil || st.id != m.stream {
		return nil
	}
	return st
}

// connectionID is m's connection; a peer that names none means the first.
func (m *message) connectionID() uint32 { return max(m.connection, 1) }

// data hands a payload to its connection. What belongs to none is stale.
func (s *session) data(m *message) {
	s.mu.Lock()
	var c *connection
	if st := s.lookup(m); st != nil {
		c = st.connections[m.connectionID()]
	} else {
		s.orphan(m)
	}
	s.mu.Unlock()
	if c != nil && len(m.payload) > 0 {
		c.deliver(m.payload)
	}
}

// orphan answers data for a service that has had no stream in this session:
// its source has not noticed that this side has connected anew, and would wait
// for ever. The caller holds s.mu.
func (s *session) orphan(m *message) {
	name, known := s.canonical(m.service)
	if !known || s.streams[name] != nil {
		return
	}
	s.log.Info("resetting a stream from before this connection", "service", name, "stream", m.stream)
	s.streams[name] = &stream{id: m.stream} // answered once
	// Without a connection it is a STREAM_RESET, for all that the source has.
	s.postReset(address{form: form{service: len(m.service) > 0}.limit(s.form), service: string(m.service), stream: m.stream})
}

// start opens a connection. A STREAM_START with a new id replaces the
// service's stream; a CONNECTION_START joins the current stream, or begins one
// if there is none with connections.
func (s *session) start(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := address{
		form:       form{len(m.service) > 0, m.connection > 0}.limit(s.form),
		service:    string(m.service),
		stream:     m.stream,
		connection: m.connectionID(),
	}
	name, known := s.canonical(m.service)
	dest, found := s.cfg.Destinations.find(name, s.available)
	if !known || !found {
		s.refuse(a, fmt.Sprintf("no destination for service %q", name))
		return
	}
	st := s.streams[name]
	switch {
	case st == nil || st.connections == nil ||
		st.id != m.stream && (m.kind == kindStreamStart || len(st.connections) == 0):
		st = s.replace(name, st, m.stream)
	case st.id != m.stream:
		s.refuse(a, "for a stream that is not the current one")
		return
	}
	// The source knows best which of its connections are over.
	if old := st.connections[a.connection]; old != nil {
		s.remove(old)
		old.finish("replaced by the source")
	}
	s.open(name, st, a, dest)
}

// replace makes a new stream the service's current one.
func (s *session) replace(name string, old *stream, id int32) *stream {
	if old != nil {
		s.closeStream(old, "replaced by a new stream")
	}
	st := &stream{id: id, connections: map[uint32]*connection{}}
	s.streams[name] = st
	return st
}

// open starts one connection. The caller holds s.mu.
func (s *session) open(name string, st *stream, a address, dest Destination) {
	c := newConnection(s, name, st, a, dest)
	if !s.locals.add(c) {
		s.refuse(a, "too many connections")
		return
	}
	st.connections[a.connection] = c
	s.live.Add(1)
	go c.run()
}

// refuse answers a start with a reset, so that the source's client does not
// wait for one that will never come.
func (s *session) refuse(a address, why string) {
	service := printable(a.service) // nobody has checked it
	s.log.Warn("refusing a connection", "service", service, "stream", a.stream, "connection", a.connection, "reason", why)
	s.cfg.Events(Event{Event: EventStreamClosed, Service: service, Connection: a.connection, Reason: printable(why)})
	s.postReset(a)
}

// postReset queues a reset. Too many of them end the session, but not from
// here: the caller holds locks.
func (s *session) postReset(a address) {
	if err := s.out.post(note{reset: a}); err != nil {
		select {
		case s.fatal <- err:
		default: // it ends already
		}
	}
}

// resetStream closes every connection of a service, if it means the current
// stream.
func (s *session) resetStream(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.lookup(m); st != nil {
		s.closeStream(st, "closed by the source")
	}
}

// resetConnection closes one connection, if it means the current stream.
func (s *session) resetConnection(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.lookup(m)
	if st == nil {
		return
	}
	if c := st.connections[m.connectionID()]; c != nil {
		s.remove(c)
		c.finish("closed by the source")
	}
}

// closeStream finishes every connection of st. The caller holds s.mu.
func (s *session) closeStream(st *stream, reason string) {
	for _, c := range st.connections {
		s.remove(c)
		c.finish(reason)
	}
}

// closeAll finishes every connection and returns where they were.
func (s *session) closeAll(reason string) []address {
	s.mu.Lock()
	defer s.mu.Unlock()
	var were []address
	for _, st := range s.streams {
		for _, c := range st.connections {
			were = append(were, c.addr)
		}
		s.closeStream(st, reason)
	}
	return were
}

// remove takes c out of its stream and reports whether it still was there.
// The caller holds s.mu.
func (s *session) remove(c *connection) bool {
	if c.stream.connections[c.addr.connection] != c {
		return false
	}
	delete(c.stream.connections, c.addr.connection)
	s.live.Add(-1)
	return true
}

// drop is remove for a connection's own goroutines.
func (s *session) drop(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(c)
}

// alone reports whether no other connection would wait for this one.
func (s *session) alone() bool { return s.live.Load() <= 1 }
