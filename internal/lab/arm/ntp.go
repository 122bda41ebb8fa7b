package arm

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"edgeagent/internal/lab"
)

const (
	ntpPort   = 123
	ntpPacket = 48 // bytes
)

// ntpEpoch is where NTP's seconds begin. See RFC 5905, section 6.
var ntpEpoch = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// ServeTime has the site's router tell the time by NTP, until stop is called.
func ServeTime(l *lab.Lab, b *lab.Berth) (stop func(), err error) {
	conn, err := l.Uplink.ListenUDP(fmt.Sprintf("%s:%d", b.Gateway, ntpPort))
	if err != nil {
		return nil, fmt.Errorf("serving the time: %w", err)
	}
	go serveTime(conn)
	return func() { conn.Close() }, nil
}

// serveTime answers until conn is closed.
func serveTime(conn *net.UDPConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if n >= ntpPacket {
			_, _ = conn.WriteToUDPAddrPort(ntpReply(buf[:n], time.Now()), from) // a client asks again
		}
	}
}

// ntpReply answers a request as a server with a clock of its own. See RFC 5905,
// section 7.3.
func ntpReply(request []byte, now time.Time) []byte {
	const version, server, stratum, precision = 4, 4, 1, 0xec // 2^-20 s
	r := make([]byte, ntpPacket)
	r[0] = version<<3 | server
	r[1], r[2], r[3] = stratum, request[2], precision
	copy(r[12:], "LOCL")
	copy(r[24:32], request[40:48])         // origin: when the client sent
	for _, at := range []int{16, 32, 40} { // reference, receive, transmit
		binary.BigEndian.PutUint64(r[at:], ntpTime(now))
	}
	return r
}

// ntpTime is a time in 2^-32 s; the second half of its range is exact enough.
func ntpTime(t time.Time) uint64 {
	d := t.Sub(ntpEpoch)
	return uint64(d/time.Second)<<32 | uint64(d%time.Second)<<32/uint64(time.Second)
}
