package mqtt

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

// down waits for the first report that is no attempt and checks what it says.
func (r *rig) down(want status.Reason, words ...string) status.Update {
	r.Helper()
	u := r.until(func(u status.Update) bool { return u.State == status.Down || u.State.Usable() })
	if u.State != status.Down || u.Reason != want {
		r.Fatalf("reported %s %s %q, want down %s", u.State, u.Reason, u.Detail, want)
	}
	for _, w := range words {
		if !strings.Contains(u.Detail, w) {
			r.Errorf("detail %q does not say %q", u.Detail, w)
		}
	}
	return u
}

func TestConnackCodes(t *testing.T) {
	for code, words := range map[byte]string{
		1: "code 1: it does not speak MQTT 3.1.1",
		2: "code 2: the client id is not accepted",
		3: "code 3: the broker is unavailable",
		4: "code 4: bad user name or password",
		5: "code 5: not authorised: IoT policy, client id, or VPC endpoint condition (aws:SourceVpce)",
		7: "code 7: outside MQTT 3.1.1, AWS IoT's not authorised: IoT policy, client id, or VPC endpoint condition",
	} {
		t.Run(words[:6], func(t *testing.T) {
			r, _ := aws(t, awsiot.Quirks{ConnackCode: code})
			r.run()
			u := r.down(status.ReasonRefused, r.path.Addresses()[0].String()+" answers CONNECT with "+words)
			if hinted := strings.Contains(u.Hint, "persistent_session: false"); hinted != (code >= 4) {
				t.Errorf("hint %q", u.Hint)
			}
			if _, isTime := u.Facts["retry_at"].(time.Time); !isTime || u.Facts["connects"] != 0 {
				t.Errorf("facts %v", u.Facts)
			}
		})
	}
}

func TestClosedRightAfterConnect(t *testing.T) {
	r, _ := aws(t, awsiot.Quirks{SourceVPCE: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}})
	r.run()
	u := r.down(status.ReasonRefused,
		"closed right after CONNECT: IoT policy, client id, or VPC endpoint condition (aws:SourceVpce)")
	if !strings.Contains(u.Hint, "client/gw-042") {
		t.Errorf("hint %q", u.Hint)
	}
}

func TestHintNamesPersistenceOnlyIfItWasAskedFor(t *testing.T) {
	r, _ := aws(t, awsiot.Quirks{CloseOnConnect: true}, func(o *Options) { o.MQTT.PersistentSession = false })
	r.run()
	if u := r.down(status.ReasonRefused, "closed right after CONNECT"); u.Hint != "" {
		t.Errorf("hint %q", u.Hint)
	}
}

func TestHintNamesTheLastWill(t *testing.T) {
	r, _ := aws(t, awsiot.Quirks{Publish: []string{"other/#"}}, withStatus)
	r.run()
	u := r.down(status.ReasonRefused, "closed right after CONNECT")
	if !strings.Contains(u.Hint, "iot:RetainPublish on "+statusTopic+", for the last will") {
		t.Errorf("hint %q", u.Hint)
	}
}

func TestSuback0x80IsDegraded(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{Subscribe: []string{"other/#"}})
	r.run()
	u := r.until(reason(status.ReasonUnsubscribed))
	if u.State != status.Degraded || !strings.Contains(u.Detail, "does not allow subscribing to "+notifyTopic+" (SUBACK 0x80)") {
		t.Errorf("reported %s %q", u.State, u.Detail)
	}
	if got := b.Counts(); got.Sessions != 1 || got.Ended != 0 {
		t.Errorf("the session did not stay: %+v", got)
	}
}

func TestClosedRightAfterSubscribe(t *testing.T) {
	r, _ := aws(t, awsiot.Quirks{Subscribe: []string{"other/#"}, SubscribeCloses: true})
	r.run()
	r.down(status.ReasonUnsubscribed, "closed right after SUBSCRIBE to "+notifyTopic)
}

func TestNoListenerIsUnreachable(t *testing.T) {
	t.Parallel()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	addr := l.Addr().String()
	l.Close()
	r := newRig(t, newCerts(t), newPath(addr))
	r.run()
	r.down(status.ReasonUnreachable, addr+": connection refused")
}

func TestNotABroker(t *testing.T) {
	t.Parallel()
	c := newCerts(t)
	addr := serveTLS(t, c, func(w net.Conn) {
		_, _ = packets.ReadPacket(w)
		_, _ = w.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	})
	r := newRig(t, c, newPath(addr))
	r.run()
	r.down(status.ReasonUnreachable, addr+": what answers is not an MQTT broker")
}

func TestPacketTooLargeEndsTheSession(t *testing.T) {
	t.Parallel()
	c := newCerts(t)
	addr := serveTLS(t, c, func(w net.Conn) {
		_, _ = packets.ReadPacket(w)
		_, _ = w.Write([]byte{typeConnack, 2, 0, 0, typePublish, 0xFF, 0xFF, 0xFF, 0x7F})
		_, _ = w.Read(make([]byte, 1000))
		_, _ = w.Read(make([]byte, 1000))
	})
	r := newRig(t, c, newPath(addr))
	r.run()
	r.down(status.ReasonUnreachable, "a packet of 268435455 bytes")
}
