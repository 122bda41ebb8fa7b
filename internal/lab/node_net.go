package lab

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// An address that was listened on a moment ago can still be taken: a program
// that was being started then has a copy of the socket until its exec closes it.
const (
	listenWithin = 5 * time.Second
	listenAgain  = 5 * time.Millisecond
)

// Listen listens on a TCP address of the node, which must not be a name.
func (n *Node) Listen(addr string) (l net.Listener, err error) {
	err = n.Do(func() error {
		return onceFree(func() error {
			l, err = net.Listen("tcp", addr)
			return err
		})
	})
	return l, err
}

// ListenUDP listens on a UDP address of the node, which must not be a name.
func (n *Node) ListenUDP(addr string) (conn *net.UDPConn, err error) {
	err = n.Do(func() error {
		return onceFree(func() error {
			packets, err := net.ListenPacket("udp", addr)
			if err == nil {
				conn = packets.(*net.UDPConn)
			}
			return err
		})
	})
	return conn, err
}

// onceFree tries again while the address is in use, for a while.
func onceFree(listen func() error) error {
	for deadline := time.Now().Add(listenWithin); ; time.Sleep(listenAgain) {
		err := listen()
		if !errors.Is(err, unix.EADDRINUSE) || time.Now().After(deadline) {
			return err
		}
	}
}

// Dial connects from inside the node to an address, which must not be a name.
func (n *Node) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = n.Do(func() error {
		conn, err = new(net.Dialer).DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}
