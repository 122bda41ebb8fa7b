package lab

import (
	"fmt"
	"time"
)

// Carrier takes the signal away from the modem and gives it back; the device, its
// address and its routes stay.
func (c *Canal) Carrier(on bool) error { return c.carrier.signal(on) }

// Address takes the device's address away and gives it back, as a network that
// ends the session.
func (c *Canal) Address(on bool) error {
	if on {
		return c.lab.Device.ip(c.addAddress())
	}
	return c.lab.Device.ip("addr flush dev " + c.name)
}

// Rename gives the device another name, as udev does. Its routes are lost, its
// index and its address stay.
func (c *Canal) Rename(name string) error {
	err := c.lab.Device.ip(
		"link set "+c.name+" down",
		fmt.Sprintf("link set %s name %s", c.name, name),
		"link set "+name+" up",
	)
	if err == nil {
		c.name = name
	}
	return err
}

// Silent has the modem swallow everything, the pong too, while the device looks
// as it should.
func (c *Canal) Silent(on bool) { c.carrier.set(func(s *carrierState) { s.silent = on }) }

// VPCDead cuts the way from the carrier into the VPC: the pong answers, and
// nothing else.
func (c *Canal) VPCDead(on bool) { c.carrier.set(func(s *carrierState) { s.vpcDead = on }) }

// Radio is what the way through the air does to packets, each way.
type Radio struct {
	Delay time.Duration
	Loss  float64 // share of packets that are lost, 0 to 1
	Rate  int     // bytes a second; 0: no limit
}

// Weather changes the radio; the zero value is a cable.
func (c *Canal) Weather(r Radio) { c.carrier.set(func(s *carrierState) { s.radio = r }) }

// Traffic is what a SIM's owner pays for: bytes of IP packets.
type Traffic struct {
	Up, Down int64
	// Strays are packets for addresses that a closed network does not have.
	Strays int64
}

// Traffic returns what has passed since the lab was started.
func (c *Canal) Traffic() Traffic {
	s := &c.carrier.counters
	return Traffic{Up: s.up.Load(), Down: s.down.Load(), Strays: s.strays.Load()}
}
