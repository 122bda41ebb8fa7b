package awsiot

import (
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	mochi "github.com/mochi-mqtt/server/v2"
	mochipackets "github.com/mochi-mqtt/server/v2/packets"
)

// TestOverlappingConnectsLeaveOneSession: a CONNECT that the client has given up is
// answered while its next one comes in. The next one has to get what was kept as
// well as what is published from then on.
func TestOverlappingConnectsLeaveOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keepOne(t)
		h.takeOver().NetConn().Close()
		time.Sleep(connectInterval)
		next := h.pipe()
		next.send(keptConnect())
		synctest.Wait() // it comes as far as it can
		close(h.midway.goOn)
		next.accepted()
		published := make(chan error, 1)
		go func() { published <- h.broker.Publish("t", []byte("later"), false) }()
		next.wants("kept", "later")
		must(t, <-published)
	})
}

// TestAMessageDuringATakeoverIsKept: it belongs to neither connection yet.
func TestAMessageDuringATakeoverIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keepOne(t)
		next := h.takeOver()
		published := make(chan error, 1)
		go func() { published <- h.broker.Publish("t", []byte("meanwhile"), false) }()
		synctest.Wait()
		close(h.midway.goOn)
		next.accepted()
		next.wants("kept", "meanwhile")
		must(t, <-published)
	})
}

// handover is a Broker that keeps one message for a client, and whose first takeover
// with a message stops midway.
type handover struct {
	*rig
	l      *pipes
	midway *midwayHook
}

func keepOne(t *testing.T) *handover {
	t.Helper()
	h := &handover{l: newPipes(), midway: &midwayHook{reached: make(chan struct{}), goOn: make(chan struct{})}}
	h.rig = startWith(t, Options{}, h.l)
	must(t, h.broker.server.AddHook(h.midway, nil))
	first := h.pipe()
	first.connects()
	first.subscribes("t")
	first.NetConn().Close()
	synctest.Wait()
	must(t, h.broker.Publish("t", []byte("kept"), false))
	return h
}

func (h *handover) pipe() *pipeWire {
	h.t.Helper()
	return h.rig.pipe(h.l)
}

// takeOver returns when a CONNECT is being answered.
func (h *handover) takeOver() *pipeWire {
	h.t.Helper()
	time.Sleep(connectInterval)
	w := h.pipe()
	w.send(keptConnect())
	<-h.midway.reached
	return w
}

// midwayHook stops the first takeover between its steps.
type midwayHook struct {
	mochi.HookBase
	once          sync.Once
	reached, goOn chan struct{}
}

func (h *midwayHook) ID() string { return "midway" }

func (h *midwayHook) Provides(kind byte) bool { return kind == mochi.OnQosDropped }

// OnQosDropped is called when the session that is taken over has been copied and
// is emptied.
func (h *midwayHook) OnQosDropped(*mochi.Client, mochipackets.Packet) {
	h.once.Do(func() {
		close(h.reached)
		<-h.goOn
	})
}

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// pipe connects to l.
func (r *rig) pipe(l *pipes) *pipeWire {
	r.t.Helper()
	near, far := net.Pipe()
	l.conns <- far
	c := tls.Client(near, r.client)
	must(r.t, c.SetDeadline(time.Now().Add(patience)))
	must(r.t, c.HandshakeContext(r.t.Context()))
	r.t.Cleanup(func() { near.Close() })
	return &pipeWire{wire{t: r.t, Conn: c}}
}

// pipeWire is a wire over a pipe.
type pipeWire struct{ wire }

// NetConn is what is below TLS: closing it is closing without a word.
func (w *pipeWire) NetConn() net.Conn { return w.Conn.(*tls.Conn).NetConn() }

func keptConnect() *packets.ConnectPacket {
	p := connectPacket("gw-042")
	p.CleanSession = false
	return p
}

func (w *pipeWire) connects() {
	w.t.Helper()
	w.send(keptConnect())
	w.accepted()
}

func (w *pipeWire) accepted() {
	w.t.Helper()
	if code, err := w.connack(); code != 0 || err != nil {
		w.t.Fatalf("CONNACK %d, %v", code, err)
	}
}

// wants reads as many messages, in any order: what comes just then may overtake
// what is sent again.
func (w *pipeWire) wants(payloads ...string) {
	w.t.Helper()
	var got []string
	for range payloads {
		got = append(got, w.message())
	}
	slices.Sort(got)
	slices.Sort(payloads)
	if !slices.Equal(got, payloads) {
		w.t.Errorf("messages %q, want %q", got, payloads)
	}
}

func (w *pipeWire) subscribes(filter string) {
	w.t.Helper()
	p := subscribePacket(filter)
	p.Qoss[0] = 1
	w.send(p)
	if _, err := packets.ReadPacket(w); err != nil {
		w.t.Fatal(err)
	}
}

// message returns the next message's payload.
func (w *pipeWire) message() string {
	w.t.Helper()
	p, err := packets.ReadPacket(w)
	if err != nil {
		w.t.Fatalf("no message: %v", err)
	}
	m, ok := p.(*packets.PublishPacket)
	if !ok {
		w.t.Fatalf("not a message: %v", p)
	}
	return string(m.Payload)
}
