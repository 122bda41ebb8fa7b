package mqtt

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// script is a broker for fake time: TLS over net.Pipe, and an answer for each
// packet. It stands behind a path of its own.
type script struct {
	t   *testing.T
	tls *tls.Config

	mu       sync.Mutex
	connects []connected
	conns    []net.Conn
	packets  []packets.ControlPacket

	// answer handles a packet in place of the default. False: the default.
	answer func(c net.Conn, p packets.ControlPacket) bool
	// mute accepts connections and says nothing, not even TLS.
	mute bool
}

type connected struct {
	at    time.Time
	clean bool
}

func newScript(t *testing.T, c *certs) *script {
	return &script{t: t, tls: c.server()}
}

// scripted is a rig with a scripted broker, for use in a synctest bubble.
func scripted(t *testing.T, answer func(net.Conn, packets.ControlPacket) bool, change ...func(*Options)) (*rig, *script) {
	t.Helper()
	c := newCerts(t)
	s := newScript(t, c)
	s.answer = answer
	p := newPath("10.0.6.105:8883")
	p.dial = s.dial
	r := newRig(t, c, p, change...)
	r.reports.patience = 24 * time.Hour
	return r, s
}

func (s *script) dial(context.Context, netip.AddrPort) (net.Conn, error) {
	near, far := net.Pipe()
	s.mu.Lock()
	s.conns = append(s.conns, far)
	s.mu.Unlock()
	if s.mute {
		go func() { _, _ = io.Copy(io.Discard, far) }()
		return near, nil
	}
	go s.serve(far)
	return near, nil
}

func (s *script) serve(far net.Conn) {
	defer far.Close()
	secure := tls.Server(far, s.tls)
	if secure.Handshake() != nil {
		return
	}
	for {
		p, err := packets.ReadPacket(secure)
		if err != nil {
			return
		}
		s.note(p)
		if answer := s.said(); answer != nil && answer(secure, p) {
			continue
		}
		if !usual(secure, p) {
			return
		}
	}
}

func (s *script) said() func(net.Conn, packets.ControlPacket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer
}

// say changes how packets are answered.
func (s *script) say(answer func(net.Conn, packets.ControlPacket) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *script) note(p packets.ControlPacket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets = append(s.packets, p)
	if c, ok := p.(*packets.ConnectPacket); ok {
		s.connects = append(s.connects, connected{at: time.Now(), clean: c.CleanSession})
	}
}

// usual answers as a broker does that has no objections. False: close.
func usual(c net.Conn, p packets.ControlPacket) bool {
	var answer packets.ControlPacket
	switch p := p.(type) {
	case *packets.ConnectPacket:
		answer = packets.NewControlPacket(packets.Connack)
	case *packets.SubscribePacket:
		ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		ack.MessageID, ack.ReturnCodes = p.MessageID, []byte{1}
		answer = ack
	case *packets.PublishPacket:
		ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
		ack.MessageID = p.MessageID
		answer = ack
	case *packets.PingreqPacket:
		answer = packets.NewControlPacket(packets.Pingresp)
	default:
		return false
	}
	return answer.Write(c) == nil
}

// closing answers a packet of the given kind by closing.
func closing[P packets.ControlPacket](c net.Conn, p packets.ControlPacket) bool {
	_, ok := p.(P)
	if ok {
		c.Close()
	}
	return ok
}

func (s *script) connectTimes() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []time.Time
	for _, c := range s.connects {
		all = append(all, c.at)
	}
	return all
}

func (s *script) cleans() []bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []bool
	for _, c := range s.connects {
		all = append(all, c.clean)
	}
	return all
}

// of returns the packets of one kind that came in.
func of[P packets.ControlPacket](s *script) []P {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []P
	for _, p := range s.packets {
		if p, ok := p.(P); ok {
			all = append(all, p)
		}
	}
	return all
}

// cut closes the last connection.
func (s *script) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[len(s.conns)-1].Close()
}

func (s *script) published() []*packets.PublishPacket { return of[*packets.PublishPacket](s) }
