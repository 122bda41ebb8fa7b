package vpn

import (
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
)

func echo(t ipv4.ICMPType, id int, data string) []byte {
	b, err := (&icmp.Message{Type: t, Body: &icmp.Echo{ID: id, Seq: 7, Data: []byte(data)}}).Marshal(nil)
	if err != nil {
		panic(err)
	}
	return b
}

func TestOnlyOurOwnEchoIsAnAnswer(t *testing.T) {
	request := &icmp.Echo{ID: 4711, Seq: 7, Data: []byte("12345678")}
	for name, tt := range map[string]struct {
		packet []byte
		want   bool
	}{
		"reply":         {echo(ipv4.ICMPTypeEchoReply, 4711, "12345678"), true},
		"our request":   {echo(ipv4.ICMPTypeEcho, 4711, "12345678"), false},
		"another's":     {echo(ipv4.ICMPTypeEchoReply, 4712, "12345678"), false},
		"another's too": {echo(ipv4.ICMPTypeEchoReply, 4711, "12345679"), false},
		"cut off":       {echo(ipv4.ICMPTypeEchoReply, 4711, "12345678")[:6], false},
		"nothing":       {nil, false},
	} {
		if got := answers(tt.packet, request); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// Anybody may send ICMP to the device: nothing of it may end the agent.
func FuzzAnswers(f *testing.F) {
	f.Add(echo(ipv4.ICMPTypeEchoReply, 4711, "12345678"))
	f.Add(echo(ipv4.ICMPTypeDestinationUnreachable, 1, ""))
	request := &icmp.Echo{ID: 4711, Seq: 7, Data: []byte("12345678")}
	f.Fuzz(func(t *testing.T, packet []byte) {
		if answers(packet, request) && len(packet) != 8+len(request.Data) {
			t.Errorf("%x is taken for a reply", packet)
		}
	})
}
