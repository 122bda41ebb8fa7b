package tunneling

import (
	"net"
	"sync"
	"syscall"
)

// gate is a connection that can be frozen: then it neither gives nor takes
// anything and looks alive to the kernels on both sides.
type gate struct {
	net.Conn
	frozen chan struct{} // closed by freeze
	closed chan struct{}
	freeze func()
	shut   func()
}

func newGate(conn net.Conn) *gate {
	g := &gate{Conn: conn, frozen: make(chan struct{}), closed: make(chan struct{})}
	g.freeze = sync.OnceFunc(func() { close(g.frozen) })
	g.shut = sync.OnceFunc(func() { close(g.closed) })
	return g
}

func (g *gate) waitIfFrozen() error {
	select {
	case <-g.frozen:
		<-g.closed
		return net.ErrClosed
	default:
		return nil
	}
}

// Read implements net.Conn. A read that was under way when the gate froze
// keeps what it got to itself.
func (g *gate) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if frozen := g.waitIfFrozen(); frozen != nil {
		return 0, frozen
	}
	return n, err
}

// Write implements net.Conn.
func (g *gate) Write(p []byte) (int, error) {
	if err := g.waitIfFrozen(); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}

// Close implements net.Conn.
func (g *gate) Close() error {
	g.shut()
	return g.Conn.Close()
}

// cut resets the TCP connection.
func (g *gate) cut() {
	if tcp, ok := g.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	g.Close()
}

// SyscallConn lets tests set options of the socket.
func (g *gate) SyscallConn() (syscall.RawConn, error) {
	return g.Conn.(syscall.Conn).SyscallConn()
}

// gateListener wraps what it accepts.
type gateListener struct{ net.Listener }

func (l gateListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newGate(conn), nil
}
