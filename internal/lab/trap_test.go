package lab

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// frame builds an Ethernet frame with an IPv4 packet.
func frame(proto byte, dst string, port uint16, transport []byte) []byte {
	f := make([]byte, etherHeader)
	binary.BigEndian.PutUint16(f[12:], etherIPv4)
	ip := make([]byte, 20)
	ip[0], ip[9] = 0x45, proto
	copy(ip[12:], netip.MustParseAddr("192.168.77.2").AsSlice())
	copy(ip[16:], netip.MustParseAddr(dst).AsSlice())
	binary.BigEndian.PutUint16(transport, 40000)
	binary.BigEndian.PutUint16(transport[2:], port)
	return append(append(f, ip...), transport...)
}

func tcp(flags byte, payload ...byte) []byte {
	h := make([]byte, 20)
	h[12], h[13] = 5<<4, flags
	return append(h, payload...)
}

func udp(payload []byte) []byte { return append(make([]byte, 8), payload...) }

func query(t testing.TB, name string) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeAAAA)
	m.SetEdns0(1232, false)
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// overTCP puts the length in front that TCP needs.
func overTCP(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

func TestClassify(t *testing.T) {
	const syn, synAck, ack = 0x02, 0x12, 0x10
	tests := []struct {
		name  string
		frame []byte
		want  Kind // "" is nothing
	}{
		{"SYN to the trap", frame(protoTCP, "198.51.100.83", 8883, tcp(syn)), SightedTrap},
		{"SYN to the public tunneling service", frame(protoTCP, "198.51.100.88", 443, tcp(syn)), SightedTrap},
		{"ACK to the trap", frame(protoTCP, "198.51.100.83", 8883, tcp(ack)), ""},
		{"SYN-ACK to the trap", frame(protoTCP, "198.51.100.83", 8883, tcp(synAck)), ""},
		{"SYN beside the trap", frame(protoTCP, "198.51.100.7", 80, tcp(syn)), ""},
		{"query for the endpoint", frame(protoUDP, "192.168.77.1", 53, udp(query(t, EndpointHost))), SightedName},
		{"in capitals", frame(protoUDP, "192.168.77.1", 53, udp(query(t, "Data.Tunneling.IOT.ap-northeast-1.AMAZONAWS.com"))), SightedName},
		{"over TCP", frame(protoTCP, "192.168.77.1", 53, tcp(ack, overTCP(query(t, EndpointHost))...)), SightedName},
		{"of the VPN's own name", frame(protoUDP, "192.168.77.1", 53, udp(query(t, VPNHost))), ""},
		{"of a name under it", frame(protoUDP, "192.168.77.1", 53, udp(query(t, "4f2a."+VPNHost))), ""},
		{"of a name that only ends like it", frame(protoUDP, "192.168.77.1", 53, udp(query(t, "x"+VPNHost))), SightedName},
		{"of an ordinary name", frame(protoUDP, "192.168.77.1", 53, udp(query(t, OrdinaryHost))), ""},
		{"of a name that only ends like a private one", frame(protoUDP, "192.168.77.1", 53, udp(query(t, "notamazonaws.com"))), ""},
		{"SYN to the broker in the open", frame(protoTCP, "10.0.6.105", 8883, tcp(syn)), SightedStray},
		{"ordinary query to the VPC resolver in the open", frame(protoUDP, "10.0.0.2", 53, udp(query(t, OrdinaryHost))), SightedStray},
		{"a machine of the LAN", frame(protoTCP, "10.0.0.1", 80, tcp(syn)), ""},
		{"cut off", frame(protoTCP, "198.51.100.83", 8883, tcp(syn))[:40], ""},
		{"empty", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, bad := classify(tt.frame)
			if got.Kind != tt.want || bad != (tt.want != "") {
				t.Errorf("got %q %v, want %q", got.Kind, bad, tt.want)
			}
		})
	}
}

func TestClassifyPassesAResponse(t *testing.T) {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(EndpointHost), dns.TypeA)
	m.Response = true
	data, err := m.Pack()
	must(t, err)
	if got, bad := classify(frame(protoUDP, "192.168.77.1", 53, udp(data))); bad {
		t.Errorf("a response counts as %v", got)
	}
}

func TestClassifyPassesALaterFragment(t *testing.T) {
	f := frame(protoTCP, "198.51.100.83", 8883, tcp(0x02))
	f[etherHeader+7] = 1 // fragment offset: these bytes are no TCP header
	if got, bad := classify(f); bad {
		t.Errorf("a later fragment counts as %v", got)
	}
}

func TestClassifyReadsIPv6(t *testing.T) {
	payload := udp(query(t, EndpointHost))
	binary.BigEndian.PutUint16(payload[2:], dnsPort)
	ip := make([]byte, 40)
	ip[0], ip[6] = 0x60, protoUDP
	f := make([]byte, etherHeader)
	binary.BigEndian.PutUint16(f[12:], etherIPv6)
	if got, _ := classify(append(append(f, ip...), payload...)); got.Kind != SightedName {
		t.Errorf("got %q, want %q", got.Kind, SightedName)
	}
}

func TestReportNamesEverySighting(t *testing.T) {
	r := newTrapReport(9, []Sighting{{Kind: SightedTrap}, {Kind: SightedName}, {Kind: SightedName}, {Kind: SightedStray}})
	if len(r.Trap) != 1 || len(r.Names) != 2 || len(r.Strays) != 1 || r.Clean() {
		t.Errorf("got %s", r)
	}
	if r := newTrapReport(9, nil); !r.Clean() {
		t.Errorf("got %s, want a clean report", r)
	}
}

// FuzzClassify feeds it what any machine may put on a cable.
func FuzzClassify(f *testing.F) {
	f.Add(frame(protoTCP, "198.51.100.83", 8883, tcp(0x02)))
	f.Add(frame(protoUDP, "192.168.77.1", 53, udp(query(f, EndpointHost))))
	f.Add(frame(protoTCP, "192.168.77.1", 53, tcp(0x10, overTCP(query(f, EndpointHost))...)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, bad := classify(data)
		if bad != (s.Kind != "") {
			t.Errorf("counted %v as %q", bad, s.Kind)
		}
	})
}
