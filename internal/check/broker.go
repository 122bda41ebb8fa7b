package check

import (
	"context"
	"net"
	"net/netip"

	"edgeagent/internal/clock"
	"edgeagent/internal/mqtt"
)

// trialSuffix makes another client id of the daemon's: with its own the check
// would end the daemon's session.
const trialSuffix = "-check"

// checkTLS completes TLS with the broker, certificates and dates verified.
func checkTLS(ctx context.Context, x *examination) outcome {
	gate, _ := clock.NewGate(x.o.Build, "")
	m := x.config.MQTT
	m.ClientID, m.PersistentSession, m.StatusTopic = m.ClientID+trialSuffix, false, ""
	trial := mqtt.New(mqtt.Options{
		MQTT: m, Endpoint: x.config.Endpoint, Thing: x.config.Device.Thing,
		Path: devicePath{x}, Notify: func(string, []byte) {}, Clock: gate, Log: discard(),
	}).Try()
	if f := trial.Dial(ctx); f != nil {
		trial.Close()
		return fault(f.Detail, f.Hint)
	}
	return ok(trial.Address() + ", certificate verified for " + x.config.Endpoint.Host).
		learning(func(x *examination) {
			x.trial = trial
			x.ends = append(x.ends, trial.Close)
		})
}

// checkConnect sends CONNECT with a client id of its own, which a policy may
// well refuse although the daemon's is fine.
func checkConnect(ctx context.Context, x *examination) outcome {
	f := x.trial.Connect(ctx)
	if f == nil {
		return ok("accepted with client id " + x.config.MQTT.ClientID + trialSuffix).
			learning(func(x *examination) { x.connected = true })
	}
	if c, known := x.stage("broker"); known && c.State.Usable() {
		return skipped("the policy allows no second client id beside the daemon's, which is connected: " + c.Detail)
	}
	return warning("client id "+x.config.MQTT.ClientID+trialSuffix+": "+f.Detail,
		"if the policy allows the daemon's own client id alone, that is expected; else "+f.Hint)
}

// checkSubscribe asks for the topic on which tunnels are announced.
func checkSubscribe(ctx context.Context, x *examination) outcome {
	if !x.config.Tunnel.Enabled {
		return skipped("tunnels are disabled")
	}
	if !x.connected {
		return skipped("waits for broker.connect")
	}
	if f := x.trial.Subscribe(ctx); f != nil {
		return fault(f.Detail, f.Hint)
	}
	return ok("$aws/things/" + x.config.Device.Thing + "/tunnels/notify")
}

// devicePath is the way to the broker through the link's device.
type devicePath struct{ x *examination }

func (p devicePath) Addresses() []netip.AddrPort {
	var list []netip.AddrPort
	for _, a := range p.x.addrs {
		list = append(list, netip.AddrPortFrom(a, p.x.config.Endpoint.Port))
	}
	return list
}

func (p devicePath) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	d := boundDialer(p.x.path.Device)
	return d.DialContext(ctx, "tcp4", to.String())
}
