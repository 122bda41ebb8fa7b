package resolver

import (
	"net"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// wrapped notes what is given to Wrap.
type wrapped struct {
	mu      sync.Mutex
	devices []string
}

func (w *wrapped) wrap(device string, c net.Conn) net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.devices = append(w.devices, device)
	return c
}

// Only what goes through a link is counted: the uplink's queries are not its cost.
func TestConnectionsThroughADeviceAreWrapped(t *testing.T) {
	server := realServer(t, func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetReply(q)) }, nil)
	var w wrapped
	c := &Client{Wrap: w.wrap}
	for _, device := range []string{"", "lo"} {
		if _, err := c.Exchange(t.Context(), new(dns.Msg).SetQuestion(testHost+".", dns.TypeA), server, device); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.devices) != 1 || w.devices[0] != "lo" {
		t.Errorf("wrapped for %q, want lo alone", w.devices)
	}
}

func TestDialledConnectionsAreWrapped(t *testing.T) {
	r := newDialRig(t)
	var w wrapped
	r.verifier.o.Wrap = w.wrap
	conn, err := r.verifier.Dial(t.Context(), r.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if len(w.devices) != 1 || w.devices[0] != "lo" {
		t.Errorf("wrapped for %q, want lo", w.devices)
	}
}
