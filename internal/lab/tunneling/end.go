package tunneling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/coder/websocket"
)

// end is one connected side of a tunnel. What it sends is checked and handed to
// the other side's carrier; what it gets comes out of its own. So a slow side
// holds up the other by its carrier's room, as the real service must.
type end struct {
	s       *Service
	tunnel  *tunnel
	mode    string
	version int
	ws      *websocket.Conn
	gate    *gate
	out     *carrier
	done    chan struct{}
	once    sync.Once
	cause   chan error // what reading ended with, once
}

func newEnd(s *Service, t *tunnel, mode string, ws *websocket.Conn, g *gate) *end {
	e := &end{
		s: s, tunnel: t, mode: mode, ws: ws, gate: g,
		version: slices.Index(versions, ws.Subprotocol()) + 1,
		done:    make(chan struct{}), cause: make(chan error, 1),
	}
	cut := 0 // sources are not what is tried here
	if mode == "destination" {
		cut = s.opts.Cut
	}
	e.out = newCarrier(cut, s.opts.Delay)
	return e
}

// serve carries what this side sends until it ends.
func (e *end) serve(ctx context.Context) {
	e.attach()
	defer e.detach()
	go e.write(ctx)
	if e.version >= 2 && len(e.tunnel.services) > 0 {
		e.send(Message{Kind: ServiceIDs, Services: e.tunnel.services})
	}
	err := e.read(ctx)
	e.cause <- err
	if errors.Is(err, errRule) || errors.Is(err, errUnknownField) {
		e.s.violations.Add(1)
		e.s.opts.Log.Warn("closing a client", "mode", e.mode, "reason", err)
		e.close(websocket.StatusPolicyViolation, "protocol violation")
	}
	e.end()
}

// attach makes this the tunnel's current end of its mode; the one before is
// replaced.
func (e *end) attach() {
	e.s.mu.Lock()
	old := e.tunnel.sides[e.mode]
	e.tunnel.sides[e.mode] = e
	wire, closed := e.tunnel.wire, e.tunnel.closed
	close(e.s.changed)
	e.s.changed = make(chan struct{})
	e.s.mu.Unlock()
	if old != nil {
		old.close(websocket.StatusNormalClosure, "replaced")
	}
	if wire != nil && e.mode == "destination" {
		wire.attach(e)
	}
	if closed { // since the handshake
		e.close(websocket.StatusNormalClosure, "tunnel closed")
	}
}

// detach tells the other side that this one is gone, unless another connection
// has taken its place already.
func (e *end) detach() {
	e.s.mu.Lock()
	current := e.tunnel.sides[e.mode] == e
	if current {
		delete(e.tunnel.sides, e.mode)
	}
	other := e.tunnel.sides[opposite(e.mode)]
	e.s.mu.Unlock()
	if current && other != nil {
		other.send(Message{Kind: SessionReset})
	}
}

// opposite is the mode of the other side.
func opposite(mode string) string {
	if mode == "source" {
		return "destination"
	}
	return "source"
}

// read reads WebSocket messages until the end. Where they are cut means
// nothing, to the real service neither.
func (e *end) read(ctx context.Context) error {
	var split splitter
	buf := make([]byte, 32<<10)
	for {
		kind, r, err := e.ws.Reader(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageBinary {
			return fmt.Errorf("%w: a text message", errRule)
		}
		for {
			n, err := r.Read(buf)
			if feedErr := split.feed(buf[:n], e.received); feedErr != nil {
				return feedErr
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
	}
}

// received passes one message on: to the test that has taken the source's side
// over, to the other side, or nowhere if that is not there.
func (e *end) received(m Message, raw []byte) error {
	if err := m.rule(e.mode, e.version, e.tunnel.services); err != nil {
		return err
	}
	e.s.mu.Lock()
	other := e.tunnel.sides[opposite(e.mode)]
	wire := e.tunnel.wire
	e.s.mu.Unlock()
	switch {
	case wire != nil && e.mode == "destination":
		wire.received(m)
	case other != nil:
		other.out.put(raw)
	case m.Kind == StreamStart || m.Kind == ConnectionStart:
		e.send(Message{Kind: StreamReset, Stream: m.Stream, Service: m.Service})
	}
	return nil
}

// send queues a message for this side.
func (e *end) send(m Message) { e.out.put(m.Append(nil)) }

// write sends what is queued, until the end.
func (e *end) write(ctx context.Context) {
	for {
		p, ok := e.out.take()
		if !ok {
			return
		}
		if err := e.ws.Write(ctx, websocket.MessageBinary, p); err != nil {
			e.end()
			return
		}
	}
}

// close ends the connection with a close frame.
func (e *end) close(code websocket.StatusCode, reason string) {
	// An error means that the client is gone: nothing is left to do.
	_ = e.ws.Close(code, reason)
	e.end()
}

// end ends both directions.
func (e *end) end() {
	e.once.Do(func() {
		e.out.close()
		close(e.done)
		go e.ws.CloseNow() // may wait for a frozen connection
	})
}
