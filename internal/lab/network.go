package lab

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// connect lays the cables:
//
//	device eth0 -- lan uplink wan -- wan vpc
func (l *Lab) connect(ctx context.Context) error {
	if err := l.cable(); err != nil {
		return err
	}
	if err := l.plugIn(); err != nil {
		return err
	}
	// The kernel tells of a carrier a moment after both ends are up. A device
	// that starts in that moment meets a world that nobody asked for.
	return Poll(ctx, readyEvery, func() error { return l.Device.Do(hasCarrier) })
}

// hasCarrier runs on the device.
func hasCarrier() error {
	state, err := os.ReadFile("/sys/class/net/eth0/operstate")
	if err == nil && strings.TrimSpace(string(state)) != "up" {
		err = fmt.Errorf("eth0 is %s", state)
	}
	return err
}

// plugIn brings all ends up, with their addresses and routes.
func (l *Lab) plugIn() error {
	lan := l.opts.lan()
	return parallel(
		func() error {
			// Some hosts hand a strict filter down to new namespaces; a Pi has
			// none.
			if err := l.Device.sysctl("net/ipv4/conf/all/rp_filter", "0"); err != nil {
				return err
			}
			return l.Device.ip(
				"addr add "+lan.Device.String()+" dev eth0",
				"link set eth0 up",
				"route add default via "+lan.Gateway.Addr().String(),
			)
		},
		l.connectUplink,
		func() error {
			lines := []string{"addr add 203.0.113.10/24 dev wan", "link set wan up", "route add default via 203.0.113.1"}
			for _, a := range vpcAddrs() {
				lines = append(lines, "addr add "+a+"/32 dev lo")
			}
			return l.VPC.ip(lines...)
		},
	)
}

// cable makes each veth with one end in either node at once: an end that is
// moved later would lose its settings on the way.
func (l *Lab) cable() error {
	if err := l.Device.ip(fmt.Sprintf("link add eth0 type veth peer name lan netns %d", l.Uplink.Pid())); err != nil {
		return err
	}
	return l.VPC.ip(fmt.Sprintf("link add wan type veth peer name wan netns %d", l.Uplink.Pid()))
}

// vpcAddrs are on the VPC's loopback: the kernel takes them in from whatever
// device the packets come, the VPN's above all.
func vpcAddrs() []string {
	list := []string{ResolverAddr.String(), TunnelingAddr.String()}
	for _, a := range slices.Concat(BrokerAddrs, OtherAddrs) {
		list = append(list, a.String())
	}
	return list
}

// uplinkRules are the site's router: NAT to the outside, nothing private out.
const uplinkRules = `
table ip router {
	chain forward {
		type filter hook forward priority filter; policy accept;
		oifname "wan" ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 } drop
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan" masquerade
	}
}`

// connectUplink makes the site's router, which is the internet as well.
func (l *Lab) connectUplink() error {
	lan := l.opts.lan()
	lines := []string{
		"addr add " + lan.Gateway.String() + " dev lan", "link set lan up",
		"addr add 203.0.113.1/24 dev wan", "link set wan up",
	}
	for _, a := range uplinkAddrs(lan) {
		lines = append(lines, "addr add "+a+"/32 dev lo")
	}
	if err := l.Uplink.ip(lines...); err != nil {
		return err
	}
	if err := l.Uplink.sysctl("net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	return l.Uplink.nft(uplinkRules)
}

// uplinkAddrs are what the outside world consists of.
func uplinkAddrs(lan lan) []string {
	list := []string{PublicDNS.String(), OrdinaryAddr.String(), PublicTunnelingAddr.String()}
	for _, a := range slices.Concat(TrapAddrs, lan.Squatters) {
		list = append(list, a.String())
	}
	return list
}

// sysctl writes to the node's own /proc/sys: that of the host is read-only in
// some containers.
func (n *Node) sysctl(name, value string) error {
	err := n.Do(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
	if err != nil {
		return fmt.Errorf("setting %s on %s: %w", name, n.Name, err)
	}
	return nil
}
