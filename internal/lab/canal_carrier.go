package lab

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// carrier is the mobile network between the SIM and the VPC: it takes packets
// from one TUN device and puts them into another, and answers the pong itself.
type carrier struct {
	far      *os.File // of the VPC
	counters struct{ up, down, strays atomic.Int64 }

	mu    sync.Mutex
	near  *os.File // of the gateway; nil: hung up
	state carrierState
	air   [2]time.Time // when the radio is free again, up and down
	dice  *rand.Rand

	up, down chan heldPacket
	closed   bool
	readers  sync.WaitGroup
}

// carrierState is what faults change.
type carrierState struct {
	silent, vpcDead, deaf bool // deaf: without a signal
	radio                 Radio
}

func newCarrier(far *os.File) *carrier {
	c := &carrier{
		far: far, dice: rand.New(rand.NewPCG(1, 2)),
		up: make(chan heldPacket, relayQueue), down: make(chan heldPacket, relayQueue),
	}
	c.readers.Go(func() { read(far, c.fromVPC) })
	// What cannot be written is lost, as packets are.
	go release(c.up, func(p []byte) { _, _ = far.Write(p) })
	go release(c.down, c.deliver)
	return c
}

// attach puts another device in the place of the gateway's, or none. The old one
// is gone when it returns.
func (c *carrier) attach(near *os.File) {
	c.mu.Lock()
	old := c.near
	c.near = near
	c.mu.Unlock()
	if old != nil {
		old.Close()
	}
	if near != nil {
		c.readers.Go(func() { read(near, c.fromDevice) })
	}
}

// read hands every packet of a TUN device on until the device is closed.
func read(tun *os.File, take func([]byte)) {
	buf := make([]byte, maxFrame)
	for {
		n, err := tun.Read(buf)
		if err != nil {
			return
		}
		take(buf[:n])
	}
}

// set changes the state.
func (c *carrier) set(change func(*carrierState)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.state)
}

// fromDevice decides what becomes of a packet that the gateway has sent.
func (c *carrier) fromDevice(p []byte) {
	dst, ok := destination(p)
	if !ok {
		return // IPv6, which a SIM of this kind does not carry
	}
	c.counters.up.Add(int64(len(p)))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state.silent || c.state.deaf:
	case dst == PongAddr:
		if answer := pong(p); answer != nil {
			c.send(1, c.down, answer)
		}
	case vpcRange.Contains(dst) && dst != ResolverAddr:
		if !c.state.vpcDead {
			c.send(0, c.up, p)
		}
	default:
		c.counters.strays.Add(1)
	}
}

// fromVPC is the way back.
func (c *carrier) fromVPC(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if dst, ok := destination(p); ok && dst == simAddr && !c.state.vpcDead {
		c.send(1, c.down, p)
	}
}

// send puts a packet on the air, which carries one after the other each way.
func (c *carrier) send(way int, queue chan heldPacket, p []byte) {
	r := c.state.radio
	if r.Loss > 0 && c.dice.Float64() < r.Loss {
		return
	}
	now := time.Now()
	free := now
	if c.air[way].After(now) {
		free = c.air[way]
	}
	if r.Rate > 0 {
		free = free.Add(time.Duration(len(p)) * time.Second / time.Duration(r.Rate))
	}
	c.air[way] = free
	hold(queue, free.Sub(now)+r.Delay, p)
}

// deliver hands a packet to the gateway.
func (c *carrier) deliver(p []byte) {
	c.mu.Lock()
	near, silent := c.near, c.state.silent || c.state.deaf
	c.mu.Unlock()
	if near == nil || silent {
		return
	}
	if _, err := near.Write(p); err == nil {
		c.counters.down.Add(int64(len(p)))
	}
}

// signal sets the carrier of the gateway's device.
func (c *carrier) signal(on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The kernel stops the device's queue up to a second later.
	c.state.deaf = !on
	return setCarrier(c.near, on)
}

// close ends everything. Packets on the air are lost.
func (c *carrier) close() {
	c.attach(nil)
	c.far.Close()
	c.readers.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.up)
		close(c.down)
	}
}

// Offsets in an IPv4 header (RFC 791) and an ICMP echo (RFC 792).
const (
	ipMinHeader = 20
	ipProtocol  = 9
	ipSource    = 12
	ipTarget    = 16
	icmpEcho    = 8
	protoICMP   = 1
)

// destination reads the address that an IPv4 packet is for.
func destination(p []byte) (netip.Addr, bool) {
	if len(p) < ipMinHeader || p[0]>>4 != 4 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(p[ipTarget:])), true
}

// pong returns the answer to an echo request, nil to anything else.
func pong(p []byte) []byte {
	header := int(p[0]&0xf) * 4
	if header < ipMinHeader || len(p) < header+8 || p[ipProtocol] != protoICMP || p[header] != icmpEcho {
		return nil
	}
	answer := append([]byte(nil), p...)
	copy(answer[ipSource:], p[ipTarget:ipTarget+4])
	copy(answer[ipTarget:], p[ipSource:ipSource+4])
	icmp := answer[header:]
	icmp[0], icmp[2], icmp[3] = 0, 0, 0 // an echo reply; the checksum anew
	binary.BigEndian.PutUint16(icmp[2:], checksum(icmp))
	return answer
}

// checksum is that of RFC 1071.
func checksum(p []byte) uint16 {
	var sum uint32
	for ; len(p) > 1; p = p[2:] {
		sum += uint32(binary.BigEndian.Uint16(p))
	}
	if len(p) == 1 {
		sum += uint32(p[0]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
