package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// CanalUse says what the device does with a SIM that leads into the VPC.
type CanalUse string

// Without one of these there is no SIM.
const (
	CanalStandby CanalUse = "standby" // the second link, after the VPN
	CanalAlone   CanalUse = "alone"   // the only link
)

// Addresses of the Canal leg. Over VPC peering the VPC's own resolver does not
// answer; a Route 53 inbound resolver endpoint does, in two zones.
var (
	InboundAddrs = addrs("10.0.6.53", "10.0.20.53")
	// PongAddr is SORACOM's, answered from the carrier's side of the SIM.
	PongAddr = netip.MustParseAddr("100.127.100.127")

	vpcRange   = netip.MustParsePrefix("10.0.0.0/16")
	simAddr    = netip.MustParseAddr("10.201.0.2")
	simGateway = netip.MustParseAddr("10.64.64.64") // the peer that pppd shows: nobody
)

// CanalDevices are the names under which the device may find its modem.
var CanalDevices = []string{"ppp0", "wwan0"}

// canalMTU is what the group of this SIM gives; nothing may take 1500 for granted.
const canalMTU = 1420

// Canal is the SIM's leg into the VPC: a point-to-point device of the gateway, a
// carrier in this process, and the VPC behind it. It leads nowhere else. The
// methods that change it may be called one at a time.
type Canal struct {
	lab     *Lab
	carrier *carrier
	name    string // of the device now; "" if hung up
}

// startCanal dials, unless the lab has no SIM.
func (l *Lab) startCanal(context.Context) error {
	if l.opts.Canal == "" {
		return nil
	}
	var lines []string
	for _, a := range InboundAddrs {
		lines = append(lines, "addr add "+a.String()+"/32 dev lo")
	}
	if err := l.VPC.ip(lines...); err != nil {
		return err
	}
	far, err := l.VPC.openTUN("canal0")
	if err != nil {
		return err
	}
	l.Canal = &Canal{lab: l, carrier: newCarrier(far)}
	l.atClose(l.Canal.carrier.close)
	if err := l.VPC.ip("link set canal0 up", "route add "+simAddr.String()+"/32 dev canal0"); err != nil {
		return err
	}
	if l.opts.BareDevice {
		return nil // the booted system's own network is not there yet
	}
	return l.Canal.Dial(CanalDevices[0])
}

// resolvers are where the VPC answers questions.
func (l *Lab) resolvers() []netip.Addr {
	if l.opts.Canal == "" {
		return []netip.Addr{ResolverAddr}
	}
	return slices.Concat([]netip.Addr{ResolverAddr}, InboundAddrs)
}

// canalKeys are the configuration's, as in configs/canal.yaml and failover.yaml.
func (l *Lab) canalKeys() map[string]string {
	if l.opts.Canal == "" {
		return nil
	}
	return map[string]string{
		"canal.type": "interface", "canal.interface": yamlList(CanalDevices), "canal.metered": "true",
		"resolver.servers":       yamlList(InboundAddrs),
		"endpoint.private_cidrs": yamlList([]netip.Prefix{vpcRange}),
	}
}

// yamlList is a list in YAML's short form.
func yamlList[T any](items []T) string {
	return "[" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(items)), ", "), "[]") + "]"
}

// Dial makes the point-to-point device under a name, as pppd or a modem does.
func (c *Canal) Dial(name string) error {
	near, err := c.lab.Device.openTUN(name)
	if err != nil {
		return err
	}
	c.carrier.attach(near)
	c.name = name
	return c.lab.Device.ip(
		fmt.Sprintf("link set %s mtu %d", name, canalMTU),
		c.addAddress(),
		"link set "+name+" up",
	)
}

// HangUp takes the device away, as pppd does and as a modem that falls off USB.
func (c *Canal) HangUp() {
	c.carrier.attach(nil)
	c.name = ""
}

// Device is the name of the device now; empty after HangUp.
func (c *Canal) Device() string { return c.name }

// addAddress is the line of ip that gives the device its address.
func (c *Canal) addAddress() string {
	return fmt.Sprintf("addr add %s peer %s/32 dev %s", simAddr, simGateway, c.name)
}
