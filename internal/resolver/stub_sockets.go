package resolver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// errOtherSocket is why a socket is not one that the stub can take over.
var errOtherSocket = errors.New("not a socket of the stub's address")

// Files returns the stub's sockets, UDP first, for a process that is to take
// them over by Adopt. They are duplicates, which the caller closes: for as long
// as one is open, questions queue up instead of being refused. The stub must
// listen. Their Fd method would make the stub's own sockets block as well; ask
// SyscallConn for the number.
func (s *Stub) Files() ([]*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil, fmt.Errorf("handing over the stub's sockets: %w", net.ErrClosed)
	}
	udp, err := s.listener.udp.File()
	if err != nil {
		return nil, fmt.Errorf("handing over the stub's sockets: %w", err)
	}
	tcp, err := s.listener.tcp.File()
	if err != nil {
		_ = udp.Close()
		return nil, fmt.Errorf("handing over the stub's sockets: %w", err)
	}
	return []*os.File{udp, tcp}, nil
}

// Adopt makes the stub listen on sockets that Files has returned, in this
// process or in one before it, and so answers what has queued up in them. Both
// must be bound to the configured address. The files stay the caller's. Use it
// in place of Listen; it does nothing if the stub listens already.
func (s *Stub) Adopt(files []*os.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	l, err := adopt(files, s.config.Listen)
	if err != nil {
		return fmt.Errorf("taking over the stub's sockets: %w", err)
	}
	s.listener = l
	return nil
}

func adopt(files []*os.File, addr netip.AddrPort) (*listener, error) {
	if len(files) != 2 {
		return nil, fmt.Errorf("%d sockets: %w", len(files), errOtherSocket)
	}
	udp, err := adoptUDP(files[0], addr)
	if err != nil {
		return nil, err
	}
	tcp, err := adoptTCP(files[1], addr)
	if err != nil {
		_ = udp.Close()
		return nil, err
	}
	return &listener{addr: addr, udp: udp, tcp: tcp}, nil
}

func adoptUDP(file *os.File, addr netip.AddrPort) (*net.UDPConn, error) {
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", file.Name(), errOtherSocket, err)
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok || udp.LocalAddr().(*net.UDPAddr).AddrPort() != addr {
		_ = conn.Close()
		return nil, fmt.Errorf("%s: %w %s over UDP", file.Name(), errOtherSocket, addr)
	}
	return udp, nil
}

func adoptTCP(file *os.File, addr netip.AddrPort) (*net.TCPListener, error) {
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", file.Name(), errOtherSocket, err)
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok || tcp.Addr().(*net.TCPAddr).AddrPort() != addr {
		_ = l.Close()
		return nil, fmt.Errorf("%s: %w %s over TCP", file.Name(), errOtherSocket, addr)
	}
	return tcp, nil
}
