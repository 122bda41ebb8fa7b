package localproxy

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
)

// peer is the service's end of a session over net.Pipe, for tests in a
// synctest bubble. It speaks WebSocket and the protocol by hand.
type peer struct {
	t     *testing.T
	conn  net.Conn
	out   chan []byte
	gone  chan struct{} // closed when nothing more is written
	ended chan struct{} // closed when nothing more is read

	mu       sync.Mutex
	cond     *sync.Cond
	messages []message
	closing  []byte // payload of the client's close frame
	pings    int
	mute     bool // answers no pings
	over     bool
	gate     <-chan struct{} // nothing is read until it is closed
	session  *session
}

// startSession runs a session whose destinations dial makes. The subprotocol
// is v3.
func startSession(t *testing.T, destinations string, policy Policy,
	dial func(context.Context, Destination) (local, error)) (*peer, *sessionRun) {

	t.Helper()
	here, there := net.Pipe()
	p := &peer{t: t, conn: there, out: make(chan []byte), gone: make(chan struct{}), ended: make(chan struct{})}
	p.cond = sync.NewCond(&p.mu)
	l := newLink(&coalescer{Conn: here}, &coalescer{Conn: here}, newWSReader(here), upgraded{"test", subprotocols[0]})
	r := &sessionRun{locals: newLocals(100), done: make(chan struct{})}
	cfg := &Config{Policy: policy.withDefaults(), Log: slog.New(slog.DiscardHandler), Events: r.event}
	var err error
	if cfg.Destinations, err = ParseDestinations(destinations); err != nil {
		t.Fatal(err)
	}
	s := newSession(cfg, l, r.locals, &meter{events: r.event})
	s.dial = dial
	p.session = s
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() {
		r.err = s.run(ctx)
		r.locals.wait(cfg.Policy.StopLimit)
		close(r.done)
	}()
	go p.read()
	go p.write()
	return p, r
}

// sessionRun is a session at work.
type sessionRun struct {
	locals *locals
	stop   context.CancelFunc
	done   chan struct{}
	err    error // valid when done is closed

	mu     sync.Mutex
	events []Event
}

func (r *sessionRun) event(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// reasons are those of the closed connections.
func (r *sessionRun) reasons() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, e := range r.events {
		if e.Event == EventStreamClosed {
			all = append(all, e.Reason)
		}
	}
	return all
}

// frame makes a server's WebSocket frame.
func frame(op opcode, p []byte) []byte {
	b := []byte{0x80 | byte(op)}
	switch {
	case len(p) < 126:
		b = append(b, byte(len(p)))
	case len(p) <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(len(p)))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(len(p)))
	}
	return append(b, p...)
}

// raw sends bytes as they are. It returns when they are on their way: waiting
// for each other in net.Pipe's mutex would stop the bubble's clock.
func (p *peer) raw(b []byte) {
	select {
	case p.out <- b:
	case <-p.gone:
	}
}

func (p *peer) write() {
	defer close(p.gone)
	for {
		select {
		case b := <-p.out:
			if _, err := p.conn.Write(b); err != nil {
				return
			}
		case <-p.ended:
			return
		}
	}
}

// send sends messages in one WebSocket message.
func (p *peer) send(messages ...message) {
	var b []byte
	for _, m := range messages {
		b = append(b, m.encode()...)
	}
	p.raw(frame(opBinary, b))
}

// read takes in what the session sends, until the connection ends.
func (p *peer) read() {
	defer func() {
		p.mu.Lock()
		p.over = true
		p.cond.Broadcast()
		p.mu.Unlock()
		close(p.ended)
	}()
	br := bufio.NewReader(p.conn)
	var stream []byte
	for {
		op, payload, err := readClientFrame(br)
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		if gate != nil {
			<-gate
		}
		if err != nil {
			p.conn.Close()
			return
		}
		if op == opBinary {
			stream = p.split(append(stream, payload...))
			continue
		}
		p.mu.Lock()
		mute := p.mute
		if op == opPing {
			p.pings++
		}
		if op == opClose {
			p.closing = payload
		}
		p.cond.Broadcast()
		p.mu.Unlock()
		switch {
		case op == opPing && !mute:
			go p.raw(frame(opPong, payload))
		case op == opClose:
			p.conn.Close()
			return
		}
	}
}

func (p *peer) split(stream []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(stream) >= 2 && len(stream) >= 2+int(binary.BigEndian.Uint16(stream)) {
		end := 2 + int(binary.BigEndian.Uint16(stream))
		var m message
		if err := m.decode(append([]byte(nil), stream[2:end]...)); err != nil {
			p.t.Errorf("the proxy sent %x: %v", stream[:end], err)
		}
		p.messages = append(p.messages, m)
		stream = stream[end:]
	}
	p.cond.Broadcast()
	return stream
}

// readClientFrame reads one masked frame.
func readClientFrame(br *bufio.Reader) (opcode, []byte, error) {
	var h [8]byte
	if _, err := io.ReadFull(br, h[:2]); err != nil {
		return 0, nil, err
	}
	op, n := opcode(h[0]&0xf), int(h[1]&0x7f)
	switch n {
	case 126:
		if _, err := io.ReadFull(br, h[:2]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(h[:2]))
	case 127:
		if _, err := io.ReadFull(br, h[:8]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint64(h[:8]))
	}
	var key [4]byte
	if _, err := io.ReadFull(br, key[:]); err != nil {
		return 0, nil, err
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(br, payload)
	for i := range payload {
		payload[i] ^= key[i&3]
	}
	return op, payload, err
}

// next waits for the session's next message; false means that it has ended.
func (p *peer) next() (message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.messages) == 0 && !p.over {
		p.cond.Wait()
	}
	if len(p.messages) == 0 {
		return message{}, false
	}
	m := p.messages[0]
	p.messages = p.messages[1:]
	return m, true
}

// closeCode is the status of the session's close frame, 0 if none came.
func (p *peer) closeCode() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.closing) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(p.closing))
}

// encode is the inverse of decode, with the length.
func (m message) encode() []byte {
	a := address{
		form:       form{len(m.service) > 0, m.connection > 0},
		service:    string(m.service),
		stream:     m.stream,
		connection: m.connection,
	}
	b := []byte{0, 0}
	if m.kind != 0 {
		b = append(b, 1<<3, byte(m.kind))
	}
	if m.stream != 0 {
		b = binary.AppendUvarint(append(b, 2<<3), uint64(int64(m.stream)))
	}
	if m.ignorable {
		b = append(b, 3<<3, 1)
	}
	if len(m.payload) > 0 {
		b = binary.AppendUvarint(append(b, 4<<3|2), uint64(len(m.payload)))
		b = append(b, m.payload...)
	}
	b = a.appendTail(b, kindData)
	for _, s := range m.available {
		b = append(binary.AppendUvarint(append(b, 6<<3|2), uint64(len(s))), s...)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	return b
}

// silence stops or resumes answering pings.
func (p *peer) silence(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = mute
}

// hold keeps the peer from reading until gate is closed.
func (p *peer) hold(gate <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = gate
}
