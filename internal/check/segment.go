package check

import (
	"context"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// fullSegment reports whether the largest TCP segment that both sides agreed on
// reaches the VPC resolver. Its kernel acknowledges the bytes, whatever the
// resolver makes of them.
func fullSegment(ctx context.Context, x *examination) bool {
	d := boundDialer(x.path.Device)
	d.Timeout = connectWait
	conn, err := d.DialContext(ctx, "tcp4", netip.AddrPortFrom(x.path.Servers[0], 53).String())
	if err != nil {
		return false
	}
	defer conn.Close()
	size := int(tcpInfo(conn).Snd_mss)
	wire, err := padded(x.config.Endpoint.Host, size-2)
	if err != nil || size < 2 {
		return false
	}
	// RFC 1035, 4.2.2: the length goes before the question.
	if _, err := conn.Write(append([]byte{byte(len(wire) >> 8), byte(len(wire))}, wire...)); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, mtuWait)
	defer cancel()
	for tick := time.Tick(20 * time.Millisecond); ; {
		if tcpInfo(conn).Unacked == 0 {
			return true
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return false
		}
	}
}

// tcpInfo is what the kernel knows of a connection (tcp(7)); one segment counts
// as unacknowledged if it says nothing.
func tcpInfo(conn net.Conn) unix.TCPInfo {
	info := unix.TCPInfo{Unacked: 1}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return info
	}
	_ = raw.Control(func(fd uintptr) {
		if got, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			info = *got
		}
	})
	return info
}
