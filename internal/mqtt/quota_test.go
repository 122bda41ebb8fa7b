package mqtt

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestQuotas(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		topic    string
		size     int
		qos      byte
		inFlight int
		words    string // empty: admitted
	}{
		"usual":              {"edgeagent/gw-042/status", 2000, 1, 0, ""},
		"largest":            {"1/2/3/4/5/6/7/8", 128 << 10, 1, 99, ""},
		"reserved prefix":    {"$aws/2/3/4/5/6/7/8/9", 0, 1, 0, ""},
		"longest topic":      {strings.Repeat("x", 256), 0, 0, 0, ""},
		"QoS 0 needs no ack": {"t", 0, 0, 100, ""},
		"payload":            {"t", 128<<10 + 1, 1, 0, "131073 bytes: AWS IoT accepts 131072"},
		"topic":              {strings.Repeat("x", 257), 0, 1, 0, "257 bytes: AWS IoT accepts 256"},
		"slashes":            {"1/2/3/4/5/6/7/8/9", 0, 1, 0, "8 slashes: AWS IoT accepts 7"},
		"wildcard":           {"a/+/b", 0, 1, 0, "wildcard"},
		"invalid UTF-8":      {"a\xff", 0, 1, 0, "MQTT forbids"},
		"no topic":           {"", 0, 1, 0, "empty"},
		"QoS 2":              {"t", 0, 2, 0, "QoS 2: AWS IoT accepts 1"},
		"in flight":          {"t", 0, 1, 100, "100 messages without an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			var q quota
			err := q.admit(c.topic, make([]byte, c.size), c.qos, c.inFlight, now)
			if c.words == "" && err != nil || c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)) {
				t.Errorf("got %v, want %q", err, c.words)
			}
		})
	}
}

func TestRate(t *testing.T) {
	var q quota
	start := time.Now()
	for i := range 100 {
		if err := q.admit("t", nil, 0, 0, start.Add(time.Duration(i)*time.Millisecond)); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if err := q.admit("t", nil, 0, 0, start.Add(999*time.Millisecond)); err == nil {
		t.Error("a hundred and first message in the same second")
	}
	if err := q.admit("t", nil, 0, 0, start.Add(time.Second)); err != nil {
		t.Errorf("the next second: %v", err)
	}
}

func TestClientIDAndFilters(t *testing.T) {
	for id, good := range map[string]bool{"gw-042": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "": false} {
		if err := checkClientID(id); (err == nil) != good {
			t.Errorf("client id of %d bytes: %v", len(id), err)
		}
	}
	eight := strings.Split("abcdefgh", "")
	if err := checkFilters(eight...); err != nil {
		t.Errorf("eight filters: %v", err)
	}
	if err := checkFilters(append(eight, "i")...); err == nil {
		t.Error("nine filters")
	}
	if err := checkFilters(strings.Repeat("x/", 8)); err == nil {
		t.Error("a filter with eight slashes")
	}
}

func TestLongClientIDNeverLeaves(t *testing.T) {
	r := newRig(t, newCerts(t), noDial(t), func(o *Options) { o.MQTT.ClientID = strings.Repeat("x", 129) })
	r.run()
	r.down(status.ReasonRefused, "the client id has 129 bytes: AWS IoT accepts 128")
}

func TestLongThingNameIsUnsubscribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := scripted(t, nil, func(o *Options) { o.Thing = strings.Repeat("x", 250) })
		stop := r.run()
		u := r.until(reason(status.ReasonUnsubscribed))
		if u.State != status.Degraded || !strings.Contains(u.Detail, "AWS IoT accepts 256") {
			t.Errorf("reported %s %q", u.State, u.Detail)
		}
		stop()
	})
}

func TestStatusBeyondAQuotaIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil, withStatus)
		r.o.Board.Set("link", status.Update{State: status.OK, Detail: strings.Repeat("x", 128<<10)})
		stop := r.run()
		time.Sleep(time.Minute)
		if got := s.published(); len(got) != 0 {
			t.Errorf("%d messages were sent", len(got))
		}
		stop()
	})
}
