package mqtt

import (
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

// deafAfter answers n PINGREQs and then none.
func deafAfter(n int32) (answer func(net.Conn, packets.ControlPacket) bool, hear func()) {
	var left atomic.Int32
	left.Store(n)
	answer = func(_ net.Conn, p packets.ControlPacket) bool {
		_, isPing := p.(*packets.PingreqPacket)
		return isPing && left.Add(-1) < 0
	}
	return answer, func() { left.Store(1 << 20) }
}

func TestKeepAliveIsOnePingEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil)
		stop := r.run()
		time.Sleep(time.Hour)
		// 3600 s at 230 s each, and the one that proved the session.
		if n := len(of[*packets.PingreqPacket](s)); n != 1+3600/230 {
			t.Errorf("%d PINGREQs in an hour", n)
		}
		if got := of[*packets.ConnectPacket](s)[0].Keepalive; got != 230 {
			t.Errorf("CONNECT asks for a keepalive of %d s", got)
		}
		stop()
	})
}

func TestIdleBlackHoleIsFoundByTheKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, _ := deafAfter(1)
		r, _ := scripted(t, answer)
		start := time.Now()
		stop := r.run()
		u, _ := r.reports.after(t, 0, reason(status.ReasonNoPing))
		if u.State != status.Down || !strings.Contains(u.Detail, "no answer to PINGREQ within 10s; last byte at 00:00:00") {
			t.Errorf("reported %s %q", u.State, u.Detail)
		}
		if after := time.Since(start); after != 240*time.Second {
			t.Errorf("found after %v", after)
		}
		stop()
	})
}

func TestProveGivesTheBrokerFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, _ := deafAfter(1)
		r, _ := scripted(t, answer)
		stop := r.run()
		time.Sleep(time.Minute)
		asked := time.Now()
		r.session.Prove()
		r.session.Prove()
		u := r.until(reason(status.ReasonNoPing))
		if after := time.Since(asked); after != 5*time.Second || !strings.Contains(u.Detail, "within 5s") {
			t.Errorf("ended after %v: %q", after, u.Detail)
		}
		stop()
	})
}

func TestProveHurriesAKeepAliveUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, _ := deafAfter(1)
		r, s := scripted(t, answer)
		stop := r.run()
		time.Sleep(232 * time.Second) // the keepalive's PINGREQ is out for 2 s of its 10
		asked := time.Now()
		r.session.Prove()
		r.until(reason(status.ReasonNoPing))
		if after := time.Since(asked); after != 5*time.Second {
			t.Errorf("ended after %v", after)
		}
		if n := len(of[*packets.PingreqPacket](s)); n != 2 {
			t.Errorf("%d PINGREQs", n)
		}
		stop()
	})
}

func TestNoOKWithoutARoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, hear := deafAfter(0)
		r, _ := scripted(t, answer)
		stop := r.run()
		u := r.down(status.ReasonNoPing, "no answer to PINGREQ within 5s")
		if u.Facts["connects"] != 1 {
			t.Errorf("facts %v", u.Facts)
		}
		hear()
		r.until(ok)
		stop()
	})
}

func TestTrafficOfTheBrokerPutsOffTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan net.Conn, 1)
		pings := 0
		answer := func(c net.Conn, p packets.ControlPacket) bool {
			if _, isPing := p.(*packets.PingreqPacket); !isPing {
				return false
			}
			if pings++; pings == 2 {
				held <- c
				return true
			}
			return false
		}
		r, _ := scripted(t, answer)
		stop := r.run()
		synctest.Wait()
		r.session.Prove()
		c := <-held
		time.Sleep(4 * time.Second) // a large message keeps coming in
		notify := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		notify.TopicName = notifyTopic
		must(0, notify.Write(c))
		time.Sleep(4 * time.Second)
		must(0, packets.NewControlPacket(packets.Pingresp).Write(c))
		synctest.Wait()
		all, _ := r.reports.list()
		if last := all[len(all)-1]; last.State != status.OK || last.Facts["rtt_ms"] != int64(8000) {
			t.Errorf("last report %+v", last)
		}
		stop()
	})
}

func TestMissingSubackIsDegraded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var silent atomic.Bool
		silent.Store(true)
		r, s := scripted(t, func(_ net.Conn, p packets.ControlPacket) bool {
			_, isSub := p.(*packets.SubscribePacket)
			return isSub && silent.Load()
		})
		stop := r.run()
		u, n := r.reports.after(t, 0, reason(status.ReasonUnsubscribed))
		if u.State != status.Degraded || !strings.Contains(u.Detail, "no answer to SUBSCRIBE within 5s") {
			t.Errorf("reported %s %q", u.State, u.Detail)
		}
		silent.Store(false)
		u, _ = r.reports.after(t, n, ok)
		if got := len(s.connectTimes()); got != 1 || len(of[*packets.SubscribePacket](s)) != 2 {
			t.Errorf("%d sessions, %d SUBSCRIBEs: %q", got, len(of[*packets.SubscribePacket](s)), u.Detail)
		}
		stop()
	})
}

func TestCorrectedPolicyIsFoundWithoutAReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var code atomic.Uint32
		code.Store(0x80)
		r, s := scripted(t, func(c net.Conn, p packets.ControlPacket) bool {
			sub, isSub := p.(*packets.SubscribePacket)
			if isSub {
				ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
				ack.MessageID, ack.ReturnCodes = sub.MessageID, []byte{byte(code.Load())}
				must(0, ack.Write(c))
			}
			return isSub
		})
		stop := r.run()
		_, n := r.reports.after(t, 0, reason(status.ReasonUnsubscribed))
		code.Store(1)
		r.reports.after(t, n, ok)
		if got := len(s.connectTimes()); got != 1 {
			t.Errorf("%d sessions", got)
		}
		stop()
	})
}

func TestNoAnswerToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := scripted(t, func(_ net.Conn, p packets.ControlPacket) bool {
			_, isConnect := p.(*packets.ConnectPacket)
			return isConnect
		})
		stop := r.run()
		r.down(status.ReasonUnreachable, "TLS is up, but no answer to CONNECT within 10s")
		stop()
	})
}

func TestNoAnswerToTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil)
		s.mute = true
		stop := r.run()
		r.down(status.ReasonUnreachable, "no answer to TLS within 10s")
		stop()
	})
}

func TestStopTakesNoTimeWhateverTheStep(t *testing.T) {
	silent := func(kind func(packets.ControlPacket) bool) func(net.Conn, packets.ControlPacket) bool {
		return func(_ net.Conn, p packets.ControlPacket) bool { return kind(p) }
	}
	for name, answer := range map[string]func(net.Conn, packets.ControlPacket) bool{
		"CONNECT":   silent(func(p packets.ControlPacket) bool { _, is := p.(*packets.ConnectPacket); return is }),
		"SUBSCRIBE": silent(func(p packets.ControlPacket) bool { _, is := p.(*packets.SubscribePacket); return is }),
		"PINGREQ":   silent(func(p packets.ControlPacket) bool { _, is := p.(*packets.PingreqPacket); return is }),
		"nothing":   nil,
	} {
		t.Run("waiting for "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := scripted(t, answer)
				stop := r.run()
				synctest.Wait()
				asked := time.Now()
				stop()
				synctest.Wait()
				if after := time.Since(asked); after > leaveTimeout+collectTimeout {
					t.Errorf("Run returned after %v", after)
				}
				if name != "CONNECT" && len(of[*packets.DisconnectPacket](s)) != 1 {
					t.Error("no DISCONNECT")
				}
			})
		})
	}
}

func TestForbiddenPersistenceIsFoundOutAndSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, func(c net.Conn, p packets.ControlPacket) bool {
			connect, is := p.(*packets.ConnectPacket)
			if is && !connect.CleanSession {
				c.Close()
				return true
			}
			return false
		})
		stop := r.run()
		u := r.until(func(u status.Update) bool { return u.State == status.Degraded })
		if u.Reason != status.ReasonRefused || !strings.Contains(u.Detail, "forbids persistent sessions") ||
			!strings.Contains(u.Hint, "mqtt.persistent_session: false") {
			t.Errorf("reported %q %q, hint %q", u.Reason, u.Detail, u.Hint)
		}
		got := s.cleans()
		if len(got) != 5 || got[0] || got[1] || !got[2] || got[3] || !got[4] {
			t.Errorf("clean session in each CONNECT: %v, want two without, one with, one without, one with", got)
		}
		stop()
	})
}

func TestCorrectedPolicyIsNotMistakenForForbiddenPersistence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusals := 2
		r, s := scripted(t, func(c net.Conn, p packets.ControlPacket) bool {
			if _, is := p.(*packets.ConnectPacket); is && refusals > 0 {
				refusals--
				c.Close()
				return true
			}
			return false
		})
		stop := r.run()
		r.until(ok)
		if got := s.cleans(); len(got) != 4 || got[3] {
			t.Errorf("clean session in each CONNECT: %v, want the last without", got)
		}
		stop()
	})
}

func TestTakeover(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{})
	r.session.pace.jitter = func(time.Duration) time.Duration { return 0 }
	r.run()
	n := 0
	for range rivalCloses {
		_, n = r.reports.after(t, n, ok)
		r.rival(b)
	}
	u, _ := r.reports.after(t, n, func(u status.Update) bool { return u.State == status.Down })
	if u.Reason != status.ReasonTakenOver || !strings.Contains(u.Detail, "another device uses the client id gw-042") {
		t.Errorf("reported %q %q", u.Reason, u.Detail)
	}
	retry, _ := u.Facts["retry_at"].(time.Time)
	if pause := time.Until(retry); pause < rivalBackoffMin-patience {
		t.Errorf("the next attempt is in %v", pause)
	}
}

// rival connects with this device's client id, as soon as AWS lets it.
func (r *rig) rival(b *awsiot.Broker) {
	r.Helper()
	connects := b.Connects()
	timer := time.NewTimer(time.Until(connects[len(connects)-1].At.Add(connectGap)))
	defer timer.Stop()
	<-timer.C
	id, fault := r.session.identify(time.Now())
	if fault != nil {
		r.Fatal(fault.detail)
	}
	c := must(net.Dial("tcp", r.path.Addresses()[0].String()))
	r.Cleanup(func() { c.Close() })
	secure := tls.Client(c, id.config)
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.ClientIdentifier, p.CleanSession = "MQTT", 4, "gw-042", true
	must(0, p.Write(secure))
	ack := must(packets.ReadPacket(secure)).(*packets.ConnackPacket)
	if ack.ReturnCode != 0 {
		r.Fatalf("the rival was refused with %d", ack.ReturnCode)
	}
}
