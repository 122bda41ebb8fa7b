package faults

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/status"
)

// Causes that the faults of the link are named by.
var (
	noAnswer  = []Want{{"link", status.ReasonNoAnswer}}
	noUplink  = []Want{{"link", status.ReasonNoUplink}}
	lostForMs = []Want{
		{"link", status.ReasonConnecting}, {"link", status.ReasonProcessExited},
		{"link", status.ReasonInterfaceMissing}, {"link", status.ReasonRecovering},
	}
	// Those of a link that may be back before status is asked: what stands on it
	// then waits still, or begins anew.
	lostForLess = append(slices.Clone(lostForMs), Want{"dns", status.ReasonWaiting}, Want{"endpoint", status.ReasonWaiting},
		Want{"broker", status.ReasonWaiting}, Want{"broker", status.ReasonConnecting})
)

// linkRows are the faults of the uplink and of the VPN.
func linkRows() []Row {
	var all []Row
	for _, part := range [][]Row{openvpnRows(), serverRows(), routeRows(), uplinkRows()} {
		all = append(all, part...)
	}
	return all
}

// toOpenVPN sends a signal to the device's openvpn.
func toOpenVPN(sig syscall.Signal) func(context.Context, *Rig) error {
	return func(_ context.Context, r *Rig) error {
		pids, err := r.Device.Processes("openvpn")
		if err != nil {
			return err
		}
		if len(pids) != 1 {
			return fmt.Errorf("openvpn runs as %v, want one process", pids)
		}
		return syscall.Kill(pids[0], sig)
	}
}

func openvpnRows() []Row {
	return []Row{
		{Name: "openvpn killed", How: "SIGKILL of openvpn", Inject: toOpenVPN(syscall.SIGKILL), Want: lostForLess, Soak: true},
		{Name: "openvpn ends by itself", How: "SIGTERM to openvpn, which exits with status 0 as after a refused login",
			Inject: toOpenVPN(syscall.SIGTERM), Want: lostForLess, Soak: true},
		{Name: "openvpn hangs", How: "SIGSTOP of openvpn, and nobody lets it go on", Inject: toOpenVPN(syscall.SIGSTOP), Want: append(noAnswer, lostForMs...), Soak: true},
		{Name: "tun device deleted", How: "`ip link del tun0`", Inject: typed("ip link del tun0"), Want: lostForLess, Soak: true},
		{Name: "tun device set down", How: "`ip link set tun0 down`", Inject: typed("ip link set tun0 down"), Want: lostForLess, Soak: true},
	}
}

func serverRows() []Row {
	restart := func(ctx context.Context, r *Rig) error { return r.RestartVPN(ctx) }
	start := func(ctx context.Context, r *Rig) error { return r.StartVPN(ctx) }
	return []Row{
		{Name: "VPN server restarts", How: "SIGKILL of the OpenVPN server, and a new one at once", Inject: restart,
			Want: append(append(noAnswer, lostForMs...), Want{"dns", status.ReasonNoAnswer}), Soak: true},
		{Name: "VPN server gone", How: "SIGKILL of the OpenVPN server", Soak: true,
			Inject: do(func(l *lab.Lab) error { l.KillVPN(); return nil }), Lift: start, Want: noAnswer},
		{Name: "VPN session ended", How: "the server sends RESTART", Soak: true,
			Inject: do(func(l *lab.Lab) error { return l.ClientKill(lab.KillRestart) }), Passes: true},
		{Name: "other address pushed", How: "the server gives the device another address at a reconnect it asks for",
			Inject: func(_ context.Context, r *Rig) error {
				if err := r.GiveAddress(netip.MustParseAddr("172.31.0.60")); err != nil {
					return err
				}
				return r.ClientKill(lab.KillRestart)
			}, Want: lostForLess},
		{Name: "VPN server's certificate expired", How: "the server restarts with a certificate that ended yesterday, later with a good one",
			Inject: func(ctx context.Context, r *Rig) error {
				if err := r.ReissueVPNServer(pki.Expired()); err != nil {
					return err
				}
				return r.RestartVPN(ctx)
			},
			Lift: func(ctx context.Context, r *Rig) error {
				if err := r.ReissueVPNServer(); err != nil {
					return err
				}
				return r.RestartVPN(ctx)
			}, Want: []Want{{"link", status.ReasonServerCert}}},
		{Name: "VPN port blocked", How: "a firewall drops UDP 443 both ways", Soak: true,
			Inject: do(func(l *lab.Lab) error { return l.BlackholeVPN(true) }), Lift: do(func(l *lab.Lab) error { return l.BlackholeVPN(false) }), Want: noAnswer},
		{Name: "black hole towards the VPN", How: "what the device sends to UDP 443 is dropped, answers pass", Soak: true,
			Inject: do(func(l *lab.Lab) error { return l.BlackholeToVPN(true) }), Lift: do(func(l *lab.Lab) error { return l.BlackholeToVPN(false) }), Want: noAnswer},
		{Name: "black hole from the VPN", How: "what comes from UDP 443 is dropped, questions pass", Soak: true,
			Inject: do(func(l *lab.Lab) error { return l.BlackholeFromVPN(true) }), Lift: do(func(l *lab.Lab) error { return l.BlackholeFromVPN(false) }), Want: noAnswer},
		mtuRow(),
	}
}

// mtuRow has the path carry OpenVPN's handshake, which never exceeds 1,250
// bytes (openvpn(8), --max-packet-size), but no full packet: the broker's
// certificates, as long as AWS's, do not come through.
func mtuRow() Row {
	const size = 1300
	long := make([]string, 100)
	for i := range long {
		long[i] = fmt.Sprintf("certificate-of-the-usual-length-%d.%s", i, lab.EndpointHost)
	}
	return Row{
		Name: "MTU black hole", How: "packets of the VPN over 1,300 bytes vanish both ways, without ICMP, and the VPN reconnects",
		Options: lab.Options{BrokerCert: []pki.Option{pki.Names(long...)}},
		Inject: func(_ context.Context, r *Rig) error {
			if err := r.BlackholeMTU(true, size); err != nil {
				return err
			}
			return r.ClientKill(lab.KillRestart)
		},
		Lift: do(func(l *lab.Lab) error { return l.BlackholeMTU(false, size) }),
		Want: []Want{{"broker", status.ReasonTLS}, {"broker", status.ReasonUnreachable}, {"broker", status.ReasonNoPing}},
	}
}

func routeRows() []Row {
	broken := []Want{{"endpoint", status.ReasonNoRoute}, {"broker", status.ReasonConnecting}, {"link", status.ReasonRecovering}, {"link", status.ReasonConnecting}}
	to := func(line string) func(context.Context, *Rig) error {
		return typed(fmt.Sprintf(line, lab.BrokerAddrs[0]))
	}
	return []Row{
		{Name: "routes deleted", How: "every route into the VPC is deleted", Soak: true,
			Inject: typed("ip route flush dev tun0 scope global; ip route flush dev tun0 proto static; ip route flush dev tun0 root 10.0.0.0/8"), Want: broken, Passes: true},
		{Name: "route hijacked", How: "a route to the broker's address alone leads to the site's router", Soak: true,
			Inject: to("ip route add %s/32 via 192.168.77.1 metric 1"), Lift: to("ip route del %s/32 via 192.168.77.1 metric 1 || true"),
			Want: broken, Passes: true},
	}
}

func uplinkRows() []Row {
	return []Row{
		{Name: "cable out", How: "the other end of the cable goes down", Soak: true,
			Inject: do((*lab.Lab).Unplug), Lift: do((*lab.Lab).Plug), Want: noUplink},
		{Name: "interface down", How: "`ip link set eth0 down`", Soak: true,
			Inject: do((*lab.Lab).LinkDown), Lift: do((*lab.Lab).LinkUp), Want: noUplink},
		{Name: "default route gone", How: "`ip route del default`", Soak: true,
			Inject: typed("ip route del default"), Lift: typed("ip route add default via 192.168.77.1"), Want: noUplink},
		{Name: "uplink's address changes", How: "eth0 loses its address and gets another one of the same LAN, later the first again", Soak: true,
			Inject: moveUplink, Lift: moveUplink, Passes: true},
	}
}

// moveUplink goes from the device's first address to another and back, so that
// it can be done again.
func moveUplink(ctx context.Context, r *Rig) error {
	here := r.DeviceAddress()
	there := netip.PrefixFrom(here.Addr().Next(), here.Bits())
	has, err := r.Device.Run(ctx, "ip", "-4", "-o", "addr", "show", "dev", "eth0", "to", there.Addr().String())
	if err != nil {
		return err
	}
	if has != "" {
		here, there = there, here
	}
	return r.MoveUplink(here, there)
}
