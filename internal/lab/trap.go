package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Kind is what is wrong with a packet seen outside the private path.
type Kind string

// Kinds of packets that must never be seen on the uplink.
const (
	SightedTrap  Kind = "trap"  // TCP SYN to a public-looking address of a private name
	SightedName  Kind = "name"  // DNS query for a private name
	SightedStray Kind = "stray" // TCP or UDP packet to an address of the VPC
)

// Sighting is one packet of the device that should not have left in the open.
type Sighting struct {
	At   time.Time
	Kind Kind
	To   netip.AddrPort
	What string // for people
}

// String is one line: when, what kind, and the packet.
func (s Sighting) String() string {
	return fmt.Sprintf("%s %s: %s", s.At.Format("15:04:05.000"), s.Kind, s.What)
}

// TrapReport is what the capture on the uplink has seen.
type TrapReport struct {
	Frames uint64 // on the device's cable in all
	Trap   []Sighting
	Names  []Sighting
	Strays []Sighting // an address of the VPC means somebody else outside it
}

func newTrapReport(frames uint64, seen []Sighting) TrapReport {
	r := TrapReport{Frames: frames}
	for _, s := range seen {
		switch s.Kind {
		case SightedTrap:
			r.Trap = append(r.Trap, s)
		case SightedName:
			r.Names = append(r.Names, s)
		case SightedStray:
			r.Strays = append(r.Strays, s)
		}
	}
	return r
}

// Clean reports whether nothing was seen that should not have been.
func (r TrapReport) Clean() bool { return len(r.Trap)+len(r.Names)+len(r.Strays) == 0 }

// String is one line with the counts and one for each sighting.
func (r TrapReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d packets to the trap, %d queries for private names, %d strays among %d frames on the uplink",
		len(r.Trap), len(r.Names), len(r.Strays), r.Frames)
	for _, list := range [][]Sighting{r.Trap, r.Names, r.Strays} {
		for _, s := range list {
			fmt.Fprintf(&b, "\n  %s", s)
		}
	}
	return b.String()
}

// Protocol numbers of IANA, and the length of an Ethernet header.
const (
	etherIPv4, etherIPv6 = 0x0800, 0x86dd
	protoTCP, protoUDP   = 6, 17
	etherHeader          = 14
	dnsPort              = 53
)

// packet is the part of a frame that classify looks at.
type packet struct {
	proto    byte
	src, dst netip.AddrPort
	syn      bool // a TCP SYN without ACK
	payload  []byte
}

// classify tells whether an Ethernet frame should not be on the uplink, and as
// what it counts. What it cannot read it lets pass: no such frame can be an
// IPv4 connection or an unfragmented query.
func classify(frame []byte) (Sighting, bool) {
	p, ok := parseFrame(frame)
	if !ok {
		return Sighting{}, false
	}
	s := Sighting{To: p.dst}
	name, isQuery := queriedName(p)
	switch {
	case p.syn && TrapRange.Contains(p.dst.Addr()):
		s.Kind, s.What = SightedTrap, fmt.Sprintf("TCP SYN %s > %s", p.src, p.dst)
	case isQuery && isPrivateName(name):
		s.Kind, s.What = SightedName, fmt.Sprintf("query for %s %s > %s", name, p.src, p.dst)
	case isVPC(p.dst.Addr()) && (p.syn || p.proto == protoUDP):
		s.Kind, s.What = SightedStray, fmt.Sprintf("packet to the VPC in the open %s > %s", p.src, p.dst)
	default:
		return Sighting{}, false
	}
	return s, true
}

func parseFrame(frame []byte) (packet, bool) {
	if len(frame) < etherHeader {
		return packet{}, false
	}
	body := frame[etherHeader:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		return parseIPv4(body)
	case etherIPv6:
		return parseIPv6(body)
	}
	return packet{}, false
}

// parseIPv4 reads a header of RFC 791. A later fragment has no ports.
func parseIPv4(b []byte) (packet, bool) {
	if len(b) < 20 || int(b[0]&0xf)*4 < 20 || len(b) < int(b[0]&0xf)*4 {
		return packet{}, false
	}
	if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return packet{}, false
	}
	src, _ := netip.AddrFromSlice(b[12:16])
	dst, _ := netip.AddrFromSlice(b[16:20])
	return parsePorts(b[9], src, dst, b[int(b[0]&0xf)*4:])
}

// parseIPv6 reads a header of RFC 8200 without extension headers.
func parseIPv6(b []byte) (packet, bool) {
	if len(b) < 40 {
		return packet{}, false
	}
	src, _ := netip.AddrFromSlice(b[8:24])
	dst, _ := netip.AddrFromSlice(b[24:40])
	return parsePorts(b[6], src, dst, b[40:])
}

func parsePorts(proto byte, src, dst netip.Addr, b []byte) (packet, bool) {
	header := map[byte]int{protoUDP: 8, protoTCP: 20}[proto]
	if header == 0 || len(b) < header {
		return packet{}, false
	}
	p := packet{
		proto: proto,
		src:   netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)),
		dst:   netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:])),
	}
	if proto == protoTCP {
		const syn, ack = 0x02, 0x10
		p.syn = b[13]&(syn|ack) == syn
		header = int(b[12]>>4) * 4
	}
	if header <= len(b) {
		p.payload = b[header:]
	}
	return p, true
}

// queriedName returns the name that a DNS query asks for.
func queriedName(p packet) (string, bool) {
	if p.dst.Port() != dnsPort {
		return "", false
	}
	body := p.payload
	if p.proto == protoTCP && len(body) > 2 {
		body = body[2:] // RFC 1035, section 4.2.2: a length comes first
	}
	var m dns.Msg
	if m.Unpack(body) != nil || m.Response || len(m.Question) == 0 {
		return "", false
	}
	return m.Question[0].Name, true
}
