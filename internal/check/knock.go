package check

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/vpn"
)

// How often and how long a VPN server is asked for a sign of life.
const (
	knocks    = 3
	knockWait = 800 * time.Millisecond
)

// OpenVPN's opcodes of the first packets of a session, in the upper five bits.
// https://openvpn.net/community-resources/openvpn-protocol/
const (
	hardResetClient = 7 << 3
	hardResetServer = 8 << 3
)

// knock says whether the server of an OpenVPN link answers, without opening a
// session: the first packet of one is answered before any certificate is shown.
func knock(ctx context.Context, x *examination, l config.Link) (said words, closed bool) {
	in, err := vpn.Inspect(l)
	if err != nil {
		return foreign(err.Error()), false
	}
	addr, why := doorAddress(ctx, x, in.Door)
	if why != nil {
		return why, false
	}
	transport := "udp"
	if in.Door.TCP {
		transport = "tcp"
	}
	where := fmt.Sprintf("%s port %d (%s)", addr.Addr(), addr.Port(), transport)
	switch {
	case in.Door.Silent && !in.Door.TCP:
		return say("knock.stranger", where), false
	case in.Door.TCP && connects(ctx, addr):
		return say("knock.takes", where), false
	case !in.Door.TCP && answersReset(ctx, addr):
		return say("knock.answers", where), false
	}
	return say("knock.silent", where), true
}

func doorAddress(ctx context.Context, x *examination, d vpn.Door) (netip.AddrPort, words) {
	if a, err := netip.ParseAddr(d.Host); err == nil {
		return netip.AddrPortFrom(a, d.Port), nil
	}
	servers := upstream(x)
	if len(servers) == 0 {
		return netip.AddrPort{}, say("name.servers")
	}
	addrs, why := lookUp(ctx, servers, d.Host)
	if why != nil {
		return netip.AddrPort{}, say("name.fault", d.Host, why)
	}
	return netip.AddrPortFrom(addrs[0], d.Port), nil
}

func connects(ctx context.Context, to netip.AddrPort) bool {
	d := net.Dialer{Timeout: knocks * knockWait, KeepAlive: -1}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// answersReset sends P_CONTROL_HARD_RESET_CLIENT_V2 with a session id of its
// own and waits for the server's reset.
func answersReset(ctx context.Context, to netip.AddrPort) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", net.JoinHostPort(to.Addr().String(), strconv.Itoa(int(to.Port()))))
	if err != nil {
		return false
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	packet := make([]byte, 14) // opcode, session id, no acks, packet id 0
	packet[0] = hardResetClient
	rand.Read(packet[1:9])
	for range knocks {
		_ = conn.SetDeadline(time.Now().Add(knockWait))
		if _, err := conn.Write(packet); err != nil || ctx.Err() != nil {
			continue
		}
		answer := make([]byte, 128)
		if n, err := conn.Read(answer); err == nil && n > 0 && answer[0]&0xf8 == hardResetServer {
			return true
		}
	}
	return false
}
