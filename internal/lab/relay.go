package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// relayPort is where the relay listens on the uplink.
const relayPort = 1443

// relayQueue is how many packets may be on their way in one direction; more
// are dropped, as a modem does.
const relayQueue = 4096

// relayRules send the device's packets for the VPN server to the relay.
const relayRules = `
table ip relay {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "lan" ip daddr %s udp dport 443 redirect to :%d
	}
}`

// startRelay puts a relay between the device and the VPN server that holds
// every packet back for a while, both ways: not every kernel has netem.
func (l *Lab) startRelay() error {
	delay := l.opts.Delay
	if delay == 0 {
		return nil
	}
	r := &relay{lab: l, delay: delay, done: make(chan struct{}), flows: map[netip.AddrPort]*relayFlow{}}
	if err := l.Uplink.nft(fmt.Sprintf(relayRules, VPNAddr, relayPort)); err != nil {
		return err
	}
	conn, err := l.Uplink.ListenUDP(fmt.Sprintf("0.0.0.0:%d", relayPort))
	if err != nil {
		return fmt.Errorf("starting the relay: %w", err)
	}
	r.conn = conn
	l.atClose(r.close)
	go r.run()
	return nil
}

// relay is a UDP relay with a flow for each client.
type relay struct {
	lab   *Lab
	delay time.Duration
	conn  *net.UDPConn // towards the device
	done  chan struct{}
	flows map[netip.AddrPort]*relayFlow // run's alone
}

// relayFlow is one client's way to the server.
type relayFlow struct {
	server net.Conn
	queue  chan heldPacket
}

// heldPacket is a packet and when it may go on.
type heldPacket struct {
	due  time.Time
	data []byte
}

func (r *relay) run() {
	defer close(r.done)
	defer r.end()
	buf := make([]byte, maxFrame)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier packet
		}
		flow, err := r.flow(from)
		if err != nil {
			continue // lost, as packets are
		}
		hold(flow.queue, r.delay, buf[:n])
	}
}

// flow returns the client's flow, a new one for a new client.
func (r *relay) flow(from netip.AddrPort) (*relayFlow, error) {
	if f := r.flows[from]; f != nil {
		return f, nil
	}
	server, err := r.lab.Uplink.Dial(context.Background(), "udp", netip.AddrPortFrom(VPNAddr, 443).String())
	if err != nil {
		return nil, err
	}
	f := &relayFlow{server: server, queue: make(chan heldPacket, relayQueue)}
	r.flows[from] = f
	back := make(chan heldPacket, relayQueue)
	// What cannot be sent is lost, as packets are.
	go release(f.queue, func(p []byte) { _, _ = server.Write(p) })
	go release(back, func(p []byte) { _, _ = r.conn.WriteToUDPAddrPort(p, from) })
	go r.answers(server, back)
	return f, nil
}

// answers holds back what the server sends, until its socket is closed.
func (r *relay) answers(server net.Conn, back chan heldPacket) {
	defer close(back)
	buf := make([]byte, maxFrame)
	for {
		n, err := server.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			hold(back, r.delay, buf[:n])
		}
	}
}

// hold copies a packet into a queue; a full one loses it, as a modem's does.
func hold(queue chan heldPacket, delay time.Duration, data []byte) {
	select {
	case queue <- heldPacket{due: time.Now().Add(delay), data: append([]byte(nil), data...)}:
	default:
	}
}

// release sends what is held back when it is due, in order.
func release(queue chan heldPacket, send func([]byte)) {
	for p := range queue {
		time.Sleep(time.Until(p.due))
		send(p.data)
	}
}

// end closes all flows; packets on their way are lost.
func (r *relay) end() {
	for _, f := range r.flows {
		f.server.Close()
		close(f.queue)
	}
}

func (r *relay) close() {
	r.conn.Close()
	<-r.done
}
