package tunneling

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/coder/websocket"
)

// Wire is a destination's connection in the hands of a test, which plays both
// the source and an unruly service.
type Wire struct {
	mu       sync.Mutex
	handle   func(Message)
	messages chan Message
	attached chan *end
	current  *end
}

// wireBacklog is how many messages may wait for Receive.
const wireBacklog = 4096

// Wire takes the tunnel's source side over. The destination may connect before
// or after.
func (s *Service) Wire(id string) (*Wire, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tunnels[id]
	if t == nil {
		return nil, errNoTunnel
	}
	w := &Wire{messages: make(chan Message, wireBacklog), attached: make(chan *end, 16)}
	t.wire = w
	if e := t.sides["destination"]; e != nil {
		w.attach(e)
	}
	return w, nil
}

func (w *Wire) attach(e *end) { w.attached <- e }

// Connected waits for the destination to connect, for the next time if it has
// been seen already.
func (w *Wire) Connected(ctx context.Context) error {
	select {
	case e := <-w.attached:
		w.mu.Lock()
		w.current = e
		w.mu.Unlock()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the destination: %w", context.Cause(ctx))
	}
}

// Handle has fn called with each message of the destination instead of keeping
// it for Receive. The payload is valid during the call.
func (w *Wire) Handle(fn func(Message)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handle = fn
}

// received is called by the destination's reading goroutine: a test that does
// not take its messages stops it, as a service would that does not read.
func (w *Wire) received(m Message) {
	w.mu.Lock()
	handle := w.handle
	w.mu.Unlock()
	if handle != nil {
		handle(m)
		return
	}
	m.Payload = append([]byte(nil), m.Payload...)
	w.messages <- m
}

// Receive returns the destination's next message.
func (w *Wire) Receive(ctx context.Context) (Message, error) {
	select {
	case m := <-w.messages:
		return m, nil
	case <-ctx.Done():
		return Message{}, fmt.Errorf("waiting for a message: %w", context.Cause(ctx))
	}
}

var errNotConnected = errors.New("the destination has not connected")

// end is the connection in hand.
func (w *Wire) end() (*end, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return nil, errNotConnected
	}
	return w.current, nil
}

// Send sends messages, each as a WebSocket message of its own.
func (w *Wire) Send(ctx context.Context, messages ...Message) error {
	for _, m := range messages {
		if err := w.SendRaw(ctx, m.Append(nil)); err != nil {
			return err
		}
	}
	return nil
}

// SendRaw sends bytes as one binary WebSocket message.
func (w *Wire) SendRaw(ctx context.Context, p []byte) error {
	e, err := w.end()
	if err != nil {
		return err
	}
	return e.ws.Write(ctx, websocket.MessageBinary, p)
}

// SendText sends a text message, which no service does.
func (w *Wire) SendText(ctx context.Context, text string) error {
	e, err := w.end()
	if err != nil {
		return err
	}
	return e.ws.Write(ctx, websocket.MessageText, []byte(text))
}

// Ping pings the destination and waits for its pong.
func (w *Wire) Ping(ctx context.Context) error {
	e, err := w.end()
	if err != nil {
		return err
	}
	return e.ws.Ping(ctx)
}

// Close closes the WebSocket with a status, in order.
func (w *Wire) Close(code int, reason string) error {
	e, err := w.end()
	if err != nil {
		return err
	}
	e.close(websocket.StatusCode(code), reason)
	return nil
}

// Freeze leaves the connection half open.
func (w *Wire) Freeze() error {
	e, err := w.end()
	if err != nil {
		return err
	}
	e.gate.freeze()
	return nil
}

// Cut resets the TCP connection.
func (w *Wire) Cut() error {
	e, err := w.end()
	if err != nil {
		return err
	}
	e.gate.cut()
	return nil
}

// Gone is closed when the connection has ended.
func (w *Wire) Gone() <-chan struct{} {
	e, err := w.end()
	if err != nil {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return e.done
}

// Cause waits until the connection has ended and returns how, as the service
// saw it: websocket.CloseStatus finds the status of the destination's close
// frame in it. To be called once for each connection.
func (w *Wire) Cause() error {
	e, err := w.end()
	if err != nil {
		return err
	}
	return <-e.cause
}
