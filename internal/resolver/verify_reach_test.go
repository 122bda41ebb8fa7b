package resolver

import (
	"context"
	"net"
	"testing"
	"time"
)

// reach asks with a second's patience.
func (r *dialRig) reach(t *testing.T, path Path) (asked bool, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return r.verifier.Reach(ctx, path)
}

// mute counts what is written.
type mute struct {
	net.Conn
	written int
}

func (m *mute) Write(b []byte) (int, error) {
	m.written += len(b)
	return m.Conn.Write(b)
}

// The listener is no witness: to the kernel, a connection that was reset before it
// was accepted has never been.
func TestReachNeedsNoProofThatHoldsNow(t *testing.T) {
	r := newDialRig(t)
	var knocks []*mute
	r.verifier.o.Wrap = func(device string, c net.Conn) net.Conn {
		if device != r.path.Device {
			t.Errorf("it knocked through %s", device)
		}
		knocks = append(knocks, &mute{Conn: c})
		return knocks[len(knocks)-1]
	}
	r.verifier.publish(proof{path: r.path, addrs: mustAddrs("127.0.0.1")}) // the one that listens
	r.verifier.publish(proof{})                                            // the resolver has been silent for long
	if asked, err := r.reach(t, r.path); !asked || err != nil {
		t.Fatalf("asked %t, %v", asked, err)
	}
	if len(knocks) != 1 || knocks[0].written > 0 {
		t.Errorf("%d connections, want one on which nothing is said: %+v", len(knocks), knocks)
	}
}

func TestReachTakesARefusalForAnAnswer(t *testing.T) {
	r := newDialRig(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.verifier.o.Endpoint.Port = uint16(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	if asked, err := r.reach(t, r.path); !asked || err != nil {
		t.Errorf("asked %t, %v", asked, err)
	}
}

func TestReachTakesNoOtherWay(t *testing.T) {
	r := newDialRig(t)
	other := r.path
	other.Link = "canal"
	if asked, err := r.reach(t, other); asked || err == nil {
		t.Errorf("over another link: asked %t, %v", asked, err)
	}
	gone := r.path
	gone.Device = "eagone0"
	if asked, err := r.reach(t, gone); !asked || err == nil {
		t.Errorf("through a device that is not there: asked %t, %v", asked, err)
	}
	if n := len(r.accepted); n > 0 {
		t.Errorf("%d connections arrived", n)
	}
}

func TestReachMeetsSilence(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		r := newDialRig(t)
		path, _ := farSide(t)
		path.Link = r.path.Link
		r.verifier.publish(proof{path: path, addrs: mustAddrs("10.0.0.77", "10.0.0.78")}) // nobody there
		if asked, err := r.reach(t, path); !asked || err == nil {
			t.Errorf("asked %t, %v", asked, err)
		}
		r.verifier.publish(proof{path: path, addrs: mustAddrs("10.0.0.2", "10.0.0.77")})
		if asked, err := r.reach(t, path); !asked || err != nil {
			t.Errorf("with one that is there: asked %t, %v", asked, err)
		}
	})
}
