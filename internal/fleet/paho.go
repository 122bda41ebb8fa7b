package fleet

import "time"

// Defaults of github.com/eclipse/paho.mqtt.golang v1.5.1 (options.go, and
// reconnect in client.go).
const (
	pahoKeepAlive = 30 * time.Second
	pahoFirst     = time.Second
	pahoMost      = 10 * time.Minute // MaxReconnectInterval
	pahoConnect   = 30 * time.Second // ConnectTimeout
	// pahoPing is PingTimeout, 10 s, as its loop keeps it: it looks every 5 s, and
	// the second look comes a moment too early (ping.go).
	pahoPing = 15 * time.Second
)

// paho is a device whose program uses paho.mqtt.golang as it comes.
type paho struct {
	dice  Dice
	sleep time.Duration // the last
	err   time.Time     // of the last failed attempt
}

// Paho returns a client of paho.mqtt.golang's defaults. Its path comes back
// everywhere in the moment when the outage ends.
func Paho(dice Dice) Client { return &paho{dice: dice} }

// Lost implements Client. The first attempt comes at once.
func (p *paho) Lost(o Outage) (time.Time, bool) {
	return pingLost(o.From.Add(p.dice.Below(pahoKeepAlive)), o, pahoKeepAlive, pahoPing)
}

// Patience implements Client.
func (p *paho) Patience() time.Duration { return pahoConnect }

// Unreached implements Client: doubled from one second, without jitter, and
// begun anew if the last failure is long ago (getBackoffSleepTime in backoff.go).
func (p *paho) Unreached(now time.Time) time.Time {
	before := p.err
	p.err = now
	if before.IsZero() || now.Sub(before) > 2*pahoConnect+p.sleep {
		p.sleep = pahoFirst
	} else {
		p.sleep = min(2*p.sleep, pahoMost)
	}
	return now.Add(p.sleep)
}

// Refused implements Client. A closed connection is a failure like any other.
func (p *paho) Refused(now time.Time) time.Time { return p.Unreached(now) }
