package fleet

import (
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/mqtt"
	"edgeagent/internal/vpn"
)

// stagesTime is from the link's first proof to the broker stage's start: the dns
// stage's and the endpoint's one question each.
const stagesTime = 100 * time.Millisecond

// agent is a device with edgeagent and one OpenVPN link.
type agent struct {
	config config.Config
	pace   *mqtt.Pace
	dice   Dice
}

// Agent returns edgeagent with the configuration c on the device id.
func Agent(c config.Config, id string, dice Dice) Client {
	return &agent{config: c, pace: mqtt.NewPace(id, c.MQTT.Fleet, dice.Below), dice: dice}
}

// Lost implements Client. The broker stage ends with the link. If that rides the
// outage out, only a PINGREQ that falls into it can tell.
func (a *agent) Lost(o Outage) (time.Time, bool) {
	a.pace.Began(o.From.Add(-time.Hour))
	down, up, kept := vpn.Absence(a.config, o.From, o.Back.Sub(o.From), a.dice.Below)
	ended, noticed := pingLost(o.From.Add(a.dice.Below(a.config.MQTT.KeepAlive)), o, a.config.MQTT.KeepAlive, mqtt.PingTimeout)
	switch {
	case noticed && (kept || ended.Before(down)):
		a.pace.Failed(ended, mqtt.RetryPath, time.Hour)
		if kept {
			return a.pace.Next(ended), true
		}
	case kept:
		return time.Time{}, false
	}
	up = up.Add(stagesTime)
	a.pace.Resume(up, false)
	return a.pace.Next(up), true
}

// Patience implements Client.
func (a *agent) Patience() time.Duration { return mqtt.DialTimeout }

// Unreached implements Client.
func (a *agent) Unreached(now time.Time) time.Time {
	a.pace.Failed(now, mqtt.RetryPath, 0)
	return a.pace.Next(now)
}

// Refused implements Client.
func (a *agent) Refused(now time.Time) time.Time {
	a.pace.Began(now)
	a.pace.Failed(now, mqtt.RetryCrowd, 0)
	return a.pace.Next(now)
}
