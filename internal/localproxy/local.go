package localproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// destinationStagger is the lead of one of a name's addresses on the next.
const destinationStagger = 100 * time.Millisecond

// errWouldBlock means that a socket has nothing to read, or no room, just now.
var errWouldBlock = errors.New("would block")

// local is a connection to a destination on the device. The try methods never
// wait, so that one goroutine can serve many destinations.
type local interface {
	// TryWrite writes what fits; less than len(p) without error means full.
	TryWrite(p []byte) (int, error)
	// Write writes all of p, waiting until the write deadline.
	Write(p []byte) (int, error)
	// TryRead reads what is there, or returns errWouldBlock or io.EOF.
	TryRead(p []byte) (int, error)
	// WaitRead returns nil when TryRead has something to tell.
	WaitRead() error
	// Read waits for something to read, until the read deadline.
	Read(p []byte) (int, error)
	// CloseWrite tells the destination that no more comes.
	CloseWrite() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	Close() error
}

// dialLocal connects to a destination, trying every address of its name.
func (c *Config) dialLocal(ctx context.Context, d Destination) (local, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Policy.DialTimeout)
	defer cancel()
	var dialer net.Dialer
	if d.Network == "unix" {
		conn, err := dialer.DialContext(ctx, d.Network, d.Address)
		if err != nil {
			return nil, err
		}
		return newSocket(conn)
	}
	if c.LocalAddress != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: c.LocalAddress}
	}
	targets, err := lookup(ctx, d.Address)
	if err != nil {
		return nil, err
	}
	conn, err := race(ctx, targets, destinationStagger, func(ctx context.Context, addr string) (net.Conn, error) {
		return dialer.DialContext(ctx, d.Network, addr)
	})
	if err != nil {
		return nil, err
	}
	return newSocket(conn)
}

// lookup returns every address of hostport.
func lookup(ctx context.Context, hostport string) ([]string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", host, err)
	}
	for i := range addrs {
		addrs[i] = net.JoinHostPort(addrs[i], port)
	}
	return addrs, nil
}
