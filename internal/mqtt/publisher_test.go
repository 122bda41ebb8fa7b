package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

const statusTopic = "edgeagent/gw-042/status"

func withStatus(o *Options) { o.MQTT.StatusTopic = statusTopic }

// shown is a status message as its readers see it.
type shown struct {
	Schema        int
	Device, State string
	Stages        []struct{ Name, State, Reason string }
}

func decode(t *testing.T, payload []byte) shown {
	t.Helper()
	var s shown
	if err := json.Unmarshal(payload, &s); err != nil {
		t.Fatalf("status %q: %v", payload, err)
	}
	return s
}

// allOK puts every stage but the broker's in order.
func allOK(b *status.Board) {
	for _, stage := range []string{"link", "dns", "endpoint", "tunnel"} {
		b.Set(stage, status.Update{State: status.OK, Reason: status.ReasonConnected})
	}
}

func TestStatusIsRetainedAndOfflineOnStop(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{Publish: []string{statusTopic}}, withStatus)
	allOK(r.o.Board)
	stop := r.run()
	seen(t, b, "a status", func() bool { return b.Counts().Published > 0 })
	first := b.Messages()[0]
	if first.Topic != statusTopic || !first.Retain || first.QoS != 1 {
		t.Errorf("published %+v", first)
	}
	s := decode(t, first.Payload)
	if s.Schema != 1 || s.Device != "gw-042" || s.State != "ok" || len(s.Stages) != 5 || s.Stages[3].Reason != "connected" {
		t.Errorf("status %s", first.Payload)
	}
	if !b.Connects()[0].Will {
		t.Error("CONNECT has no last will")
	}
	stop()
	seen(t, b, "the end", func() bool { return b.Counts().Ended == 1 })
	if got := string(b.Retained(statusTopic)); got != `{"schema":1,"device":"gw-042","state":"offline"}` {
		t.Errorf("retained after the stop: %s", got)
	}
	if got := b.Counts(); got.Disconnects != 1 {
		t.Errorf("no DISCONNECT: %+v", got)
	}
	if last := b.Messages(); last[len(last)-1].Will {
		t.Error("the last will was sent after an orderly end")
	}
}

func TestLastWillSaysOffline(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{}, withStatus)
	r.run()
	seen(t, b, "a status", func() bool { return b.Counts().Published > 0 })
	r.session.live.Load().Close()
	var will *awsiot.Message
	seen(t, b, "the will", func() bool {
		for _, m := range b.Messages() {
			if m.Will {
				will = &m
			}
		}
		return will != nil
	})
	if !will.Retain || will.Topic != statusTopic || string(will.Payload) != `{"schema":1,"device":"gw-042","state":"offline"}` {
		t.Errorf("last will %+v: %s", will, will.Payload)
	}
}

func TestRefusedStatusTopicIsLeftAloneAndSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, closing[*packets.PublishPacket], withStatus)
		stop := r.run()
		u := r.until(reason(status.ReasonRefused))
		if u.State != status.Down || !strings.Contains(u.Detail, "closed right after publishing to "+statusTopic) ||
			!strings.Contains(u.Hint, "iot:RetainPublish") {
			t.Errorf("reported %s %q, hint %q", u.State, u.Detail, u.Hint)
		}
		u = r.until(func(u status.Update) bool { return u.State == status.Degraded })
		if u.Reason != status.ReasonRefused || !strings.Contains(u.Detail, "does not allow publishing to "+statusTopic) {
			t.Errorf("reported %q %q", u.Reason, u.Detail)
		}
		before := len(s.connectTimes())
		time.Sleep(mutedFor - time.Minute)
		if n := len(s.connectTimes()) - before; n != 0 {
			t.Errorf("%d more sessions were lost for the status", n)
		}
		s.say(nil) // the policy is corrected
		time.Sleep(2 * time.Minute)
		all, _ := r.reports.list()
		if last := all[len(all)-1]; last.State != status.OK {
			t.Errorf("an hour later: %s %q", last.State, last.Detail)
		}
		stop()
	})
}

func TestSlowPubackEndsWithTheWillAndWithoutDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, func(_ net.Conn, p packets.ControlPacket) bool {
			_, is := p.(*packets.PublishPacket)
			return is
		}, withStatus)
		stop := r.run()
		synctest.Wait()
		asked := time.Now()
		stop()
		synctest.Wait()
		if after := time.Since(asked); after > leaveTimeout+collectTimeout {
			t.Errorf("Run returned after %v", after)
		}
		if n := len(of[*packets.DisconnectPacket](s)); n != 0 {
			t.Error("DISCONNECT was sent: the broker drops the will, and the status says ok for good")
		}
	})
}

// recorder is a publisher's far end in fake time.
type recorder struct {
	at       []time.Duration // since start
	payloads []string
	start    time.Time
	err      error
}

func (r *recorder) send(_ context.Context, payload []byte) error {
	r.at = append(r.at, time.Since(r.start))
	r.payloads = append(r.payloads, string(payload))
	return r.err
}

// published runs a publisher over change and returns what it sent.
func published(t *testing.T, cause error, change func(b *status.Board)) *recorder {
	t.Helper()
	b := status.NewBoard("gw-042", "test", "link", "broker")
	r := &recorder{start: time.Now()}
	p := &publisher{board: b, offline: []byte("offline"), send: r.send, log: newRigLog()}
	p.start(time.Time{})
	change(b)
	p.stop(cause, time.Minute)
	return r
}

func TestStatusIsCoalescedAndTheLastStateGetsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := published(t, context.Canceled, func(b *status.Board) {
			time.Sleep(time.Minute) // past the opening messages
			for i := range 35 {     // a flapping link
				state := []status.State{status.Down, status.OK}[i%2]
				b.Set("link", status.Update{State: state, Reason: status.ReasonConnected})
				time.Sleep(time.Second)
			}
			time.Sleep(time.Minute)
		})
		var got []int
		for _, at := range r.at {
			got = append(got, int(at/time.Second))
		}
		want := []int{0, 10, 60, 70, 80, 90, 100}
		if len(got) != len(want) {
			t.Fatalf("messages at %v s, want %v", got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("messages at %v s, want %v", got, want)
			}
		}
		if last := decode(t, []byte(r.payloads[len(r.payloads)-1])); last.Stages[0].State != "down" {
			t.Errorf("the last message says %+v, want the last state", last)
		}
	})
}

// The stage that waits for the session starts a moment after it.
func TestFirstStatusIsOfTheWholePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := published(t, context.Canceled, func(b *status.Board) {
			b.Set("link", status.Update{State: status.Waiting, Reason: status.ReasonWaiting})
			time.Sleep(statusSettle / 2)
			b.Set("link", status.Update{State: status.OK, Reason: status.ReasonConnected})
			time.Sleep(time.Minute)
		})
		if first := decode(t, []byte(r.payloads[0])).Stages[0]; first.State != "ok" {
			t.Errorf("the first message says %+v", first)
		}
	})
}

func TestFiguresAloneAreNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := published(t, context.Canceled, func(b *status.Board) {
			for i := range 100 {
				b.Set("link", status.Update{State: status.OK, Reason: status.ReasonConnected,
					Detail: "round trip " + time.Duration(i).String(), Facts: status.Facts{"rtt_ms": i}})
				time.Sleep(time.Minute)
			}
		})
		if len(r.at) != 2 { // the two that open a session
			t.Errorf("%d messages in 100 minutes: %v", len(r.at), r.at)
		}
	})
}

func TestPublishedTimesAreWholeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := published(t, context.Canceled, func(b *status.Board) {
			time.Sleep(90*time.Second + time.Millisecond)
			b.Set("link", status.Update{State: status.Down, Reason: status.ReasonNoAnswer})
			time.Sleep(time.Minute)
		})
		if last := r.payloads[len(r.payloads)-1]; !strings.Contains(last, `"since":"2000-01-01T00:01:30Z"`) {
			t.Errorf("the last message is %s", last)
		}
	})
}

func TestChangedNamesAreNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := published(t, context.Canceled, func(b *status.Board) {
			for _, link := range []string{"vpn", "canal"} {
				b.Set("link", status.Update{State: status.OK, Reason: status.ReasonConnected, Facts: status.Facts{"link": link}})
				time.Sleep(time.Minute)
			}
		})
		if n := len(r.payloads); n != 3 || !strings.Contains(r.payloads[2], "canal") {
			t.Errorf("%d messages, want a third about the other link", n)
		}
	})
}

func TestGoodbyeOnlyInOrder(t *testing.T) {
	for cause, want := range map[error]string{errOrderly: "offline", context.Canceled: ""} {
		synctest.Test(t, func(t *testing.T) {
			r := published(t, cause, func(*status.Board) { time.Sleep(time.Minute) })
			last := r.payloads[len(r.payloads)-1]
			if (last == "offline") != (want == "offline") {
				t.Errorf("ended with %v, the last message is %s", cause, last)
			}
		})
	}
}

func TestFailedStatusIsNotRepeatedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := status.NewBoard("gw-042", "test", "link")
		r := &recorder{start: time.Now(), err: errors.New("beyond a quota")}
		p := &publisher{board: b, send: r.send, log: newRigLog()}
		p.start(time.Time{})
		time.Sleep(time.Hour)
		p.stop(context.Canceled, time.Minute)
		if len(r.at) != 2 {
			t.Errorf("%d attempts", len(r.at))
		}
	})
}
