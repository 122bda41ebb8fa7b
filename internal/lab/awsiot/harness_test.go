package awsiot

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"edgeagent/internal/lab/pki"
)

// patience bounds every wait. It is no measure of anything.
const patience = 20 * time.Second

type rig struct {
	t      *testing.T
	broker *Broker
	addr   string
	client *tls.Config
}

func start(t *testing.T, q Quirks) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return startWith(t, Options{Quirks: q}, l)
}

func startWith(t *testing.T, o Options, l net.Listener) *rig {
	t.Helper()
	ca, err := pki.NewCA("Test CA")
	must(t, err)
	server, err := ca.Server("iot.example.com")
	must(t, err)
	device, err := ca.Client("gw-042")
	must(t, err)
	serverCert, err := server.TLS()
	must(t, err)
	deviceCert, err := device.TLS()
	must(t, err)
	o.Listeners = []net.Listener{l}
	o.TLS = &tls.Config{Certificates: []tls.Certificate{serverCert}, ClientCAs: ca.Pool()}
	b, err := Start(t.Context(), o)
	must(t, err)
	t.Cleanup(b.Close)
	return &rig{t: t, broker: b, addr: l.Addr().String(), client: &tls.Config{
		ServerName: "iot.example.com", RootCAs: ca.Pool(), Certificates: []tls.Certificate{deviceCert},
	}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wire is a connection on which a test speaks MQTT packet by packet.
type wire struct {
	t *testing.T
	net.Conn
}

func (r *rig) dial() *wire {
	r.t.Helper()
	c, err := tls.Dial("tcp", r.addr, r.client)
	must(r.t, err)
	must(r.t, c.SetDeadline(time.Now().Add(patience)))
	r.t.Cleanup(func() { c.Close() })
	return &wire{t: r.t, Conn: c}
}

func (w *wire) send(p packets.ControlPacket) {
	w.t.Helper()
	must(w.t, p.Write(w))
}

func connectPacket(id string) *packets.ConnectPacket {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.ClientIdentifier = "MQTT", 4, id
	p.CleanSession, p.Keepalive = true, 230
	return p
}

// connack reads the answer to CONNECT: its code, or an error if the broker closed.
func (w *wire) connack() (byte, error) {
	p, err := packets.ReadPacket(w)
	if err != nil {
		return 0, err
	}
	ack, ok := p.(*packets.ConnackPacket)
	if !ok {
		w.t.Fatalf("answer to CONNECT: %v", p)
	}
	return ack.ReturnCode, nil
}

func (r *rig) session(id string) *wire {
	r.t.Helper()
	w := r.dial()
	w.send(connectPacket(id))
	if code, err := w.connack(); code != 0 || err != nil {
		r.t.Fatalf("CONNECT of %s: code %d, %v", id, code, err)
	}
	return w
}

// closed fails unless the broker has closed the connection without a packet.
func (w *wire) closed() {
	w.t.Helper()
	p, err := packets.ReadPacket(w)
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		w.t.Fatalf("the broker did not close: packet %v, error %v", p, err)
	}
}

// until waits for the broker to have recorded what done looks for.
func (r *rig) until(what string, done func() bool) {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		changed := r.broker.Changed()
		if done() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			r.t.Fatalf("not seen: %s", what)
		}
	}
}

// pastGap moves the last CONNECT of a client id out of the quota's second.
func (r *rig) pastGap(id string) {
	r.broker.note(func() { r.broker.log.last[id] = time.Now().Add(-connectInterval) })
}

func publishPacket(topic string, payload []byte, qos byte) *packets.PublishPacket {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.MessageID = topic, payload, qos, 1
	return p
}

func subscribePacket(filters ...string) *packets.SubscribePacket {
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = 1, filters, make([]byte, len(filters))
	return p
}
