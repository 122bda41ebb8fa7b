package mqtt

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"edgeagent/internal/status"
)

// live is one session, from CONNACK to its end.
type live struct {
	s       *Session
	conn    *conn
	leaf    *x509.Certificate // this device's
	client  paho.Client
	report  status.Report
	lost    chan error // paho gave up
	present bool       // the broker had kept the session

	step   step
	timer  *time.Timer   // ends the step
	since  time.Time     // of the step
	limit  time.Duration // of the step
	suback paho.Token

	up           time.Time // when it first carried the path, zero: not yet
	roundTrip    time.Duration
	unsubscribed string     // why there are no notifications, empty if there are
	quota        quota      // of what pub sends
	pub          *publisher // nil: no status topic, or not up yet
}

// step is what the session waits for.
type step byte

const (
	resting     step = iota // the time for the next PINGREQ
	subscribing             // SUBACK
	pinging                 // PINGRESP
)

// connection hands paho the connection that is there already.
func (l *live) connection(*url.URL, paho.ClientOptions) (net.Conn, error) { return l.conn, nil }

// run subscribes, proves the round trip and then keeps watch until the session
// ends. It returns nil if ctx ended it.
func (l *live) run(ctx context.Context) *fault {
	l.timer = time.NewTimer(0)
	l.timer.Stop()
	defer l.timer.Stop()
	l.begin()
	for {
		fault, ended := l.next(ctx)
		switch {
		case !ended:
			continue
		case fault == nil:
			l.leave()
		default:
			l.drop()
		}
		return fault
	}
}

// next handles one event. ended is true if it is the session's last.
func (l *live) next(ctx context.Context) (f *fault, ended bool) {
	var suback, taken <-chan struct{}
	if l.step == subscribing {
		suback = l.suback.Done()
	}
	if l.pub != nil {
		taken = l.pub.acked
	}
	select {
	case <-ctx.Done():
		return nil, true
	case <-l.conn.dead:
		return l.broken(l.conn.cause), true
	case err := <-l.lost:
		return l.broken(l.conn.why(err)), true
	case <-suback:
		l.subscribed()
	case l.roundTrip = <-l.conn.pongs:
		l.proved()
	case <-l.timer.C:
		f = l.late()
	case <-l.s.prove:
		l.hurry()
	case <-l.s.moved:
		f = l.checkAddress()
	case <-taken:
		l.unmute()
	}
	return f, f != nil
}

func (l *live) enter(next step, limit time.Duration) {
	l.step, l.since, l.limit = next, time.Now(), limit
	l.timer.Reset(limit)
}

// begin subscribes where there is anything to subscribe to.
func (l *live) begin() {
	if l.s.o.Notify == nil {
		l.ping(proofTimeout)
		return
	}
	topic := l.s.notifyTopic()
	if err := checkFilters(topic); err != nil {
		l.unsubscribed = err.Error()
		l.ping(proofTimeout)
		return
	}
	l.suback = l.client.Subscribe(topic, maxQoS, nil)
	l.enter(subscribing, subackTimeout)
}

// subscribed looks at the SUBACK. Paho's error is nil for a refusal.
func (l *live) subscribed() {
	topic := l.s.notifyTopic()
	code, answered := l.suback.(*paho.SubscribeToken).Result()[topic]
	switch err := l.suback.Error(); {
	case err != nil:
		l.unsubscribed = "subscribing to " + topic + ": " + err.Error()
	case !answered || code > maxQoS:
		l.unsubscribed = fmt.Sprintf("the IoT policy does not allow subscribing to %s (SUBACK 0x%02X)", topic, code)
	default:
		l.unsubscribed = ""
	}
	l.ping(proofTimeout)
}

func (l *live) ping(limit time.Duration) {
	go l.conn.ping() // it ends with the write deadline or the connection
	l.enter(pinging, limit)
}

// hurry answers Prove: a round trip that is under way has at most proofTimeout left.
func (l *live) hurry() {
	switch {
	case l.step == resting:
		l.ping(proofTimeout)
	case time.Since(l.since)+proofTimeout < l.limit:
		l.limit = time.Since(l.since) + proofTimeout
		l.timer.Reset(proofTimeout)
	}
}

// proved: the broker answered a PINGREQ. The first time, the stage is ok.
func (l *live) proved() {
	if l.up.IsZero() {
		l.up = time.Now()
		l.s.logged = ""
		l.s.o.Log.Info("broker session", "address", l.s.address, "client_id", l.s.o.MQTT.ClientID,
			"session_present", l.present, "round_trip", l.roundTrip.Round(time.Millisecond))
		defer l.publish()
	}
	l.tell()
	l.enter(resting, l.s.o.MQTT.KeepAlive)
}

// late is the end of a step's time.
func (l *live) late() *fault {
	switch {
	case l.step == subscribing:
		l.unsubscribed = fmt.Sprintf("no answer to SUBSCRIBE within %s", subackTimeout)
		l.ping(proofTimeout)
	case l.step == resting && l.unsubscribed != "":
		l.begin() // a policy may have been corrected meanwhile
	case l.step == resting:
		l.ping(PingTimeout)
	case l.conn.lastHeard().After(l.since):
		l.enter(pinging, l.limit) // the answer is behind something large
	default:
		return noPing("%s: no answer to PINGREQ within %s; last byte at %s",
			l.s.address, l.limit, l.conn.lastHeard().Format(time.TimeOnly))
	}
	return nil
}

func (l *live) checkAddress() *fault {
	if !l.s.gone() {
		return nil
	}
	return &fault{
		state: status.Starting, reason: status.ReasonConnecting, retry: RetryPath,
		detail: fmt.Sprintf("%s is no longer an address of the endpoint; connecting to another", l.s.address),
	}
}

// lived returns for how long the session has carried the path.
func (l *live) lived() time.Duration {
	if l.up.IsZero() {
		return 0
	}
	return time.Since(l.up)
}

// tell reports what the session is.
func (l *live) tell() {
	u := status.Update{State: status.OK, Reason: status.ReasonConnected, Detail: l.detail(), Facts: l.facts()}
	note := func(reason status.Reason, detail, hint string) {
		u.State, u.Reason, u.Hint = status.Degraded, reason, hint
		u.Detail = detail + "; " + u.Detail
	}
	switch {
	case l.unsubscribed != "":
		note(status.ReasonUnsubscribed, l.unsubscribed+": no tunnel can be opened", "")
	case l.s.keep.forbidden():
		note(status.ReasonRefused, "the IoT policy forbids persistent sessions: notifications sent while away are lost",
			"set mqtt.persistent_session: false, or allow iot:ConnectAttributes PersistentConnect in the IoT policy.")
	case l.s.muting.on(time.Now()):
		note(status.ReasonRefused, "the IoT policy does not allow publishing to "+l.s.o.MQTT.StatusTopic,
			"allow iot:Publish and iot:RetainPublish on the topic, or empty mqtt.status_topic.")
	}
	l.report(u)
}

func (l *live) detail() string {
	return fmt.Sprintf("%s, keepalive %d s, round trip %s", l.s.address, l.s.o.MQTT.KeepAlive/time.Second, status.RoundTrip(l.roundTrip))
}

func (l *live) facts() status.Facts {
	f := l.s.facts()
	f["rtt_ms"] = l.roundTrip.Milliseconds()
	f["session_present"] = l.present
	f["since"] = l.up.UTC().Round(time.Second)
	return f
}
