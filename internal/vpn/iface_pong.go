package vpn

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// pongAddress answers pings over every SORACOM air connection, whatever VPC is
// behind it: the far end of the modem's part of the way.
// https://developers.soracom.io/en/docs/air/pong/
var pongAddress = netip.AddrFrom4([4]byte{100, 127, 100, 127})

const (
	// pongTimeout is for one ping; a modem that was asleep takes a second.
	pongTimeout = 2 * time.Second
	pongTries   = 2
	// pongPayload makes the smallest ping that is told from others for sure.
	pongPayload = 8
	// icmpOverhead is an ICMP echo's size beyond its payload: IPv4 and ICMP headers.
	icmpOverhead = 20 + 8
	protocolICMP = 1 // IANA's number of ICMP for IPv4
)

// ping asks addr for an echo through the device and returns the round trip. The
// raw socket needs CAP_NET_RAW and not the group list that ping sockets have.
func ping(ctx context.Context, device string, addr netip.Addr, spent func(n int)) (time.Duration, error) {
	listen := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return bindRaw(c, device) }}
	conn, err := listen.ListenPacket(ctx, "ip4:icmp", "0.0.0.0")
	if err != nil {
		return 0, fmt.Errorf("pinging %s through %s: %w", addr, device, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for range pongTries {
		var rtt time.Duration
		if rtt, err = pingOnce(conn, addr, spent); err == nil {
			return rtt, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return 0, fmt.Errorf("pinging %s through %s: %w", addr, device, err)
}

// bindRaw binds a socket that is being made to a device.
func bindRaw(c syscall.RawConn, device string) error {
	var err error
	if ctlErr := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), device) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

// pingOnce sends one echo request and waits for its reply.
func pingOnce(conn net.PacketConn, addr netip.Addr, spent func(n int)) (time.Duration, error) {
	var nonce [pongPayload + 4]byte
	rand.Read(nonce[:])
	body := &icmp.Echo{
		ID:  int(binary.BigEndian.Uint16(nonce[:])),
		Seq: int(binary.BigEndian.Uint16(nonce[2:])), Data: nonce[4:],
	}
	request, err := (&icmp.Message{Type: ipv4.ICMPTypeEcho, Body: body}).Marshal(nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := conn.SetReadDeadline(began.Add(pongTimeout)); err != nil {
		return 0, err
	}
	if _, err := conn.WriteTo(request, &net.IPAddr{IP: addr.AsSlice()}); err != nil {
		return 0, err
	}
	spent(icmpOverhead + len(body.Data))
	buf := make([]byte, 256)
	for {
		n, from, err := conn.ReadFrom(buf)
		switch {
		case err != nil && (errors.Is(err, net.ErrClosed) || isTimeout(err)):
			return 0, err
		case err != nil || from.String() != addr.String():
		case answers(buf[:n], body):
			spent(icmpOverhead + len(body.Data))
			return time.Since(began), nil
		}
	}
}

// answers reports whether packet is the reply to request. Every raw socket of
// the device sees all ICMP that comes in.
func answers(packet []byte, request *icmp.Echo) bool {
	m, err := icmp.ParseMessage(protocolICMP, packet)
	if err != nil || m.Type != ipv4.ICMPTypeEchoReply {
		return false
	}
	reply, ok := m.Body.(*icmp.Echo)
	return ok && reply.ID == request.ID && reply.Seq == request.Seq && bytes.Equal(reply.Data, request.Data)
}

// isTimeout reports whether a read ended by its deadline.
func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
