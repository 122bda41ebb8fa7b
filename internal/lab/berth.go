package lab

import (
	"context"
	"fmt"
	"net/netip"
)

// laptop is a number on the site's LAN that nothing else has.
const laptop = 200

// Berth is the device's place on the site's LAN, taken over by a virtual
// machine. What was the device's node is a technician's laptop on the same LAN
// now, and still on the machine's cable: faults and the capture work as before.
type Berth struct {
	Tap     string       // on the device's node, where the emulator has to run
	Machine netip.Prefix // the machine's own
	Gateway netip.Addr   // its router and DNS server
	Laptop  netip.Addr

	lab *Lab
}

// Vacate gives the device's place to a virtual machine. It ends with the lab.
func (l *Lab) Vacate() (*Berth, error) {
	lan := l.opts.lan()
	b := &Berth{Tap: "tap0", Machine: lan.Device, Gateway: lan.Gateway.Addr(), Laptop: laptopOf(lan), lab: l}
	// The bridge forwards from the start: it runs no spanning tree protocol.
	err := l.Device.ip(
		"addr flush dev eth0",
		"link add site type bridge",
		"tuntap add dev "+b.Tap+" mode tap",
		"link set eth0 master site",
		"link set "+b.Tap+" master site",
		"link set "+b.Tap+" up",
		"link set site up",
		fmt.Sprintf("addr add %s/%d dev site", b.Laptop, b.Machine.Bits()),
	)
	if err != nil {
		return nil, fmt.Errorf("giving the device's place away: %w", err)
	}
	return b, nil
}

// laptopOf returns the laptop's address in the device's network.
func laptopOf(lan lan) netip.Addr {
	a := lan.Device.Addr().As4()
	a[3] = laptop
	return netip.AddrFrom4(a)
}

// SSH runs a command on the machine from the laptop, with the office's key.
// The machine has to show the host key of the lab's device.
func (b *Berth) SSH(ctx context.Context, command string) (string, error) {
	args := append(b.lab.sshOptions(), "-o", "ConnectTimeout=60", "root@"+b.Machine.Addr().String(), command)
	return b.lab.Device.finish(b.lab.Device.Command(ctx, "ssh", args...), b.lab.Device.Do) // an emulated machine may take longer than Run allows
}
