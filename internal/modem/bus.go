package modem

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// systemBus is where every Linux has it.
// https://dbus.freedesktop.org/doc/dbus-specification.html#message-bus-types-system
const systemBus = "unix:path=/run/dbus/system_bus_socket"

// Bus is the system bus. It is dialled when it is first needed, and again when
// it went away. Safe for concurrent use.
type Bus struct {
	address string

	mu   sync.Mutex
	conn *dbus.Conn
}

// NewBus returns the bus at a D-Bus address; empty: the system bus, or what
// DBUS_SYSTEM_BUS_ADDRESS says. It does not dial.
func NewBus(address string) *Bus {
	if address == "" {
		address = os.Getenv("DBUS_SYSTEM_BUS_ADDRESS")
	}
	if address == "" {
		address = systemBus
	}
	return &Bus{address: address}
}

// Close ends the connection. A later call dials again.
func (b *Bus) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		b.conn.Close()
		b.conn = nil
	}
}

// connect returns a connection that is alive as far as is known.
func (b *Bus) connect(ctx context.Context) (*dbus.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil && b.conn.Connected() {
		return b.conn, nil
	}
	conn, err := dial(ctx, b.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBus, err)
	}
	b.conn = conn
	return conn, nil
}

// dial connects within dialLimit. The library's own handshake has no deadline,
// and a bus that accepts but never answers would hold the caller for ever.
func dial(ctx context.Context, address string) (*dbus.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	life, end := context.WithCancel(context.Background())
	type result struct {
		conn *dbus.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := dbus.Connect(address, dbus.WithContext(life),
			dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			end()
			return nil, r.err
		}
		context.AfterFunc(r.conn.Context(), end)
		return r.conn, nil
	case <-ctx.Done():
		end() // closes the socket, which ends the handshake
		return nil, fmt.Errorf("no answer: %w", ctx.Err())
	}
}

// object names something on the bus.
type object struct {
	service string
	path    dbus.ObjectPath
}

// call calls a method, named with its interface, and stores what it returns.
func (b *Bus) call(ctx context.Context, o object, method string, args []any, results ...any) error {
	return b.callFor(ctx, callLimit, o, method, args, results...)
}

// callFor is call for what takes longer. Neither ever has the bus start a
// service: what an admin has stopped stays stopped.
func (b *Bus) callFor(ctx context.Context, limit time.Duration, o object, method string, args []any, results ...any) error {
	conn, err := b.connect(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	call := conn.Object(o.service, o.path).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
	if call.Err == nil && len(results) > 0 {
		call.Err = call.Store(results...)
	}
	if call.Err != nil {
		return explain(o, method, call.Err)
	}
	return nil
}

// properties returns all properties of one interface.
func (b *Bus) properties(ctx context.Context, o object, iface string) (props, error) {
	var p props
	err := b.call(ctx, o, "org.freedesktop.DBus.Properties.GetAll", []any{iface}, &p)
	return p, err
}

// present reports whether a service has an owner on the bus now.
func (b *Bus) present(ctx context.Context, service string) (bool, error) {
	var owned bool
	err := b.call(ctx, object{"org.freedesktop.DBus", "/org/freedesktop/DBus"},
		"org.freedesktop.DBus.NameHasOwner", []any{service}, &owned)
	return owned, err
}

// nameOwnerChanged is the bus's own signal for a service that comes or goes.
const nameOwnerChanged = "org.freedesktop.DBus.NameOwnerChanged"

// ownerChanged is the rule for that signal of one service. Who waits for a
// service's answer needs it: one that has crashed answers no more, and the bus
// tells only those who ask.
func ownerChanged(service string) []dbus.MatchOption {
	return []dbus.MatchOption{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, service)}
}

// subscribe returns the signals that match any of the rules, and others; stop
// must be called. The channel is closed when the connection ends.
func (b *Bus) subscribe(ctx context.Context, rules ...[]dbus.MatchOption) (signals <-chan *dbus.Signal, stop func(), err error) {
	conn, err := b.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	ch := make(chan *dbus.Signal, 16)
	conn.Signal(ch)
	for i, rule := range rules {
		if err := conn.AddMatchSignalContext(ctx, rule...); err != nil {
			unsubscribe(conn, ch, rules[:i])
			return nil, nil, fmt.Errorf("listening on the bus: %w", err)
		}
	}
	return ch, func() { unsubscribe(conn, ch, rules) }, nil
}

func unsubscribe(conn *dbus.Conn, ch chan *dbus.Signal, rules [][]dbus.MatchOption) {
	ctx, cancel := context.WithTimeout(context.Background(), finishLimit)
	defer cancel()
	for _, rule := range rules {
		if conn.RemoveMatchSignalContext(ctx, rule...) != nil {
			break // the connection is gone, and its rules with it
		}
	}
	conn.RemoveSignal(ch)
}
