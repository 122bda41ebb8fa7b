package awsiot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

func TestStartNeedsAListenerAndTLS(t *testing.T) {
	for _, o := range []Options{{}, {TLS: &tls.Config{}}} {
		if b, err := Start(context.Background(), o); err == nil {
			b.Close()
			t.Errorf("Start(%+v): no error", o)
		}
	}
}

func TestClientCertificateIsRequired(t *testing.T) {
	r := start(t, Quirks{})
	r.client.Certificates = nil
	c, err := tls.Dial("tcp", r.addr, r.client)
	if err == nil { // TLS 1.3 tells only with the first byte
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
	r.until("the failed handshake", func() bool { return r.broker.Counts().TLSFailures == 1 })
}

func TestRefusals(t *testing.T) {
	persistent := connectPacket("gw-042")
	persistent.CleanSession = false
	will := connectPacket("gw-042")
	will.WillFlag, will.WillTopic, will.WillMessage = true, "not/allowed", []byte("x")
	for name, c := range map[string]struct {
		quirks Quirks
		packet *packets.ConnectPacket
		code   byte // 0: closed without CONNACK
	}{
		"code 7":           {Quirks{ConnackCode: 7}, connectPacket("gw-042"), 7},
		"code 3":           {Quirks{ConnackCode: 3}, connectPacket("gw-042"), 3},
		"long client id":   {Quirks{}, connectPacket(strings.Repeat("x", 129)), 2},
		"close":            {Quirks{CloseOnConnect: true}, connectPacket("gw-042"), 0},
		"other VPC":        {Quirks{SourceVPCE: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}}, connectPacket("gw-042"), 0},
		"persistence":      {Quirks{ForbidPersistent: true}, persistent, 0},
		"will not allowed": {Quirks{Publish: []string{"allowed/#"}}, will, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, c.quirks)
			w := r.dial()
			w.send(c.packet)
			if c.code == 0 {
				w.closed()
				return
			}
			if code, err := w.connack(); code != c.code || err != nil {
				t.Errorf("CONNACK %d (%v), want %d", code, err, c.code)
			}
			w.closed()
		})
	}
}

func TestSourceVPCELetsItsOwnIn(t *testing.T) {
	r := start(t, Quirks{SourceVPCE: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	r.session("gw-042")
}

func TestKeepAliveIsSilentlyClamped(t *testing.T) {
	for asked, granted := range map[uint16]uint16{1200: 230, 0: 230, 60: 60} {
		t.Run(fmt.Sprint(asked), func(t *testing.T) {
			r := start(t, Quirks{})
			w := r.dial()
			p := connectPacket("gw-042")
			p.Keepalive = asked
			w.send(p)
			if code, err := w.connack(); code != 0 || err != nil {
				t.Fatalf("CONNACK %d, %v", code, err)
			}
			cl, _ := r.broker.server.Clients.Get("gw-042")
			if cl.State.Keepalive != granted {
				t.Errorf("asked for %d s: %d s, want %d", asked, cl.State.Keepalive, granted)
			}
			if got := r.broker.Connects()[0].KeepAlive; got != asked {
				t.Errorf("recorded %d s, want what was asked for, %d", got, asked)
			}
		})
	}
}

func TestTakeoverClosesTheOlderWithoutAPacket(t *testing.T) {
	r := start(t, Quirks{})
	old := r.session("gw-042")
	r.pastGap("gw-042")
	r.session("gw-042")
	old.closed()
}

func TestSecondConnectInASecondIsThrottled(t *testing.T) {
	r := start(t, Quirks{})
	r.session("gw-042").Close()
	w := r.dial()
	w.send(connectPacket("gw-042"))
	w.closed()
	r.session("gw-043") // another client id has its own quota
	if n := r.broker.Counts().Throttled; n != 1 {
		t.Errorf("%d CONNECTs throttled, want 1", n)
	}
}

func TestQuotasCostTheConnection(t *testing.T) {
	many := make([]string, 9)
	for i := range many {
		many[i] = fmt.Sprint("f", i)
	}
	exact := subscribePacket("f")
	exact.Qoss[0] = 2
	for name, p := range map[string]packets.ControlPacket{
		"payload":         publishPacket("a", make([]byte, 128<<10+1), 1),
		"topic length":    publishPacket(strings.Repeat("x", 257), nil, 1),
		"slashes":         publishPacket("1/2/3/4/5/6/7/8/9", nil, 1),
		"QoS 2":           publishPacket("a", nil, 2),
		"topic, QoS 1":    publishPacket("forbidden", nil, 1),
		"topic, QoS 0":    publishPacket("forbidden", nil, 0),
		"filters":         subscribePacket(many...),
		"subscribe QoS 2": exact,
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Quirks{Publish: []string{"a", "+/+/+/+/+/+/+/+/+", strings.Repeat("x", 257)}})
			w := r.session("gw-042")
			w.send(p)
			w.closed()
			if n := len(r.broker.Violations()); n != 1 {
				t.Errorf("violations %q, want one", r.broker.Violations())
			}
			if got := r.broker.Messages(); len(got) != 0 {
				t.Errorf("taken: %+v", got)
			}
		})
	}
}

func TestRateCostsTheConnection(t *testing.T) {
	r := start(t, Quirks{})
	now := time.Now()
	r.broker.note(func() {
		for range maxPublishRate {
			r.broker.log.sent["gw-042"] = append(r.broker.log.sent["gw-042"], now.Add(time.Hour))
		}
	})
	w := r.session("gw-042")
	w.send(publishPacket("a", nil, 1))
	w.closed()
}

func TestAllowedPublishIsTaken(t *testing.T) {
	r := start(t, Quirks{Publish: []string{"edgeagent/+/status"}})
	w := r.session("gw-042")
	p := publishPacket("edgeagent/gw-042/status", []byte("on"), 1)
	p.Retain = true
	w.send(p)
	if ack, err := packets.ReadPacket(w); err != nil {
		t.Fatal(err)
	} else if _, ok := ack.(*packets.PubackPacket); !ok {
		t.Fatalf("answer to PUBLISH: %v", ack)
	}
	got := r.broker.Messages()
	if len(got) != 1 || string(got[0].Payload) != "on" || !got[0].Retain || got[0].QoS != 1 {
		t.Errorf("recorded %+v", got)
	}
	if s := string(r.broker.Retained("edgeagent/gw-042/status")); s != "on" {
		t.Errorf("retained %q", s)
	}
}

func TestForbiddenSubscribe(t *testing.T) {
	for _, closes := range []bool{false, true} {
		t.Run(fmt.Sprint("closes ", closes), func(t *testing.T) {
			r := start(t, Quirks{Subscribe: []string{"other"}, SubscribeCloses: closes})
			w := r.session("gw-042")
			w.send(subscribePacket("$aws/things/gw-042/tunnels/notify"))
			if closes {
				w.closed()
				return
			}
			p, err := packets.ReadPacket(w)
			must(t, err)
			if ack, ok := p.(*packets.SubackPacket); !ok || len(ack.ReturnCodes) != 1 || ack.ReturnCodes[0] != 0x80 {
				t.Errorf("answer to SUBSCRIBE: %v, want SUBACK 0x80", p)
			}
		})
	}
}

func TestNotifyReachesAPersistentSessionLater(t *testing.T) {
	r := start(t, Quirks{})
	p := connectPacket("gw-042")
	p.CleanSession = false
	w := r.dial()
	w.send(p)
	if code, err := w.connack(); code != 0 || err != nil {
		t.Fatalf("CONNACK %d, %v", code, err)
	}
	sub := subscribePacket("$aws/things/gw-042/tunnels/notify")
	sub.Qoss[0] = 1
	w.send(sub)
	_, err := packets.ReadPacket(w)
	must(t, err)
	w.Close()
	r.until("the session's end", func() bool { return r.broker.Counts().Ended == 1 })
	must(t, r.broker.Notify("gw-042", []byte("{}")))

	r.pastGap("gw-042")
	w = r.dial()
	w.send(p)
	if code, err := w.connack(); code != 0 || err != nil {
		t.Fatalf("CONNACK %d, %v", code, err)
	}
	got, err := packets.ReadPacket(w)
	must(t, err)
	m, ok := got.(*packets.PublishPacket)
	if !ok || string(m.Payload) != "{}" || m.TopicName != sub.Topics[0] {
		t.Fatalf("after the second CONNECT: %v", got)
	}
	sub.MessageID = m.MessageID // not acknowledged, and none of the broker's business
	w.send(sub)
	got, err = packets.ReadPacket(w)
	must(t, err)
	if ack, ok := got.(*packets.SubackPacket); !ok || ack.MessageID != m.MessageID || ack.ReturnCodes[0] != 1 {
		t.Errorf("answer to SUBSCRIBE: %v", got)
	}
}

func TestWillIsSentUnlessDisconnected(t *testing.T) {
	for _, orderly := range []bool{false, true} {
		t.Run(fmt.Sprint("orderly ", orderly), func(t *testing.T) {
			r := start(t, Quirks{})
			p := connectPacket("gw-042")
			p.WillFlag, p.WillTopic, p.WillMessage, p.WillQos = true, "will", []byte("gone"), 1
			w := r.dial()
			w.send(p)
			if code, err := w.connack(); code != 0 || err != nil {
				t.Fatalf("CONNACK %d, %v", code, err)
			}
			want := 1
			if orderly {
				w.send(packets.NewControlPacket(packets.Disconnect))
				want = 0
			}
			w.Close()
			r.until("the session's end", func() bool { return r.broker.Counts().Ended == 1 })
			if got := r.broker.Messages(); len(got) != want || want == 1 && !got[0].Will {
				t.Errorf("messages %+v, want %d", got, want)
			}
			if got := r.broker.Counts().Disconnects; got != 1-want {
				t.Errorf("%d DISCONNECTs, want %d", got, 1-want)
			}
		})
	}
}

func TestFrozenBrokerSaysNothing(t *testing.T) {
	r := start(t, Quirks{})
	w := r.session("gw-042")
	r.broker.Freeze(true)
	r.broker.Freeze(true) // twice is once
	w.send(packets.NewControlPacket(packets.Pingreq))
	must(t, w.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	_, err := w.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("frozen: %v, want silence", err)
	}
	c, err := net.Dial("tcp", r.addr)
	must(t, err)
	c.Close()
	r.broker.Freeze(false)
	r.pastGap("gw-042")
	r.session("gw-042")
}

func TestKickAndPahoAgree(t *testing.T) {
	r := start(t, Quirks{})
	lost := make(chan error, 1)
	o := paho.NewClientOptions().AddBroker("ssl://" + r.addr).SetClientID("gw-042").SetTLSConfig(r.client).
		SetAutoReconnect(false).SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	client := paho.NewClient(o)
	if token := client.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("connecting: %v", token.Error())
	}
	if !r.broker.Kick("gw-042") {
		t.Fatal("nobody to kick")
	}
	select {
	case <-lost:
	case <-time.After(patience):
		t.Fatal("the client did not notice")
	}
	if r.broker.Kick("gw-043") {
		t.Error("kicked a client that was never there")
	}
}

func TestNoSuback(t *testing.T) {
	r := start(t, Quirks{NoSuback: true})
	w := r.session("gw-042")
	w.send(subscribePacket("f"))
	w.send(packets.NewControlPacket(packets.Pingreq))
	p, err := packets.ReadPacket(w)
	must(t, err)
	if _, ok := p.(*packets.PingrespPacket); !ok {
		t.Errorf("first answer %v, want PINGRESP", p)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/+", "a/b", true}, {"a/+", "a/b/c", false},
		{"a/#", "a/b/c", true}, {"a/#", "a", true}, {"#", "a/b", true}, {"a/b/c", "a/b", false},
	} {
		if got := allowed([]string{c.filter}, c.topic); got != c.want {
			t.Errorf("filter %s, topic %s: %v", c.filter, c.topic, got)
		}
	}
}
