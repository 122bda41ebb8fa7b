package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"edgeagent/internal/lab/pki"
)

// BlackholeToVPN drops what the device sends to the VPN server; the server's
// packets still arrive.
func (l *Lab) BlackholeToVPN(on bool) error {
	return l.Uplink.drop("blackhole_to_vpn", on, "iifname lan udp dport 443 drop")
}

// BlackholeFromVPN drops what the VPN server sends; the device's packets still
// arrive.
func (l *Lab) BlackholeFromVPN(on bool) error {
	return l.Uplink.drop("blackhole_from_vpn", on, "iifname wan udp sport 443 drop")
}

// BlackholeMTU drops every packet between the device and the VPN server that is
// longer than size bytes, both ways and without a word, as a path does whose
// ICMP is filtered.
func (l *Lab) BlackholeMTU(on bool, size int) error {
	return l.Uplink.drop("blackhole_mtu", on,
		fmt.Sprintf("udp dport 443 meta length > %d drop; udp sport 443 meta length > %d drop", size, size))
}

// ReissueVPNServer has the VPN server start with a new certificate the next time.
func (l *Lab) ReissueVPNServer(opts ...pki.Option) error {
	pair, err := l.certs.vpnCA.Server("server.vpn.lab", opts...)
	if err != nil {
		return err
	}
	if _, _, err := pair.Write(l.path("pki"), "vpn-server"); err != nil {
		return fmt.Errorf("changing the VPN server's certificate: %w", err)
	}
	return nil
}

// RestartVPN ends the VPN server without a farewell and starts it again.
func (l *Lab) RestartVPN(ctx context.Context) error {
	l.KillVPN()
	return l.StartVPN(ctx)
}

// KeepAddress undoes GiveAddress for the next connection.
func (l *Lab) KeepAddress() error {
	if err := os.Remove(l.path("vpc", "ccd", Thing)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("keeping the device's address: %w", err)
	}
	return nil
}

// MoveUplink gives the device's interface another address of the same LAN, as a
// DHCP server with a new lease does.
func (l *Lab) MoveUplink(from, to netip.Prefix) error {
	return l.Device.ip(
		"addr del "+from.String()+" dev eth0",
		"addr add "+to.String()+" dev eth0",
		"route replace default via "+l.opts.lan().Gateway.Addr().String(),
	)
}

// DeviceAddress is the address that the device has at its site at first.
func (l *Lab) DeviceAddress() netip.Prefix { return l.opts.lan().Device }
