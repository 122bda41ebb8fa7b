package awsiot

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// TestTrafficIsToldInMosquittosWords: a message that is sent once, not acknowledged,
// sent again and then acknowledged.
func TestTrafficIsToldInMosquittosWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		l := newPipes()
		r := startWith(t, Options{Traffic: &told}, l)
		first := r.pipe(l)
		first.connects()
		first.subscribes("t")
		must(t, r.broker.Publish("t", make([]byte, 300), false))
		first.message()
		first.NetConn().Close()

		time.Sleep(connectInterval)
		next := r.pipe(l)
		next.connects()
		next.message()
		next.send(&packets.PubackPacket{FixedHeader: packets.FixedHeader{MessageType: packets.Puback}, MessageID: 1})
		synctest.Wait()

		want := []string{
			"New client connected from @ as gw-042 (p2, c0, k230).",
			"Sending PUBLISH to gw-042 (d0, q1, r0, m1, 't', ... (300 bytes))",
			"Client gw-042 from @ disconnected: EOF.",
			"Sending PUBLISH to gw-042 (d1, q1, r0, m1, 't', ... (300 bytes))",
			"New client connected from @ as gw-042 (p2, c0, k230).",
			"Received PUBACK from gw-042 (Mid: 1, RC:0)",
		}
		got := regexp.MustCompile(`(?m)^\d+: `).ReplaceAllString(told.String(), "")
		got = strings.NewReplacer("from pipe", "from @").Replace(got)
		if got != strings.Join(want, "\n")+"\n" {
			t.Errorf("told:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
	})
}
